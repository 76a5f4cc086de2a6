//! Applying a plan: the right order, at most eight writes at a time, one call for each change.
//!
//! It acts on the plan alone; the live documents it is given serve to keep what others set on a monitor.

mod record;
mod schedule;
mod step;

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;

use self::schedule::Schedule;
use crate::datadog::Writer;
use crate::model::{Address, Document, LiveMetric, MonitorId};
use crate::plan::{Change, Outcome, Plan, Report};
use crate::store::Environment;

/// The most writes that are under way at a time: Datadog's edge refuses more of one client.
pub const MAX_WRITES_IN_FLIGHT: usize = 8;

/// What applying a plan needs.
pub struct Context<'a> {
    /// The only writer of the whole program.
    pub writer: &'a Writer,
    /// The tag of the environment's monitors.
    pub owner_tag: &'a str,
    /// Where what was applied is kept.
    pub state: &'a Environment,
    /// The live monitors, as the plan's own refresh read them.
    pub live: HashMap<MonitorId, Document>,
    /// The live metrics, likewise.
    pub metrics: &'a BTreeMap<String, LiveMetric>,
    /// The ids of monitors that exist, by address, for composites.
    pub ids: BTreeMap<Address, u64>,
    /// The time, for records.
    pub now: &'a (dyn Fn() -> Timestamp + Sync),
    /// Told of each change that ended: how many have, of how many.
    pub progress: &'a (dyn Fn(&Change, &Outcome, Duration, usize, usize) + Sync),
    /// Set when no further call is to be made.
    pub stop: &'a AtomicBool,
}

/// Applies `plan`. What Datadog refuses, and what cannot be recorded, is in the report.
pub async fn apply(plan: &Plan, context: Context<'_>) -> Report {
    let total = plan.changes.len();
    let mut schedule = Schedule::new(&plan.changes);
    let mut report = Report::default();
    let ids = Mutex::new(context.ids.clone());
    let mut running = FuturesUnordered::new();
    let mut unrecorded = false;
    loop {
        let stopped = context.stop.load(Ordering::Relaxed) || unrecorded;
        while !stopped && running.len() < MAX_WRITES_IN_FLIGHT {
            let Some(index) = schedule.next(running.is_empty()) else { break };
            let change = &plan.changes[index];
            let (context, ids) = (&context, &ids);
            running.push(async move {
                let started = Instant::now();
                let outcome = step::run(change, plan, context, ids).await;
                (index, outcome, started.elapsed())
            });
        }
        let Some((index, outcome, elapsed)) = running.next().await else { break };
        let change = &plan.changes[index];
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                // The tags on the monitor say what the record would have said, so nothing is lost; but a disk that
                // refuses once will refuse again, and what is written should be recorded.
                unrecorded = true;
                Outcome::Failed { message: format!("done, but not recorded: {error}"), unknown: false }
            }
        };
        schedule.finish(index, matches!(outcome, Outcome::Done { .. } | Outcome::Deferred));
        note(&mut report, &context, change, outcome, elapsed, total);
    }
    report.interrupted = context.stop.load(Ordering::Relaxed) && schedule.waiting().next().is_some();
    for (index, reason) in schedule.waiting() {
        let reason = if report.interrupted { "stopped before it".to_owned() } else { reason };
        note(&mut report, &context, &plan.changes[index], Outcome::Skipped { reason }, Duration::ZERO, total);
    }
    report
}

fn note(
    report: &mut Report,
    context: &Context<'_>,
    change: &Change,
    outcome: Outcome,
    elapsed: Duration,
    total: usize,
) {
    (context.progress)(change, &outcome, elapsed, report.steps.len() + 1, total);
    report.steps.push((change.address.clone(), change.action, outcome, elapsed));
}
