//! Whether somebody else has what is about to be made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::{Failure, PlanRequest, Planned, plan_from};
use crate::compile::ResourceKind;
use crate::datadog::Reader;
use crate::model::{Address, LiveMonitor};
use crate::normalise::{ADDRESS_TAG, addresses};
use crate::plan::{Action, Blocked};

/// Before monitors are made, the whole organisation is listed once: a monitor that carries the address of one of them and
/// no owner tag of this project is another repository's, or somebody removed the tag. A second one would page
/// people twice.
///
/// # Errors
///
/// When the list cannot be read.
pub async fn judge(
    request: &PlanRequest<'_>,
    mut planned: Planned,
    reader: &Reader,
) -> Result<Planned, Failure> {
    let made: BTreeSet<&str> = planned
        .plan
        .changes
        .iter()
        .filter(|change| change.kind == ResourceKind::Monitor && change.action == Action::Create)
        .map(|change| change.address.as_str())
        .collect();
    if made.is_empty() {
        return Ok(planned);
    }
    let before = reader.calls().reads();
    let address = |live: &LiveMonitor| -> Option<String> {
        addresses(live).find(|address| made.contains(address)).map(str::to_owned)
    };
    let ours = |live: &LiveMonitor| live.tags.contains(&request.environment.tag);
    let known: BTreeSet<_> = planned.refreshed.snapshot.monitors.iter().map(|live| live.id).collect();
    let organisation = OnceLock::new();
    let found = reader
        .all_monitors(|live| {
            organisation.get_or_init(|| live.organisation());
            address(live).is_some() && !known.contains(&live.id)
        })
        .await?;
    let (late, others): (Vec<_>, Vec<_>) = found.into_iter().partition(ours);
    let of_another_environment = |live: &LiveMonitor| {
        request.project.config.environments.values().any(|environment| live.tags.contains(&environment.tag))
    };
    let claimed: BTreeMap<String, LiveMonitor> = others
        .into_iter()
        .filter(|live| !of_another_environment(live))
        .filter_map(|live| Some((address(&live)?, live)))
        .collect();
    let calls = reader.calls().reads() - before;
    if !late.is_empty() {
        // The filtered list did not have them yet.
        let Planned { compiled, mut refreshed, .. } = planned;
        refreshed.snapshot.monitors.extend(late);
        refreshed.snapshot.monitors.sort_by_key(|live| live.id);
        planned = plan_from(request, compiled, refreshed);
    }
    planned.plan.api_calls.read += calls;
    planned.plan.blocked.extend(claimed.iter().map(|(address, live)| blocked(address, live, request)));
    if planned.plan.organisation.is_none() {
        planned.plan.organisation = organisation.into_inner().flatten();
    }
    planned.plan.count();
    Ok(planned)
}

fn blocked(address: &str, live: &LiveMonitor, request: &PlanRequest<'_>) -> Blocked {
    let tag = &request.environment.tag;
    Blocked {
        guard: "claimed".to_owned(),
        address: Address::parse(address).ok(),
        message: format!("{} carries the address {address} and no owner tag of this project", live.id),
        help: format!(
            "another repository may own it, or somebody removed the tag: give it the tag `{tag}` in Datadog to go on \
             with it, or take its `{ADDRESS_TAG}` tag off to let it go"
        ),
    }
}
