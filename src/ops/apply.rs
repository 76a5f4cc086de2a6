//! Applying a plan, and the proof that nothing is left.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;

use super::{Compiled, Failure, PlanRequest, Planned, compile, plan_from, refresh};
use crate::apply::{self, Context, Outcome, Report};
use crate::datadog::Writer;
use crate::plan::{Change, Plan};

/// What came of an apply.
pub struct Applied {
    /// Each change's outcome.
    pub report: Report,
    /// What a fresh read still differs in; `None` when there was no point in looking.
    pub left: Option<Plan>,
}

/// Applies `plan`, then reads again and plans again: what is left is the proof, or the perpetual difference.
///
/// # Errors
///
/// When the snapshot store fails. What Datadog refuses is in the report.
pub async fn apply(
    request: &PlanRequest<'_>,
    plan: &Plan,
    planned: &Planned,
    writer: &Writer,
    stop: &AtomicBool,
    progress: &(dyn Fn(&Change, &Outcome, Duration, usize, usize) + Sync),
    now: &(dyn Fn() -> Timestamp + Sync),
) -> Result<Applied, Failure> {
    let context = Context {
        writer,
        state: request.state,
        live: planned.live.clone(),
        metrics: &planned.refreshed.snapshot.metrics,
        ids: planned.ids.clone(),
        now,
        progress,
        stop,
    };
    let report = apply::apply(plan, context).await?;
    if report.interrupted {
        return Ok(Applied { report, left: None });
    }
    let compiled: Compiled = compile(request.project, request.name, request.environment)?;
    let reader = writer.reader();
    let refreshed = refresh(&reader, request.environment, &compiled.graph, request.state, now()).await?;
    let left = plan_from(request, compiled, refreshed)?.plan;
    Ok(Applied { report, left: Some(left) })
}
