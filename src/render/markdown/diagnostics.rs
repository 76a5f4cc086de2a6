//! A project with errors, and other reasons why there is no plan.

use super::super::{Page, diagnostics as drawn};
use super::escape::fence;
use super::{Comment, Context, plural};
use crate::diag::{Diagnostic, Severity, Sources};
use crate::text::shortened;

/// So many are drawn.
const MOST: usize = 100;

/// The longest sentence that says why there is no result.
const MOST_MESSAGE: usize = 4_000;

/// What is wrong in the schemas, errors first, as many as fit.
pub fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources, context: &Context) -> Comment {
    let count = |severity| diagnostics.iter().filter(|d| d.severity() == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let mut said = Vec::new();
    if errors > 0 {
        said.push(plural(errors, "error"));
    }
    if warnings > 0 || errors == 0 {
        said.push(plural(warnings, "warning"));
    }
    let nothing = if errors > 0 { "; nothing was planned" } else { "" };
    let above = format!("### {}{nothing}\n\n", said.join(", "));
    let below = context.footer(None);
    let mut sorted: Vec<&Diagnostic> = diagnostics.iter().collect();
    sorted.sort_by_key(|diagnostic| diagnostic.severity());
    let mut space = context.limit().saturating_sub(above.len() + below.len() + 100);
    let mut middle = String::new();
    let mut shown = 0;
    for diagnostic in sorted.into_iter().take(MOST) {
        let text = drawn(std::slice::from_ref(diagnostic), sources, &Page::PLAIN);
        let lines: Vec<String> = text.trim_end().lines().map(|line| shortened(line, 400)).collect();
        let block = fence("text", &lines) + "\n";
        let Some(left) = space.checked_sub(block.len()) else { break };
        space = left;
        middle.push_str(&block);
        shown += 1;
    }
    let cut = diagnostics.len() - shown;
    if cut > 0 {
        middle.push_str(&format!("and {cut} more; `bellwether check` shows them\n"));
    }
    Comment { body: above + &middle + &below, cut }
}

/// Why there is no result, in one sentence.
pub fn failure(message: &str, context: &Context) -> Comment {
    let lines: Vec<String> = shortened(message, MOST_MESSAGE).lines().map(str::to_owned).collect();
    let body = format!("### No result\n\n{}{}", fence("text", &lines), context.footer(None));
    Comment { body, cut: 0 }
}
