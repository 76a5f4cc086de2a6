//! A drift report as the body of one issue that is kept up to date.

use super::escape::{cell, code, prose};
use super::held::bounded;
use super::{Comment, Context, plural};
use crate::plan::{Drift, Plan};

/// What differs from what was last applied; the changes of `plan` are the monitors that are missing, and `pending`
/// counts changes of the schemas that are not applied yet.
pub fn drift(plan: &Plan, pending: usize, context: &Context) -> Comment {
    let missing = plan.changes.len();
    let differing = plan.drift.len() + missing;
    let environment = code(&plan.environment);
    let total = context.managed.map(|managed| managed as usize + missing);
    let mut above = String::new();
    if differing == 0 {
        let all = total.map_or("everything".to_owned(), |total| plural(total, "monitor"));
        above.push_str(&format!("**In sync**: {all} in {environment} as last applied.\n"));
    } else {
        let of = total.map(|total| format!(" of {total}")).unwrap_or_default();
        let noun = if differing == 1 && total.is_none() { "monitor" } else { "monitors" };
        let verb = if differing == 1 { "differs" } else { "differ" };
        above.push_str(&format!(
            "**{differing}{of} {noun} in {environment} {verb} from what was last applied.**\n\n"
        ));
        above.push_str(if context.names_only {
            "| Monitor | Fields edited in Datadog | Since |\n|:--|:--|:--|\n"
        } else {
            "| Monitor | In the schemas | Live | Since |\n|:--|:--|:--|:--|\n"
        });
    }
    let mut below = String::new();
    if pending > 0 {
        let changes = plural(pending, "change");
        below.push_str(&format!("\n{changes} of the schemas not applied yet (that is no drift).\n"));
    }
    if !plan.drift.is_empty() {
        below.push_str(
            "\nPut back: `bellwether apply --reset-drift`. Keep: bring the schema to the live value.\n",
        );
    }
    below.push_str(&context.footer(None));
    let rows: Vec<String> = plan
        .changes
        .iter()
        .map(|change| {
            let what = if change.is_recreated() { "**deleted in Datadog**" } else { "**missing**" };
            let address = cell(&code(change.address.as_str()));
            if context.names_only {
                return format!("| {address} | {what} | |\n");
            }
            format!("| {address} | wanted | {what} | |\n")
        })
        .chain(plan.drift.iter().map(|drift| with_since(drift, context)))
        .collect();
    let space = context.limit().saturating_sub(above.len() + below.len() + 100);
    let (table, left) = bounded(&rows, space);
    let more =
        if left == 0 { String::new() } else { format!("\nand {left} more, listed by `bellwether drift`\n") };
    Comment { body: above + &table + &more + &below, cut: left }
}

fn with_since(drift: &Drift, context: &Context) -> String {
    let row = super::held::drift_row(drift, context);
    let since = drift.modified.as_deref().unwrap_or_default();
    format!("{} {} |\n", row.trim_end(), if since.is_empty() { String::new() } else { cell(&prose(since)) })
}
