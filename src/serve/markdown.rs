//! Markdown of plans and results, until `render` has its own.

use std::time::Duration;

use super::apply::Order;
use super::speech::{PlanWords, page_text};
use crate::diag::{Diagnostic, Sources};
use crate::plan::{Plan, Report};
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

/// A plan.
pub fn plan(words: &PlanWords<'_>) -> Shown {
    let body = format!(
        "### {} plan: {}\n\n{}\n\nPlan `{}` of `{}` onto `{}`",
        code(&words.plan.environment),
        title(words.plan),
        fence(&page_text(words.plan, words.header)),
        words.plan.short_digest(),
        words.commit,
        words.base
    );
    Shown { body, cut: 0 }
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
    _is_well: bool,
) -> String {
    let _ = plan;
    let by = order.by.map(|by| format!("Asked for by {} · ", code(by))).unwrap_or_default();
    format!(
        "### Applied to {}: {} of {}\n{by}commit {}\n\n{}",
        code(environment),
        report.done(),
        report.steps.len(),
        code(order.commit.short()),
        fence(&apply_summary(report, left, took))
    )
}
