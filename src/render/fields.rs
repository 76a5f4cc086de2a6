//! The fields of a change: values as people write them, differences marked.

use serde_json::Value;

use super::{Page, Style};
use crate::diff::{ChangedBy, LineChange, lines, marked_tokens};
use crate::plan::{Cause, FieldChange};
use crate::text::{clean, clean_line};
use crate::units::plain;

/// Where values start on a line.
const INDENT: usize = 14;

/// `    label     value`, further lines below the value.
pub fn labelled(page: &Page, label: &str, values: &[String]) -> String {
    let mut text = String::new();
    // A label that reaches into the values' column gets a line of its own.
    let own_line = label.len() > INDENT - 5;
    if own_line {
        text.push_str(&format!("    {label}\n"));
    }
    let label = if own_line { "" } else { label };
    for (index, value) in values.iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        text.push_str(&format!("    {label:<width$}{value}\n", width = INDENT - 4));
    }
    page.symbols(&text)
}

/// A long value on as many lines as it needs.
pub fn wrapped(page: &Page, label: &str, value: &str) -> String {
    let lines = page.wrap(&clean_line(value), page.width.saturating_sub(INDENT));
    labelled(page, label, &lines)
}

/// One changed field.
pub fn field(page: &Page, field: &FieldChange) -> String {
    let label = short_path(&field.path);
    match (&field.before, &field.after) {
        (Value::String(before), Value::String(after)) if before.contains('\n') || after.contains('\n') => {
            line_difference(page, label, before, after)
        }
        (Value::String(before), Value::String(after)) if before.len() + after.len() > 40 => {
            token_difference(page, label, before, after)
        }
        (Value::Array(before), Value::Array(after)) => set_difference(page, label, before, after),
        (before, after) => {
            let value = format!("{} → {}", shown(before), shown(after));
            one_line(page, label, &value)
        }
    }
}

/// One changed field, and who else changed it.
pub fn field_with_author(page: &Page, changed: &FieldChange) -> String {
    let mut text = field(page, changed);
    let note = match (changed.changed_by, &changed.base) {
        (ChangedBy::Schema, _) => return text,
        (ChangedBy::Datadog, _) => "edited in Datadog".to_owned(),
        (ChangedBy::Both, Some(base)) => format!("last applied {}", clean_line(&shown(base))),
        (ChangedBy::Both, None) => "what was last applied is not known".to_owned(),
    };
    text.push_str(&labelled(page, "", &[note]));
    text
}

/// The parameters that the fields of a change come from, each once.
pub fn causes(page: &Page, fields: &[FieldChange]) -> String {
    let mut seen: Vec<&Cause> = Vec::new();
    for cause in fields.iter().flat_map(|field| &field.causes) {
        if !seen.contains(&cause) {
            seen.push(cause);
        }
    }
    let lines: Vec<String> = seen
        .iter()
        .flat_map(|cause| {
            let value = match &cause.before {
                Some(before) => format!("{} {} → {}", cause.parameter, shown(before), shown(&cause.after)),
                None => format!("{} {}", cause.parameter, shown(&cause.after)),
            };
            let place = match (&cause.source, cause.set_by) {
                (Some(source), Some(set_by)) => format!(" ({source}, {})", set_by.as_str()),
                _ => " (the catalog's default)".to_owned(),
            };
            page.wrap(&(clean_line(&value) + &clean_line(&place)), page.width.saturating_sub(INDENT))
        })
        .collect();
    labelled(page, "cause", &lines)
}

/// The name by which people know a field.
pub fn short_path(path: &str) -> &str {
    path.strip_prefix("options.thresholds.")
        .or_else(|| path.strip_prefix("options.threshold_windows."))
        .or_else(|| path.strip_prefix("options."))
        .or_else(|| path.strip_prefix("metadata."))
        .or_else(|| path.strip_prefix("tag_configuration."))
        .or_else(|| path.strip_prefix("tags."))
        .unwrap_or(path)
}

