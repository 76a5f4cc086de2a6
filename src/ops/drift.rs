//! Drift: what happened in Datadog since it was applied. It is given a reader, and so cannot write.

use super::{Compiled, Failure, PlanRequest, Planned, plan_from, refresh};
use crate::datadog::Reader;
use crate::plan::Plan;

/// What happened in Datadog.
pub struct Drifted {
    /// A plan reduced to edits made in Datadog and to monitors that were deleted there.
    pub plan: Plan,
    /// What it was made of.
    pub planned: Planned,
    /// Changes of the schemas that are not applied yet, which are no drift.
    pub pending: usize,
}

impl Drifted {
    /// Whether nothing happened.
    pub fn is_none(&self) -> bool {
        self.plan.drift.is_empty() && self.plan.changes.is_empty()
    }
}

/// Compares what is live with what was last applied.
///
/// # Errors
///
/// When Datadog cannot be read completely: that is never "in sync".
pub async fn drift(
    request: &PlanRequest<'_>,
    reader: &Reader,
    compiled: Compiled,
) -> Result<Drifted, Failure> {
    let refreshed = refresh(reader, request.environment, &compiled.graph, request.state, request.now).await?;
    let planned = plan_from(request, compiled, refreshed)?;
    let mut plan = planned.plan.clone();
    let total = plan.changes.len();
    let conflicts: Vec<_> = plan.changes.iter().filter_map(crate::plan::Change::live_side).collect();
    plan.drift.extend(conflicts);
    plan.drift.sort_by(|a, b| a.address.cmp(&b.address));
    plan.changes.retain(crate::plan::Change::is_recreated);
    plan.deferred.clear();
    plan.blocked.clear();
    plan.count();
    let pending = total - plan.changes.len();
    Ok(Drifted { plan, planned, pending })
}
