//! A drift report as the Markdown of an issue. Whatever comes from the schemas or from Datadog stands in code spans, where
//! nobody is mentioned and nothing is linked.

use serde_json::Value;

use super::plan::count;
use crate::plan::{Change, Drift, Plan};
use crate::text::clean_line;

/// How long the table may get; GitHub takes 65,536 characters.
const MOST_BYTES: usize = 60_000;
/// The longest value that is shown, in characters.
const LONGEST_VALUE: usize = 120;
/// Monitors that a comment names.
const MOST_NAMED: usize = 20;

/// The heading.
pub fn title(plan: &Plan, managed: u64) -> String {
    let (differing, total) = counts(plan, managed);
    let environment = clean_line(&plan.environment);
    format!("Drift in {environment}: {differing} of {} as last applied", not(total))
}

/// What the issue says. Without `with_values` the live values are left out: whoever can read the repository would read them.
pub fn body(plan: &Plan, managed: u64, with_values: bool) -> String {
    let (differing, total) = counts(plan, managed);
    let mut text = format!(
        "**{differing} of {} in {} {} from what was last applied.** All of them were read.\n\n",
        count(total, "monitor"),
        code(&plan.environment),
        if differing == 1 { "differs" } else { "differ" },
    );
    text.push_str(if with_values {
        "| | Monitor | Field | Schemas | Datadog | Edited |\n|:-:|:--|:--|:--|:--|:--|\n"
    } else {
        "| | Monitor | Fields | Edited |\n|:-:|:--|:--|:--|\n"
    });
    let rows = plan.changes.iter().map(|change| missing(change, with_values));
    let rows = rows.chain(plan.drift.iter().map(|drift| edited(drift, with_values)));
    for (shown, row) in rows.enumerate() {
        if text.len() + row.len() > MOST_BYTES {
            text.push_str(&format!("\n{} more: `bellwether drift`\n", count(differing - shown, "monitor")));
            break;
        }
        text.push_str(&row);
    }
    text.push('\n');
    if !plan.changes.is_empty() {
        text.push_str("- The next `bellwether apply` creates what is missing.\n");
    }
    if !plan.drift.is_empty() {
        text.push_str("- To put an edit back: `bellwether apply --reset-drift`\n");
        text.push_str("- To keep an edit: bring the schema to the live value.\n");
    }
    text.push_str("\n<sub>Kept up to date by `bellwether drift --issue`, and closed by it when nothing differs.</sub>\n");
    text
}

/// The comment for a report about other monitors or fields than before. `before` is what the issue said.
pub fn changed(plan: &Plan, managed: u64, before: &str) -> String {
    let (differing, total) = counts(plan, managed);
    let addresses = plan.changes.iter().map(|change| &change.address);
    let addresses = addresses.chain(plan.drift.iter().map(|drift| &drift.address));
    let new: Vec<String> =
        addresses.map(|a| code(a.as_str())).filter(|shown| !before.contains(shown.as_str())).collect();
    let mut text = format!("Now **{differing} of {}**, see above.\n", not(total));
    for address in new.iter().take(MOST_NAMED) {
        text.push_str(&format!("- new: {address}\n"));
    }
    if new.len() > MOST_NAMED {
        text.push_str(&format!("- and {} more\n", new.len() - MOST_NAMED));
    }
    text
}

/// The comment with which the issue is closed.
pub fn in_sync(environment: &str, managed: u64) -> String {
    let all = count(managed as usize, "monitor");
    format!("In sync: {all} in {} as last applied, all of them read.\n", code(environment))
}

fn not(total: usize) -> String {
    format!("{} not", count(total, "monitor"))
}

fn counts(plan: &Plan, managed: u64) -> (usize, usize) {
    (plan.drift.len() + plan.changes.len(), managed as usize + plan.changes.len())
}

fn missing(change: &Change, with_values: bool) -> String {
    let what = if change.is_recreated() { "deleted in Datadog" } else { "missing in Datadog" };
    let rest = if with_values { " | |" } else { "" };
    format!("| `+` | {} | {what} |{rest} |\n", code(change.address.as_str()))
}

fn edited(drift: &Drift, with_values: bool) -> String {
    let address = code(drift.address.as_str());
    let modified = drift.modified.as_deref().map(code).unwrap_or_default();
    if !with_values {
        let fields: Vec<String> = drift.fields.iter().map(|field| code(&field.path)).collect();
        return format!("| `!` | {address} | {} | {modified} |\n", fields.join(", "));
    }
    let mut rows = String::new();
    for (index, field) in drift.fields.iter().enumerate() {
        let (sign, address, modified) =
            if index == 0 { ("`!`", address.as_str(), modified.as_str()) } else { ("", "", "") };
        let (ours, live) = (shown(&field.after), shown(&field.before));
        rows.push_str(&format!(
            "| {sign} | {address} | {} | {ours} | {live} | {modified} |\n",
            code(&field.path)
        ));
    }
    rows
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => return "not set".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut short: String = text.chars().take(LONGEST_VALUE).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    code(&short)
}

/// A text in a code span within a table.
fn code(text: &str) -> String {
    let text = clean_line(text).replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let quotes = "`".repeat(longest + 1);
    if text.starts_with('`') || text.ends_with('`') {
        format!("{quotes} {text} {quotes}")
    } else {
        format!("{quotes}{text}{quotes}")
    }
}
