//! What a plan leaves alone: edits in Datadog that are held, and metrics that wait.

use serde_json::Value;

use super::super::fields::{short_path, shown};
use super::escape::{cell, code};
use super::row::value;
use super::{Context, plural};
use crate::plan::{Drift, OWNER_FIELD, Plan};
use crate::text::shortened;

/// A value in a cell.
const MOST_VALUE: usize = 80;

/// The folded list of held edits, of at most so many bytes.
pub fn drift(plan: &Plan, context: &Context, most: usize) -> String {
    if plan.drift.is_empty() {
        return String::new();
    }
    let monitors = plural(plan.drift.len(), "drifted monitor");
    let verb = if plan.drift.len() == 1 { "is" } else { "are" };
    let title = format!("{monitors} {verb} not part of this plan and left alone");
    let rows: Vec<String> = plan.drift.iter().map(|drift| drift_row(drift, context)).collect();
    let head = if context.names_only {
        "| Monitor | Fields edited in Datadog |\n|:--|:--|\n"
    } else {
        "| Monitor | In the schemas | Live |\n|:--|:--|:--|\n"
    };
    folded(&title, head, &rows, most)
}

/// A folded list of at most so many bytes; where nothing fits, its title.
pub fn folded(title: &str, head: &str, rows: &[String], most: usize) -> String {
    let (text, left) = bounded(rows, most);
    if text.is_empty() {
        return format!("\n{title}.\n");
    }
    let more = if left == 0 { String::new() } else { format!("\nand {left} more\n") };
    format!("\n<details><summary>{title}</summary>\n\n{head}{text}{more}\n</details>\n")
}

/// As many as fit into so many bytes, and how many do not.
pub fn bounded(items: &[String], most: usize) -> (String, usize) {
    let mut text = String::new();
    let mut taken = 0;
    for item in items.iter().take_while(|item| item.len() <= most) {
        if text.len() + item.len() > most {
            break;
        }
        text.push_str(item);
        taken += 1;
    }
    (text, items.len() - taken)
}

/// `| address | critical 30 | critical 300 |`
pub fn drift_row(drift: &Drift, context: &Context) -> String {
    let address = cell(&context.address(&drift.address, drift.id));
    if drift.fields.iter().any(|field| field.path == OWNER_FIELD) {
        let rest = if context.names_only { "" } else { " |" };
        return format!("| {address} | the environment's tag was removed |{rest}\n");
    }
    if context.names_only {
        let names: Vec<String> = drift.fields.iter().map(|field| code(&field.path)).collect();
        return format!("| {address} | {} |\n", cell(&names.join(", ")));
    }
    let side = |of: fn(&crate::plan::FieldChange) -> &Value| {
        let told = drift.fields.iter().take(6).map(|field| {
            let value = value(&shortened(&shown(of(field)), MOST_VALUE));
            format!("{} {value}", code(short_path(&field.path)))
        });
        let more = match drift.fields.len().saturating_sub(6) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        cell(&(told.collect::<Vec<_>>().join(", ") + &more))
    };
    format!("| {address} | {} | {} |\n", side(|field| &field.after), side(|field| &field.before))
}

/// The folded list of metrics that wait until Datadog has seen them.
pub fn deferred(plan: &Plan, most: usize) -> String {
    if plan.deferred.is_empty() {
        return String::new();
    }
    let waits = plural(plan.deferred.len(), "metric configuration");
    let title = format!("{waits} deferred until Datadog has seen the metric");
    let rows: Vec<String> =
        plan.deferred.iter().map(|change| format!("- {}\n", code(change.address.as_str()))).collect();
    folded(&title, "", &rows, most)
}
