//! Drift: what happened in Datadog since it was applied. It is given a reader, and so cannot write.

use sha2::{Digest, Sha256};

use super::{Compiled, Failure, PlanRequest, Planned, plan_from, refresh};
use crate::compile::ResourceKind;
use crate::datadog::Reader;
use crate::normalise::hex;
use crate::plan::{Action, Change, Options, Plan};

/// What happened in Datadog.
pub struct Drifted {
    /// A plan reduced to edits made in Datadog and to monitors that are missing there.
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

    /// Twelve digits for what differs: the same for two reports of the same monitors and fields, whatever the values.
    pub fn set(&self) -> String {
        let missing = self.plan.changes.iter().map(|change| format!("{}\n", change.address));
        let edited = self.plan.drift.iter().map(|drift| {
            let paths: Vec<&str> = drift.fields.iter().map(|field| field.path.as_str()).collect();
            format!("{} {}\n", drift.address, paths.join(" "))
        });
        let mut lines: Vec<String> = missing.chain(edited).collect();
        lines.sort();
        hex(&Sha256::digest(lines.concat().as_bytes())[..6])
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
    // Where `on_drift` is `revert`, the next apply puts an edit back; until then it is drift all the same.
    let options = Options { report_drift: true, ..request.options };
    let planned = plan_from(&PlanRequest { options, ..*request }, compiled, refreshed);
    let mut plan = planned.plan.clone();
    let total = plan.changes.len();
    let conflicts: Vec<_> = plan.changes.iter().filter_map(Change::live_side).collect();
    plan.drift.extend(conflicts);
    plan.drift.sort_by(|a, b| a.address.cmp(&b.address));
    // Without a snapshot nobody knows whether a missing monitor was ever there. Then it counts: a false alarm is
    // looked into, a false "in sync" is not.
    let knows_nothing = planned.refreshed.applied.is_empty();
    let is_missing = |change: &Change| {
        knows_nothing && change.action == Action::Create && change.kind == ResourceKind::Monitor
    };
    plan.changes.retain(|change| change.is_recreated() || is_missing(change));
    plan.deferred.clear();
    plan.blocked.clear();
    plan.count();
    let pending = total - plan.changes.len();
    Ok(Drifted { plan, planned, pending })
}
