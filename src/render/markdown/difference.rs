//! The differences of a change as lines of a `diff` fence, each with its own sign.

use serde_json::Value;

use super::super::fields::shown;
use super::escape::{fence, html_code};
use crate::diff::{ChangedBy, LineChange, lines};
use crate::model::{Address, Document};
use crate::plan::{Action, Change, FieldChange, REV_FIELD};
use crate::text::shortened;
use crate::units::plain;

/// So many lines of a long difference are kept, and so many characters of each.
const MOST_LINES: usize = 50;
const MOST_CHARACTERS: usize = 300;

/// How much of a long difference is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// All of it.
    Whole,
    /// Its first lines.
    Capped,
}

/// Whether there is anything to see.
pub fn exists(change: &Change) -> bool {
    match change.action {
        Action::Create => has_text(&change.after),
        Action::Delete => has_text(&change.before),
        Action::Rename | Action::Replace => true,
        Action::Update | Action::Adopt => change.fields.iter().any(|field| field.path != REV_FIELD),
    }
}

/// The folded difference of one change, or of all that are equal to it.
pub fn of(group: &[&Change], open: bool, length: Length) -> String {
    let Some(first) = group.first() else { return String::new() };
    let mut lines = difference(first);
    if length == Length::Capped {
        let more = lines.len().saturating_sub(MOST_LINES);
        lines.truncate(MOST_LINES);
        lines = lines.iter().map(|line| shortened(line, MOST_CHARACTERS)).collect();
        if more > 0 {
            lines.push(format!("@@ {more} more lines @@"));
        }
    }
    folded(group, open, &lines)
}

fn folded(group: &[&Change], open: bool, lines: &[String]) -> String {
    let Some(first) = group.first() else { return String::new() };
    let open = if open { " open" } else { "" };
    let symbol = html_code(super::row::symbol(first.action));
    let title = match group {
        [one] => html_code(one.address.as_str()),
        _ => format!("<b>{}</b>", super::row::resources(group)),
    };
    let names: Vec<String> = first.fields.iter().map(|field| html_code(&field.path)).collect();
    let fields = match names.len() {
        _ if matches!(first.action, Action::Create | Action::Delete) => String::new(),
        0 => String::new(),
        1..=4 => format!(" · {}", names.join(", ")),
        more => format!(" · {} and {} more fields", names[..3].join(", "), more - 3),
    };
    let mut text = format!("<details{open}><summary>{symbol} {title}{fields}</summary>\n\n");
    text.push_str(&fence("diff", lines));
    if group.len() > 1 {
        let names: Vec<String> = group.iter().map(|change| change.address.as_str().to_owned()).collect();
        text.push_str("\nOn:\n\n");
        text.push_str(&fence("text", &names));
    }
    text + "</details>\n"
}

fn difference(change: &Change) -> Vec<String> {
    match change.action {
        Action::Create => document('+', &change.after),
        Action::Delete => document('-', &change.before),
        Action::Replace if change.fields.is_empty() => {
            let mut lines = document('-', &change.before);
            lines.extend(document('+', &change.after));
            lines
        }
        Action::Update | Action::Rename | Action::Adopt | Action::Replace => {
            let mut lines = Vec::new();
            if let Some(from) = &change.from {
                lines.extend(moved(from, &change.address));
            }
            lines.extend(change.fields.iter().filter(|field| field.path != REV_FIELD).flat_map(field_lines));
            lines
        }
    }
}

fn moved(from: &Address, to: &Address) -> [String; 3] {
    ["@@ address @@".to_owned(), format!("- {from}"), format!("+ {to}")]
}

/// What says most about a monitor or a metric.
fn document(sign: char, document: &Document) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, text) in texts(document) {
        lines.push(format!("@@ {key} @@"));
        lines.extend(text.lines().map(|line| format!("{sign} {line}")));
    }
    lines
}

fn texts(document: &Document) -> impl Iterator<Item = (&'static str, &str)> {
    let keys = ["metric", "name", "query", "message"].into_iter();
    let texts = keys.filter_map(|key| Some((key, document.get(key)?.as_str()?)));
    texts.filter(|(_, text)| !text.is_empty())
}

fn has_text(document: &Document) -> bool {
    texts(document).next().is_some()
}

fn field_lines(field: &FieldChange) -> Vec<String> {
    let author = match (field.changed_by, &field.base) {
        (ChangedBy::Schema, _) => String::new(),
        (ChangedBy::Datadog, _) => ", edited in Datadog".to_owned(),
        (ChangedBy::Both, Some(base)) => {
            format!(", CONFLICT, last applied {}", shortened(&shown(base), 80))
        }
        (ChangedBy::Both, None) => ", CONFLICT, what was last applied is not known".to_owned(),
    };
    let path = &field.path;
    match (&field.before, &field.after) {
        (Value::String(before), Value::String(after)) if before.contains('\n') || after.contains('\n') => {
            let changes = lines(before, after);
            let total = after.lines().count().max(before.lines().count());
            let changed = changes.iter().filter(|line| !matches!(line, LineChange::Same(_))).count();
            let mut text = vec![format!("@@ {path}, {changed} of {total} lines{author} @@")];
            text.extend(changes.into_iter().map(|line| match line {
                LineChange::Same(line) => format!("  {line}"),
                LineChange::Removed(line) => format!("- {line}"),
                LineChange::Added(line) => format!("+ {line}"),
            }));
            text
        }
        (Value::Array(before), Value::Array(after)) => {
            let mut text = vec![format!("@@ {path}{author} @@")];
            let signed = |sign: char, from: &[Value], other: &[Value]| -> Vec<String> {
                let only = from.iter().filter(|value| !other.contains(value));
                only.map(|value| format!("{sign} {}", plain(value))).collect()
            };
            text.extend(signed('-', before, after));
            text.extend(signed('+', after, before));
            text
        }
        (before, after) => vec![
            format!("@@ {path}{author} @@"),
            format!("- {}", shown(before)),
            format!("+ {}", shown(after)),
        ],
    }
}
