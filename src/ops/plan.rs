//! Making a plan: compile, refresh, diff, validate.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;

use super::{Compiled, Failure, Refreshed, claims, refresh, stored, validate};
use crate::config::Environment;
use crate::datadog::Reader;
use crate::model::{Document, MonitorId};
use crate::plan::{self, Inputs, Options, Plan};
use crate::project::Project;
use crate::store;

/// What a plan is made of.
pub struct PlanRequest<'a> {
    /// The project.
    pub project: &'a Project,
    /// The environment's name.
    pub name: &'a str,
    /// The environment.
    pub environment: &'a Environment,
    /// Datadog; without it the stored snapshot is used.
    pub reader: Option<&'a Reader>,
    /// Where the snapshot is kept.
    pub state: &'a store::Environment,
    /// What the user asked for.
    pub options: Options<'a>,
    /// The time.
    pub now: Timestamp,
}

/// A plan and what it was made of.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// The compiled project.
    pub compiled: Compiled,
    /// What Datadog holds.
    pub refreshed: Refreshed,
    /// How many changed bodies Datadog accepts.
    pub accepted: usize,
}

/// Makes a plan.
///
/// # Errors
///
/// When the project has errors, or Datadog or the snapshot cannot be read.
pub async fn plan(request: &PlanRequest<'_>, compiled: Compiled) -> Result<Planned, Failure> {
    let refreshed = match request.reader {
        Some(reader) => {
            refresh(reader, request.environment, &compiled.graph, request.state, request.now).await?
        }
        None => stored(request.state)?,
    };
    let mut planned = plan_from(request, compiled, refreshed);
    if let Some(reader) = request.reader {
        planned = claims::judge(request, planned, reader).await?;
        let live = touched(&planned.plan, &planned.refreshed);
        planned.accepted = validate::validate(&mut planned.plan, &live, reader, request.state).await?;
        validate::can_delete(&mut planned.plan, reader).await?;
        planned.plan.count();
    }
    Ok(planned)
}

/// Makes a plan from what was read before; nobody is asked.
pub fn plan_from(request: &PlanRequest<'_>, compiled: Compiled, refreshed: Refreshed) -> Planned {
    let plan = plan::build(&Inputs {
        environment: request.name,
        graph: &compiled.graph,
        sources: &request.project.sources,
        catalog: &request.project.catalog,
        snapshot: &refreshed.snapshot,
        applied: &refreshed.applied,
        disowned: &refreshed.disowned,
        deleted: &refreshed.deleted,
        budget: &request.project.config.budget,
        guard: &request.project.config.guard,
        options: request.options,
        diagnostics: &compiled.warnings,
        read_calls: refreshed.read_calls,
        now: request.now,
    });
    Planned { plan, compiled, refreshed, accepted: 0 }
}

/// The live documents of the monitors that `plan` touches.
pub fn touched(plan: &Plan, refreshed: &Refreshed) -> HashMap<MonitorId, Document> {
    let ids: BTreeSet<MonitorId> = plan.changes.iter().filter_map(|change| change.id).collect();
    let monitors = refreshed.snapshot.monitors.iter().filter(|live| ids.contains(&live.id));
    monitors.map(|live| (live.id, live.document())).collect()
}
