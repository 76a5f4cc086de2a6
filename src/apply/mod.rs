//! Applying a plan: the right order, at most eight writes at a time, one call for each change.
//!
//! It acts on the plan alone. Right before a write it reads the monitor or metric once more: what somebody edited meanwhile is
//! left alone. Before and after each call the journal is on the disk.

mod record;
mod schedule;
mod step;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;

use self::schedule::Schedule;
use crate::datadog::Writer;
use crate::model::Address;
use crate::plan::{Change, Outcome, Plan, Report};
use crate::stop::{Level, Stop};
use crate::store::{Environment, Run};

/// The most writes that are under way at a time: Datadog's edge refuses more of one client.
pub const MAX_WRITES_IN_FLIGHT: usize = 8;

/// After so many changes without an overload one more may be under way at a time.
const CALM: usize = 16;

/// How long answers are waited for once the run is to stop. Runners that cancel a job kill it soon after.
pub const DRAIN: Duration = Duration::from_secs(7);

/// What applying a plan needs.
pub struct Context<'a> {
    /// The only writer of the whole program.
    pub writer: &'a Writer,
    /// The tag of the environment's monitors.
    pub owner_tag: &'a str,
    /// Where the journal and what was applied are kept.
    pub state: &'a Environment,
    /// The ids of monitors that exist, by address, for composites.
    pub ids: BTreeMap<Address, u64>,
    /// The time, for records.
    pub now: &'a (dyn Fn() -> Timestamp + Sync),
    /// Told of each change that ended: how many have, of how many.
    pub progress: &'a (dyn Fn(&Change, &Outcome, Duration, usize, usize) + Sync),
    /// Raised when no further call is to be made.
    pub stop: &'a Stop,
}

/// How many writes may be under way: halved when Datadog says that it is asked too much at a time.
struct Width {
    writes: usize,
    overloads: u64,
    calm: usize,
}

impl Width {
    fn ended(&mut self, overloads: u64) {
        if overloads > self.overloads {
            (self.overloads, self.calm) = (overloads, 0);
            self.writes = (self.writes / 2).max(1);
        } else if self.writes < MAX_WRITES_IN_FLIGHT {
            self.calm += 1;
            if self.calm >= CALM {
                (self.writes, self.calm) = (self.writes + 1, 0);
            }
        }
    }
}

/// Applies `plan`. What Datadog refuses, and what cannot be recorded, is in the report.
pub async fn apply(plan: &Plan, context: Context<'_>) -> Report {
    let total = plan.changes.len();
    let mut report = Report::default();
    let mut run =
        Run { digest: plan.digest.clone(), changes: total, started_at: (context.now)(), ended_at: None };
    let mut unrecorded = context.state.begin_run(&run).await.err();
    let mut schedule = Schedule::new(&plan.changes);
    let mut width = Width { writes: MAX_WRITES_IN_FLIGHT, overloads: context.writer.overloads(), calm: 0 };
    let ids = Mutex::new(context.ids.clone());
    let mut running = FuturesUnordered::new();
    let mut drained = Box::pin(drained(context.stop));
    loop {
        let stopped = context.stop.is_raised() || unrecorded.is_some();
        while !stopped && running.len() < width.writes {
            let Some(index) = schedule.next(running.is_empty()) else { break };
            let change = &plan.changes[index];
            let (context, ids) = (&context, &ids);
            running.push(async move {
                let started = Instant::now();
                let outcome = step::run(change, plan, context, ids).await;
                (index, outcome, started.elapsed())
            });
        }
        let ended = tokio::select! {
            biased;
            ended = running.next() => ended,
            () = &mut drained => None,
        };
        let Some((index, (outcome, error), elapsed)) = ended else { break };
        width.ended(context.writer.overloads());
        // A disk that refuses once will refuse again, and what is written should be recorded.
        unrecorded = unrecorded.or(error);
        schedule.finish(index, matches!(outcome, Outcome::Done { .. } | Outcome::Deferred));
        note(&mut report, &context, &plan.changes[index], outcome, elapsed, total);
    }
    // What is dropped here has no answer yet; its journal says so.
    drop(running);
    for index in schedule.running() {
        let message = "no answer when the run was stopped".to_owned();
        let outcome = Outcome::Failed { message, unknown: true };
        note(&mut report, &context, &plan.changes[index], outcome, Duration::ZERO, total);
    }
    let stopped = context.stop.is_raised();
    for (index, reason) in schedule.waiting() {
        let reason = match &unrecorded {
            _ if stopped => "stopped before it".to_owned(),
            Some(error) => format!("nothing is written that cannot be recorded: {error}"),
            None => reason,
        };
        note(&mut report, &context, &plan.changes[index], Outcome::Skipped { reason }, Duration::ZERO, total);
    }
    let open = |outcome: &Outcome| {
        matches!(
            outcome,
            Outcome::Skipped { .. } | Outcome::HalfDone { .. } | Outcome::Failed { unknown: true, .. }
        )
    };
    report.interrupted = stopped && report.count(open) > 0;
    run.ended_at = Some((context.now)());
    if let Err(error) = context.state.end_run(&run).await {
        report.unrecorded = Some(error.to_string());
    }
    report
}

/// Ends when answers are not waited for any longer.
async fn drained(stop: &Stop) {
    stop.reached(Level::Drain).await;
    tokio::select! {
        () = stop.reached(Level::Abort) => {}
        () = tokio::time::sleep(DRAIN) => {}
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overload_halves_the_writes_and_calm_gives_them_back_one_by_one() {
        let mut width = Width { writes: MAX_WRITES_IN_FLIGHT, overloads: 0, calm: 0 };
        let mut after = |overloads| {
            width.ended(overloads);
            width.writes
        };
        assert_eq!([1, 1, 2, 3, 4].map(&mut after), [4, 4, 2, 1, 1]);
        assert_eq!((0..CALM).map(|_| after(4)).last(), Some(2));
        assert_eq!((0..10 * CALM).map(|_| after(4)).last(), Some(MAX_WRITES_IN_FLIGHT));
    }
}
