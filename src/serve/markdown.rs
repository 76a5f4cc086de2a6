//! Markdown of plans and results, until `render` has its own.

use std::time::Duration;

use super::apply::Order;
use super::speech::{PlanWords, page_text};
use crate::diag::{Diagnostic, Sources};
use crate::plan::{Action, Plan, Report};
use crate::render::{self, Page, apply_summary};

/// A comment.
pub struct Shown {
    /// Its text.
    pub body: String,
    /// How many diffs were left out.
    pub cut: u64,
}

/// A code span.
pub fn code(text: &str) -> String {
    let text = crate::text::clean_line(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let ticks = "`".repeat(longest + 1);
    format!("{ticks}{text}{ticks}")
}

/// Sentences.
pub fn prose(text: &str) -> String {
    code(text)
}

fn fence(text: &str) -> String {
    format!("````text\n{}\n````", crate::text::clean(text).replace("````", "'```"))
}

/// The counts.
pub fn title(plan: &Plan) -> String {
    let summary = &plan.summary;
    let parts = [
        (summary.create, "create"),
        (summary.update, "change"),
        (summary.rename, "rename"),
        (summary.adopt, "adopt"),
        (summary.replace, "replace"),
        (summary.delete, "delete"),
        (summary.drifted, "drifted"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    if parts.is_empty() { "No changes".to_owned() } else { parts.join(" · ") }
}

/// GitHub takes 65,536 characters; in bytes, with room for what stands around.
const ROOM: usize = 60_000;

/// A plan: the whole of it, or a line for each change, or what is lost, whichever fits.
pub fn plan(words: &PlanWords<'_>) -> Shown {
    let (plan, header) = (words.plan, words.header);
    let whole = page_text(plan, header);
    let (text, cut) = if whole.len() <= ROOM {
        (whole, 0)
    } else {
        let lines = render::plan_summary(plan, header, &Page::PLAIN);
        let cut = plan.changes.len() as u64;
        if lines.len() <= ROOM { (lines, cut) } else { (losses(plan), cut) }
    };
    let parts = [
        format!("### {} plan: {}", code(&plan.environment), title(plan)),
        fence(text.trim_end()),
        super::words::how_to_apply(words),
        format!(
            "<sub>Plan <code>{}</code> of <code>{}</code> onto <code>{}</code>, {:.0}</sub>",
            plan.short_digest(),
            words.commit,
            words.base,
            words.now
        ),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Shown { body: parts.join("\n\n"), cut }
}

/// The deletes and replaces, which are always named; where even they do not fit, how many there are.
fn losses(plan: &Plan) -> String {
    let gone = plan.changes.iter().filter(|change| matches!(change.action, Action::Delete | Action::Replace));
    let lines: Vec<String> =
        gone.map(|change| format!("{} {}", change.action.word(), change.address)).collect();
    let text = lines.join("\n");
    if text.len() <= ROOM { text } else { format!("{} deletes, too many to be named here", lines.len()) }
}

/// Mistakes.
pub fn diagnostics(environment: &str, diagnostics: &[Diagnostic], sources: &Sources) -> String {
    format!(
        "### {}: no plan\n\n{}",
        code(environment),
        fence(&render::diagnostics(diagnostics, sources, &Page::PLAIN))
    )
}

/// An apply.
pub fn applied(
    environment: &str,
    plan: &Plan,
    report: &Report,
    left: Option<Result<&Plan, &str>>,
    order: &Order<'_>,
    took: Duration,
    is_well: bool,
) -> String {
    let verified = if is_well { ", verified" } else { "" };
    let less = match order.fell_away {
        0 => String::new(),
        less => format!(" · {less} of the plan needed no doing any more"),
    };
    let by = order.by.map(|by| format!("Asked for by {} · ", code(by))).unwrap_or_default();
    format!(
        "### Applied to {}: {} of {}{verified}\n{by}plan {} · commit {}{less}\n\n{}",
        code(environment),
        report.done(),
        report.steps.len(),
        code(plan.short_digest()),
        code(order.commit.short()),
        fence(apply_summary(report, left, took).trim_end())
    )
}
