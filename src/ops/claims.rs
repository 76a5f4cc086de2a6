//! Whether somebody else has what is about to be made.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::{Failure, PlanRequest, Planned, plan_from};
use crate::compile::ResourceKind;
use crate::datadog::Reader;
use crate::model::{Address, LiveMonitor};
use crate::normalise::{ADDRESS_TAG, addresses};
use crate::plan::{Action, Blocked, Change};

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
    let graph = &planned.compiled.graph;
    let creates = |change: &&Change| change.kind == ResourceKind::Monitor && change.action == Action::Create;
    // Each address that a monitor for it may carry, and the create: a record that was renamed had a former one.
    let made: BTreeMap<Address, Address> = planned
        .plan
        .changes
        .iter()
        .filter(creates)
        .flat_map(|change| {
            let former = graph.get(&change.address).into_iter().flat_map(|node| &node.former);
            let free = former.filter(|former| graph.get(former).is_none());
            free.chain([&change.address]).map(|carried| (carried.clone(), change.address.clone()))
        })
        .collect();
    if made.is_empty() {
        return Ok(planned);
    }
    let before = reader.calls().reads();
    let claim = |live: &LiveMonitor| {
        addresses(live).find_map(|carried| made.get_key_value(carried)).map(|(a, b)| (a.clone(), b.clone()))
    };
    let ours = |live: &LiveMonitor| live.tags.contains(&request.environment.tag);
    let known: BTreeSet<_> = planned.refreshed.snapshot.monitors.iter().map(|live| live.id).collect();
    let organisation = OnceLock::new();
    let found = reader
        .all_monitors(|live| {
            organisation.get_or_init(|| live.organisation());
            claim(live).is_some() && !known.contains(&live.id)
        })
        .await?;
    let (late, others): (Vec<_>, Vec<_>) = found.into_iter().partition(ours);
    let of_another_environment = |live: &LiveMonitor| {
        request.project.config.environments.values().any(|environment| live.tags.contains(&environment.tag))
    };
    let claimed: BTreeMap<(Address, Address), LiveMonitor> = others
        .into_iter()
        .filter(|live| !of_another_environment(live))
        .filter_map(|live| Some((claim(&live)?, live)))
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
    let claimed = claimed.into_iter();
    planned
        .plan
        .blocked
        .extend(claimed.map(|((carried, address), live)| blocked(&carried, address, &live, request)));
    if planned.plan.organisation.is_none() {
        planned.plan.organisation = organisation.into_inner().flatten();
    }
    planned.plan.count();
    Ok(planned)
}

fn blocked(carried: &Address, address: Address, live: &LiveMonitor, request: &PlanRequest<'_>) -> Blocked {
    let tag = &request.environment.tag;
    Blocked {
        guard: "claimed".to_owned(),
        address: Some(address),
        message: format!("{} carries the address {carried} and no owner tag of this project", live.id),
        help: format!(
            "another repository may own it, or somebody removed the tag: give it the tag `{tag}` in Datadog to go on \
             with it, or take its `{ADDRESS_TAG}` tag off to let it go"
        ),
    }
}
