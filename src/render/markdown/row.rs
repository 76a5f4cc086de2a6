//! The rows of a plan's table: what changes, and what that does to alerting.

use super::super::changes::{alerts, is_strong, loses_route, recipients};
use super::super::fields::{short_path, shown};
use super::escape::{cell, code, prose};
use super::{Context, plural};
use crate::compile::ResourceKind;
use crate::plan::{Action, Change, REV_FIELD};
use crate::text::shortened;

/// A value that fits into a row.
const SHORT: usize = 24;

/// An effect that does not is cut.
const MOST_EFFECT: usize = 400;

/// How soon a reader has to see it; the first comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// It goes.
    Delete,
    /// It goes, and comes back under a new id.
    Replace,
    /// Somebody is no longer paged.
    Route,
    /// It changes in place.
    Change,
    /// It is new.
    Create,
}

impl Danger {
    /// Of one change.
    pub fn of(change: &Change) -> Self {
        match change.action {
            Action::Delete => Self::Delete,
            Action::Replace => Self::Replace,
            _ if loses_route(change) => Self::Route,
            Action::Update | Action::Rename | Action::Adopt => Self::Change,
            Action::Create => Self::Create,
        }
    }

    /// Whether it is shown whatever else is left out.
    pub fn is_protected(self) -> bool {
        self <= Self::Route
    }
}

/// The symbol of an action.
pub fn symbol(action: Action) -> &'static str {
    super::super::Page::PLAIN.symbol(action)
}

/// `38 monitors`
pub fn resources(group: &[&Change]) -> String {
    let is_metric = group.first().is_some_and(|change| change.kind == ResourceKind::Metric);
    plural(group.len(), if is_metric { "metric" } else { "monitor" })
}

/// The head of the table.
pub const HEAD: &str = "| | Monitor | Change | Effect |\n|:-:|:--|:--|:--|\n";

/// The row of equal changes.
pub fn row(group: &[&Change], context: &Context) -> String {
    let Some(first) = group.first() else { return String::new() };
    let names = || group.iter().map(|change| context.address(&change.address, change.id));
    let what = match group {
        [one] => context.address(&one.address, one.id),
        // Whoever is no longer paged is named.
        _ if Danger::of(first).is_protected() => {
            format!("**{}**: {}", resources(group), names().collect::<Vec<_>>().join(", "))
        }
        _ => {
            let shown: Vec<String> = names().take(2).collect();
            format!("**{}**: {} and {} more", resources(group), shown.join(", "), group.len() - shown.len())
        }
    };
    let change = cell(&change(first, context.names_only));
    let effect = cell(&effect(first, context.names_only));
    format!("| {} | {} | {change} | {effect} |\n", code(symbol(first.action)), cell(&what))
}

fn change(change: &Change, names_only: bool) -> String {
    match change.action {
        Action::Create if names_only => "new".to_owned(),
        Action::Create => {
            let mut parts = vec![if change.is_recreated() { "made again" } else { "new" }.to_owned()];
            parts.extend(alerts(&change.after).iter().map(|alert| fact(alert)));
            if change.kind == ResourceKind::Monitor {
                parts.push(match recipients(&change.after).as_slice() {
                    [] => "to **nobody**".to_owned(),
                    handles => format!("to {}", limited(handles.iter().map(|handle| code(handle)), 3)),
                });
            }
            parts.join(", ")
        }
        Action::Delete => match &change.source {
            Some(source) => format!("no longer in {}", code(&source.file)),
            None => "in no schema any more".to_owned(),
        },
        Action::Replace => format!("made anew: {}", fields(change, names_only)),
        Action::Rename => {
            let was = change.from.as_ref().map(|from| format!("was {}", code(from.as_str())));
            [was, Some(fields(change, names_only)).filter(|fields| !fields.is_empty())]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join("; ")
        }
        Action::Adopt => format!("found by its name; {}", fields(change, names_only)),
        Action::Update => fields(change, names_only),
    }
}

/// `crit > 0.02`: words, an operator, a number.
fn fact(text: &str) -> String {
    match text.split_once(['<', '>', '=', '!']) {
        Some(_) => code(&shortened(text, 60)),
        None => prose(text),
    }
}

fn fields(change: &Change, names_only: bool) -> String {
    let told = change.fields.iter().map(|field| {
        let path = code(short_path(&field.path));
        if field.path == REV_FIELD {
            return "records what is applied".to_owned();
        }
        let (before, after) = (shown(&field.before), shown(&field.after));
        let is_short = |text: &str| text.len() <= SHORT && !text.contains('\n');
        if names_only || !is_short(&before) || !is_short(&after) {
            return path;
        }
        format!("{path} {} → {}", value(&before), value(&after))
    });
    limited(told, 5)
}

/// A value, as it is shown to people.
pub fn value(text: &str) -> String {
    if text == "not set" { text.to_owned() } else { code(text) }
}

/// The first of them, and how many more there are.
fn limited(items: impl ExactSizeIterator<Item = String>, most: usize) -> String {
    let total = items.len();
    let shown: Vec<String> = items.take(most).collect();
    match total.saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What may be said of an effect without a word of what is live.
const PHRASES: &[&str] = &[
    "COVERAGE LOST",
    "coverage lost",
    "IT IS ALERTING NOW",
    "NOBODY IS NOTIFIED",
    "no longer pages",
    "now pages",
    "more sensitive",
    "less sensitive",
    "slower",
    "faster",
    "new coverage",
    "NEW ID",
    "id and history are kept",
    "watches something else",
    "alerting is unchanged",
];

fn effect(change: &Change, names_only: bool) -> String {
    let told = change.effect.iter().map(|effect| {
        if names_only {
            let said: Vec<&str> = PHRASES.iter().copied().filter(|phrase| effect.contains(phrase)).collect();
            return said.join(", ");
        }
        let text = prose(&shortened(effect, MOST_EFFECT));
        if is_strong(effect) { strong(&text) } else { text }
    });
    told.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ")
}

/// The words before the first code in bold: bold around code can meet characters that undo it.
fn strong(text: &str) -> String {
    let end = text.find(['`', '(']).unwrap_or(text.len());
    let words = text[..end].trim_end();
    if words.is_empty() { text.to_owned() } else { format!("**{words}**{}", &text[words.len()..]) }
}