fn one_line(page: &Page, label: &str, value: &str) -> String {
    // A label that reaches into the value's column gets its own width.
    let label = format!("{label:<width$}", width = INDENT - 4);
    let gap = if label.ends_with(' ') { "" } else { "  " };
    page.symbols(&format!("    {label}{gap}{}\n", clean_line(value)))
}

/// A value as people write it.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        other => plain(other),
    }
}

fn line_difference(page: &Page, label: &str, before: &str, after: &str) -> String {
    let changes = lines(before, after);
    let total = after.lines().count().max(before.lines().count());
    let changed = changes.iter().filter(|line| !matches!(line, LineChange::Same(_))).count();
    let mut rows = vec![format!("{changed} of {total} lines")];
    for line in &changes {
        rows.push(match line {
            LineChange::Same(text) => format!("  {}", clean(text)),
            LineChange::Removed(text) => page.paint(Style::Delete, &format!("- {}", clean(text))),
            LineChange::Added(text) => page.paint(Style::Create, &format!("+ {}", clean(text))),
        });
    }
    labelled(page, label, &rows)
}

fn token_difference(page: &Page, label: &str, before: &str, after: &str) -> String {
    let (before, after) = (clean_line(before), clean_line(after));
    let [old, new] = marked_tokens(&before, &after);
    let width = page.width.saturating_sub(INDENT + 2);
    let mut rows = Vec::new();
    for (sign, tokens) in [("-", old), ("+", new)] {
        for line in broken(&tokens, width) {
            let painted: String = line
                .iter()
                .map(
                    |(token, changed)| {
                        if *changed { page.paint(Style::Mark, token) } else { (*token).to_owned() }
                    },
                )
                .collect();
            rows.push(format!("{sign} {}", painted.trim_end()));
            if line.iter().any(|(_, changed)| *changed) && !page.color {
                let marks: String = line
                    .iter()
                    .map(|(token, changed)| (if *changed { "^" } else { " " }).repeat(token.chars().count()))
                    .collect();
                rows.push(format!("  {}", marks.trim_end()));
            }
        }
    }
    labelled(page, label, &rows)
}

/// Tokens in lines of at most `width` characters, broken after blanks and commas where that can be.
fn broken<'t>(tokens: &[(&'t str, bool)], width: usize) -> Vec<Vec<(&'t str, bool)>> {
    let mut lines: Vec<Vec<(&str, bool)>> = vec![Vec::new()];
    let mut used = 0;
    let mut word: Vec<(&str, bool)> = Vec::new();
    let length = |word: &[(&str, bool)]| word.iter().map(|(token, _)| token.chars().count()).sum::<usize>();
    let mut place = |word: &mut Vec<(&'t str, bool)>, lines: &mut Vec<Vec<(&'t str, bool)>>| {
        let needed = length(word);
        if used > 0 && used + needed > width {
            lines.push(Vec::new());
            used = 0;
        }
        used += needed;
        if let Some(line) = lines.last_mut() {
            line.append(word);
        }
    };
    for (index, token) in tokens.iter().enumerate() {
        word.push(*token);
        let before_blank = tokens.get(index + 1).is_some_and(|(next, _)| *next == " ");
        if token.0 == " " || (token.0 == "," && !before_blank) {
            place(&mut word, &mut lines);
        }
    }
    place(&mut word, &mut lines);
    lines
}

fn set_difference(page: &Page, label: &str, before: &[Value], after: &[Value]) -> String {
    let mut rows = Vec::new();
    for value in before.iter().filter(|value| !after.contains(value)) {
        rows.push(page.paint(Style::Delete, &format!("- {}", clean_line(&plain(value)))));
    }
    for value in after.iter().filter(|value| !before.contains(value)) {
        rows.push(page.paint(Style::Create, &format!("+ {}", clean_line(&plain(value)))));
    }
    labelled(page, label, &rows)
}
