//! The progress and the outcome of an apply.

use std::time::Duration;

use super::{Page, Style, count};
use crate::plan::{Action, Change, Outcome, Plan, Report};
use crate::text::clean_line;

/// One line for a change that ended: `[2/5] + address  created #8130112 (0.4 s)`.
pub fn journal_line(
    page: &Page,
    change: &Change,
    outcome: &Outcome,
    elapsed: Duration,
    done: usize,
    total: usize,
) -> String {
    let left =
        format!("[{done}/{total}] {} {}", page.symbol(change.action), clean_line(change.address.as_str()));
    let style = match outcome {
        Outcome::Done { .. } => page.style(change.action),
        Outcome::Failed { .. } | Outcome::HalfDone { .. } | Outcome::Stale { .. } => Style::Delete,
        Outcome::Deferred | Outcome::Skipped { .. } => Style::Faint,
    };
    let seconds = elapsed.as_secs_f64();
    let what = match outcome {
        Outcome::Done { id } => {
            let id = id.map(|id| format!(" {id}")).unwrap_or_default();
            format!("{}{id} ({seconds:.1} s)", past(change.action))
        }
        Outcome::Deferred => "deferred: Datadog has not seen the metric yet".to_owned(),
        Outcome::Failed { message, unknown } => {
            let unknown = if *unknown { " (it may have happened all the same)" } else { "" };
            format!("FAILED: {}{unknown}", clean_line(message))
        }
        Outcome::HalfDone { message } => format!("HALF DONE: {}", clean_line(message)),
        Outcome::Stale { what } => format!("LEFT ALONE, changed since the plan: {}", clean_line(what)),
        Outcome::Skipped { reason } => format!("not tried: {}", clean_line(reason)),
    };
    page.symbols(&format!("{}  {what}", page.paint(style, &left)))
}

fn past(action: Action) -> &'static str {
    match action {
        Action::Create => "created",
        Action::Update => "updated",
        Action::Rename => "renamed",
        Action::Adopt => "adopted",
        Action::Replace => "replaced",
        Action::Delete => "deleted",
    }
}

/// What was done, what was not, and what to do next.
///
/// `left` is what a fresh read still differs in, an error if it could not be read, nothing if nobody looked.
pub fn apply_summary(report: &Report, left: Option<Result<&Plan, &str>>, elapsed: Duration) -> String {
    let total = report.steps.len();
    let (done, failed, skipped) = (report.done(), report.failed(), report.skipped());
    let deferred = report.count(|outcome| *outcome == Outcome::Deferred);
    let unknown = report.count(|outcome| matches!(outcome, Outcome::Failed { unknown: true, .. }));
    let verb = if report.interrupted { "Interrupted after" } else { "Applied" };
    let mut text = format!("{verb} {done} of {total} in {:.1} s.", elapsed.as_secs_f64());
    let (stale, half_done) = (report.stale(), report.half_done());
    let counts = [
        (failed - unknown, "failed"),
        (half_done, "half done"),
        (stale, "left alone, changed since the plan"),
        (skipped, "not tried"),
        (deferred, "deferred"),
    ];
    for (number, what) in counts {
        if number > 0 {
            text.push_str(&format!(" {number} {what}."));
        }
    }
    if unknown > 0 {
        text.push_str(&format!(" {unknown} unknown, no answer came."));
    }
    match left {
        Some(Ok(left)) => {
            text.push_str(&format!(" Verified: {} left", count(left.changes.len(), "difference")));
            if !left.diagnostics.is_empty() {
                text.push_str(&format!(", {}", count(left.diagnostics.len(), "new warning")));
            }
            text.push_str(".\n");
        }
        Some(Err(reason)) => text.push_str(&format!(" NOT VERIFIED: {}\n", clean_line(reason))),
        None if report.interrupted => text.push('\n'),
        None => text.push_str(" Stopped before it was verified.\n"),
    }
    if let Some(reason) = &report.unrecorded {
        text.push_str(&format!("The end of this run could not be recorded: {}\n", clean_line(reason)));
    }
    if stale > 0 && report.written() == 0 {
        text.push_str("Nothing was written. bellwether plan shows what is live now.\n");
    } else if failed + half_done + skipped + stale > 0 || report.interrupted {
        text.push_str(
            "Nothing needs cleaning up. Mend the cause and run the same command again: done steps are no-ops.\n",
        );
    } else if !left
        .is_some_and(|left| left.is_ok_and(|left| left.changes.is_empty() && left.diagnostics.is_empty()))
    {
        text.push_str("bellwether plan shows what is left.\n");
    }
    text
}

/// The outcome as data.
pub fn apply_json(report: &Report, left: Option<Result<&Plan, &str>>) -> serde_json::Value {
    use serde_json::json;
    let steps: Vec<serde_json::Value> = report
        .steps
        .iter()
        .map(|(address, action, outcome, elapsed)| {
            let (result, id, message) = match outcome {
                Outcome::Done { id } => ("done", *id, None),
                Outcome::Deferred => ("deferred", None, None),
                Outcome::Failed { message, unknown: false } => ("failed", None, Some(message)),
                Outcome::Failed { message, unknown: true } => ("unknown", None, Some(message)),
                Outcome::HalfDone { message } => ("half_done", None, Some(message)),
                Outcome::Stale { what } => ("stale", None, Some(what)),
                Outcome::Skipped { reason } => ("skipped", None, Some(reason)),
            };
            json!({
                "address": address, "action": action, "result": result, "id": id, "message": message,
                "milliseconds": elapsed.as_millis() as u64,
            })
        })
        .collect();
    json!({
        "format_version": 1,
        "interrupted": report.interrupted,
        "steps": steps,
        "differences_left": left.and_then(Result::ok).map(|left| left.changes.len()),
    })
}
