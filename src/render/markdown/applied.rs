//! What came of an apply.

use std::time::Duration;

use super::escape::{cell, code, prose};
use super::held::bounded;
use super::row::symbol;
use super::{Comment, Context, plural};
use crate::plan::{Outcome, Plan, Report};
use crate::text::shortened;

/// The longest message of a failure.
const MOST_MESSAGE: usize = 600;

/// What was done, what was not, and what to do next.
///
/// `left` is what a fresh read still differs in, an error if it could not be read, nothing if nobody looked.
pub fn applied(
    environment: &str,
    report: &Report,
    left: Option<Result<&Plan, &str>>,
    elapsed: Duration,
    context: &Context,
) -> Comment {
    let (done, total) = (report.done(), report.steps.len());
    let environment = code(environment);
    let verified = match left {
        Some(Ok(left)) if left.changes.is_empty() && left.diagnostics.is_empty() => "verified".to_owned(),
        Some(Ok(left)) => format!("{} left", plural(left.changes.len(), "difference")),
        Some(Err(_)) => "NOT VERIFIED".to_owned(),
        None => "not verified".to_owned(),
    };
    let verb = if report.interrupted { "Interrupted in" } else { "Applied to" };
    let mut above = format!("### {verb} {environment}: {done} of {total}, {verified}\n\n");
    let deferred = report.count(|outcome| *outcome == Outcome::Deferred);
    let mut facts = vec![format!("{:.1} s", elapsed.as_secs_f64())];
    for (number, what) in [
        (report.failed(), "failed"),
        (report.half_done(), "half done"),
        (report.stale(), "left alone, changed since the plan"),
        (report.skipped(), "not tried"),
        (deferred, "deferred until Datadog has seen the metric"),
    ] {
        if number > 0 {
            facts.push(format!("**{number} {what}**"));
        }
    }
    above.push_str(&format!("{}\n", facts.join(" · ")));
    let reason = left.and_then(Result::err).or(report.unrecorded.as_deref());
    if let Some(reason) = reason.filter(|_| !context.names_only) {
        above.push_str(&format!(
            "\nWhat is live now could not be confirmed: {}\n",
            prose(&shortened(reason, MOST_MESSAGE))
        ));
    }
    let is_open = |outcome: &Outcome| !matches!(outcome, Outcome::Done { .. } | Outcome::Deferred);
    let mut below = String::new();
    if report.steps.iter().any(|(_, _, outcome, _)| is_open(outcome)) || report.interrupted {
        below.push_str(
            "\nNothing needs cleaning up. Mend the cause and do the same again: done steps are no-ops.\n",
        );
    }
    below.push_str(&context.footer(None));

    let rows = |open: bool| -> Vec<String> {
        let steps = report.steps.iter().filter(|(_, _, outcome, _)| is_open(outcome) == open);
        steps
            .map(|(address, action, outcome, _)| {
                let id = if let Outcome::Done { id } = outcome { *id } else { None };
                let (address, symbol) = (cell(&context.address(address, id)), code(symbol(*action)));
                format!("| {symbol} | {address} | {} |\n", cell(&told(outcome, context.names_only)))
            })
            .collect()
    };
    let space = context.limit().saturating_sub(above.len() + below.len() + 600);
    let mut cut = 0;
    let mut middle = String::new();
    for (open, title) in [(true, None), (false, Some("What was done"))] {
        let (table, left) = bounded(&rows(open), space.saturating_sub(middle.len()));
        cut += left;
        let more = if left == 0 { String::new() } else { format!("\nand {left} more\n") };
        if table.is_empty() {
            middle.push_str(&more);
            continue;
        }
        let table = format!("| | Monitor | Result |\n|:-:|:--|:--|\n{table}{more}");
        middle.push_str(&match title {
            None => format!("\n{table}"),
            Some(title) => format!("\n<details><summary>{title}</summary>\n\n{table}\n</details>\n"),
        });
    }
    Comment { body: above + &middle + &below, cut }
}

fn told(outcome: &Outcome, names_only: bool) -> String {
    let (what, message) = match outcome {
        Outcome::Done { .. } => ("done", None),
        Outcome::Deferred => ("deferred", None),
        Outcome::Failed { message, unknown: false } => ("**failed**", Some(message)),
        Outcome::Failed { message, unknown: true } => ("**unknown**, it may have happened", Some(message)),
        Outcome::HalfDone { message } => ("**half done**", Some(message)),
        Outcome::Stale { what } => ("**left alone**, changed since the plan", Some(what)),
        Outcome::Skipped { reason } => ("not tried", Some(reason)),
    };
    match message.filter(|_| !names_only) {
        Some(message) => format!("{what}: {}", prose(&shortened(message, MOST_MESSAGE))),
        None => what.to_owned(),
    }
}
