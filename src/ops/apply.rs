//! Applying a plan, and the proof that nothing is left.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::{Compiled, Failure, PlanRequest, Planned, Refreshed, plan_from, refresh};
use crate::apply::{self, Context};
use crate::datadog::Writer;
use crate::model::{Address, Lazy};
use crate::normalise::{addresses, rev};
use crate::plan::{Change, Outcome, Plan, PlanDiagnostic, Report, live_rev, match_monitors};
use crate::project::Project;
use crate::stop::Stop;
use crate::store;

/// What came of an apply.
pub struct Applied {
    /// Each change's outcome.
    pub report: Report,
    /// What a fresh read says of it.
    pub verified: Verified,
}

impl Applied {
    /// What the fresh read warns of that the plan did not.
    pub fn warnings(&self) -> &[PlanDiagnostic] {
        match &self.verified {
            Verified::Left(left) => &left.diagnostics,
            Verified::Unknown(_) | Verified::NotTried => &[],
        }
    }
}

/// What a fresh read after the last write says.
pub enum Verified {
    /// These differences are left, and these warnings are new: the proof, or a perpetual difference.
    Left(Box<Plan>),
    /// It could not be read, for this reason.
    Unknown(String),
    /// There was no point in looking: the apply was stopped.
    NotTried,
}

/// Applies `plan`, then reads again and plans again.
///
/// What Datadog refuses, and what cannot be recorded, is in the report: after the first write there is no error any
/// more that could say "nothing was written".
pub async fn apply(
    request: &PlanRequest<'_>,
    plan: &Plan,
    planned: Planned,
    writer: &Writer,
    stop: &Stop,
    progress: &(dyn Fn(&Change, &Outcome, Duration, usize, usize) + Sync),
    now: &(dyn Fn() -> Timestamp + Sync),
) -> Applied {
    let Planned { compiled, refreshed, plan: fresh, .. } = planned;
    let matching = match_monitors(&compiled.graph, &refreshed.snapshot.monitors, &refreshed.applied);
    let matched = matching.matched.iter().map(|(address, matched)| ((*address).clone(), matched.live.id.0));
    let disowned = refreshed.disowned.iter().map(|(address, id)| (address.clone(), id.0));
    let ids = disowned.chain(matched).collect();
    let context = Context {
        writer,
        owner_tag: &request.environment.tag,
        state: request.state,
        ids,
        now,
        progress,
        stop,
    };
    let report = apply::apply(plan, context).await;
    if stop.is_raised() {
        return Applied { report, verified: Verified::NotTried };
    }
    let verified = match verify(request, compiled, writer, now()).await {
        Ok(mut left) => {
            // A saved plan need not cover all that the schemas ask for by now.
            left.changes.retain(|change| plan.changes.iter().any(|done| done.address == change.address));
            left.diagnostics.retain(|found| !fresh.diagnostics.contains(found));
            left.count();
            Verified::Left(Box::new(left))
        }
        Err(failure) => Verified::Unknown(failure.to_string()),
    };
    Applied { report, verified }
}

async fn verify(
    request: &PlanRequest<'_>,
    compiled: Compiled,
    writer: &Writer,
    now: Timestamp,
) -> Result<Plan, Failure> {
    let refreshed =
        refresh(&writer.reader(), request.environment, &compiled.graph, request.state, now).await?;
    forget_gone(&compiled, &refreshed, request.state)?;
    Ok(plan_from(request, compiled, refreshed).plan)
}

/// Records what the rev tags prove to be applied, where the snapshot does not know it: it was lost, or another machine
/// applied. From then on the comparison knows which parameters changed, not only which fields.
///
/// # Errors
///
/// When the snapshot store fails.
pub fn recover(
    project: &Project,
    compiled: &Compiled,
    refreshed: &Refreshed,
    state: &store::Environment,
    now: Timestamp,
) -> Result<(), Failure> {
    let matching = match_monitors(&compiled.graph, &refreshed.snapshot.monitors, &refreshed.applied);
    let mut found = BTreeMap::new();
    for (address, matched) in matching.matched {
        let (Some(node), Some(tagged)) = (compiled.graph.get(address), live_rev(matched.live)) else {
            continue;
        };
        let is_known = refreshed.applied.get(address).is_some_and(|applied| applied.rev == tagged);
        if is_known || rev(&node.document) != tagged {
            continue;
        }
        let parameters: BTreeMap<String, serde_json::Value> =
            node.parameters.iter().map(|(name, p)| (name.clone(), p.value.clone())).collect();
        let applied = crate::model::Applied {
            id: Some(matched.live.id),
            rev: tagged,
            document: Lazy::new(&node.document),
            parameters: Lazy::new(&parameters),
            applied_at: now,
            source: Some(project.sources.file_line(node.origin)),
        };
        found.insert(address.clone(), applied);
    }
    Ok(state.record_all_applied(&found)?)
}

/// Drops the records of addresses that nobody asks for and that are not live: there is nothing left to delete.
fn forget_gone(
    compiled: &Compiled,
    refreshed: &Refreshed,
    state: &store::Environment,
) -> Result<(), Failure> {
    let live: BTreeSet<&str> = refreshed.snapshot.monitors.iter().flat_map(addresses).collect();
    let is_configured = |name: &str| {
        refreshed.snapshot.metrics.get(name).is_some_and(|metric| metric.tag_configuration.is_some())
    };
    let is_gone = |(address, applied): &(&Address, &crate::model::Applied)| {
        !live.contains(address.as_str())
            && compiled.graph.get(address).is_none()
            && !applied.metric().is_some_and(|name| is_configured(&name))
    };
    let gone = refreshed.applied.iter().filter(is_gone).map(|(address, _)| address);
    Ok(state.forget_applied(gone)?)
}
