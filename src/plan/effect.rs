//! What a change does to alerting, in words: the part of a plan that a reviewer judges by.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::model::Document;
use crate::normalise::at;
use crate::query::{self, comparison, deviations, direction, window_seconds};
use crate::units::{duration_text, plain};

const UNCHANGED: &str = "alerting is unchanged";
const ELSEWHERE: &str = "watches something else";

/// What changes for alerting when a monitor goes from `before` to `after`.
///
/// Both documents may hold only some of the fields; a field that is absent from both has not changed.
pub fn of_update(before: &Document, after: &Document) -> Vec<String> {
    let mut effects = Vec::new();
    effects.extend(sensitivity(before, after));
    effects.extend(routes(before, after));
    effects.extend(urgency(before, after));
    if text(before, "query") != text(after, "query") && !has_sensitivity(&effects) {
        effects.push(ELSEWHERE.to_owned());
    }
    let grouping = |document: &Document| at(document, "options.notify_by").cloned();
    if grouping(before) != grouping(after) {
        effects.push("groups notifications otherwise".to_owned());
    }
    if effects.is_empty() {
        effects.push(UNCHANGED.to_owned());
    }
    effects
}

/// What changes when a monitor goes on under another address, after what is kept.
pub fn of_move(kept: &str, before: &Document, after: &Document) -> Vec<String> {
    let said = |effect: &String| effect != UNCHANGED && effect != ELSEWHERE;
    std::iter::once(kept.to_owned()).chain(of_update(before, after).into_iter().filter(said)).collect()
}

fn has_sensitivity(effects: &[String]) -> bool {
    effects
        .iter()
        .any(|effect| ["sensitive", "slower", "faster", "side"].iter().any(|word| effect.contains(word)))
}

fn text<'d>(document: &'d Document, key: &str) -> &'d str {
    document.get(key).and_then(Value::as_str).unwrap_or_default().trim()
}

/// Window, deviations and threshold, as one phrase: `slower and less sensitive (5m → 15m, 500 → 200)`.
fn sensitivity(before: &Document, after: &Document) -> Option<String> {
    let (old, new) = (text(before, "query"), text(after, "query"));
    let mut words: Vec<&str> = Vec::new();
    let mut details = Vec::new();
    let mut note = |word: &'static str, detail: String| {
        if !words.contains(&word) {
            words.push(word);
        }
        details.push(detail);
    };
    if let (Some(from), Some(to)) = (window_seconds(old), window_seconds(new))
        && from != to
    {
        let word = if to > from { "slower" } else { "faster" };
        note(word, format!("{} → {}", duration_text(from), duration_text(to)));
    }
    if let (Some(from), Some(to)) = (direction(old), direction(new))
        && from != to
    {
        let word = match (from, to) {
            (_, "both") => "more sensitive",
            ("both", _) => "less sensitive",
            _ => "watches the other side",
        };
        note(word, format!("direction {from} → {to}"));
    }
    if let (Some(from), Some(to)) = (deviations(old), deviations(new))
        && from != to
    {
        let word = if to > from { "less sensitive" } else { "more sensitive" };
        note(word, format!("{from} → {to} deviations"));
    }
    if let (Some(from), Some(to)) = (comparison(old), comparison(new))
        && from.operator.chars().next() == to.operator.chars().next()
        && from.threshold != to.threshold
        && (to.alerts_above() || to.alerts_below())
    {
        let stricter = (to.threshold < from.threshold) == to.alerts_above();
        let word = if stricter { "more sensitive" } else { "less sensitive" };
        note(word, format!("{} → {}", from.threshold, to.threshold));
    }
    let warning = |document: &Document| at(document, "options.thresholds.warning").and_then(Value::as_f64);
    match (warning(before), warning(after)) {
        (None, Some(to)) => note("warns earlier", format!("warning at {to}")),
        (Some(from), None) => note("no longer warns", format!("warning was {from}")),
        (Some(from), Some(to)) if from != to => note("warns otherwise", format!("warning {from} → {to}")),
        _ => {}
    }
    (!words.is_empty()).then(|| format!("{} ({})", words.join(" and "), details.join(", ")))
}

/// Handles that come and go.
fn routes(before: &Document, after: &Document) -> Vec<String> {
    let set =
        |document| -> BTreeSet<&str> { query::handles(text(document, "message")).into_iter().collect() };
    let (old, new) = (set(before), set(after));
    let list = |handles: Vec<&str>| handles.join(" ");
    let added: Vec<&str> = new.difference(&old).copied().collect();
    let removed: Vec<&str> = old.difference(&new).copied().collect();
    let mut effects = Vec::new();
    if !added.is_empty() {
        effects.push(format!("now pages {}", list(added)));
    }
    if !removed.is_empty() {
        let nobody = if new.is_empty() { ": NOBODY IS NOTIFIED" } else { "" };
        effects.push(format!("no longer pages {}{nobody}", list(removed)));
    }
    effects
}

/// Priority, repetition and missing data.
fn urgency(before: &Document, after: &Document) -> Vec<String> {
    let mut effects = Vec::new();
    let changed = |path: &str| {
        let value = |document| at(document, path).filter(|value| !value.is_null()).cloned();
        let (old, new) = (value(before), value(after));
        (old != new).then_some((old, new))
    };
    if let Some((old, new)) = changed("priority") {
        let shown = |value: Option<Value>| {
            value.map_or_else(|| "none".to_owned(), |value| format!("P{}", plain(&value)))
        };
        effects.push(format!("priority {} → {}", shown(old), shown(new)));
    }
    if let Some((old, new)) = changed("options.renotify_interval") {
        let minutes = |value: Option<Value>| value.as_ref().and_then(Value::as_u64).unwrap_or(0);
        effects.push(match (minutes(old), minutes(new)) {
            (0, new) => format!("repeats every {new} min"),
            (_, 0) => "no repeated notification".to_owned(),
            (old, new) => format!("repeats every {new} min instead of {old}"),
        });
    }
    if let Some((old, new)) = changed("options.notify_no_data") {
        let on = |value: Option<Value>| value == Some(Value::Bool(true));
        match (on(old), on(new)) {
            (false, true) => effects.push("notifies of missing data".to_owned()),
            (true, false) => effects.push("no longer notifies of missing data".to_owned()),
            _ => {}
        }
    }
    effects
}

/// What is lost when a monitor goes; `others` counts the monitors that its event keeps.
pub fn of_delete(live: &Document, others: usize) -> Vec<String> {
    let mut effects = vec![match others {
        0 => "COVERAGE LOST: the event has no other monitor".to_owned(),
        1 => "coverage lost: the event keeps 1 monitor".to_owned(),
        others => format!("coverage lost: the event keeps {others} monitors"),
    }];
    match live.get("overall_state").and_then(Value::as_str) {
        Some("Alert") => effects.push("IT IS ALERTING NOW".to_owned()),
        Some(state) => effects.push(format!("state {state}")),
        None => {}
    }
    effects
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn effects(before: Value, after: Value) -> String {
        of_update(before.as_object().unwrap(), after.as_object().unwrap()).join(" · ")
    }

    #[test]
    fn a_change_is_described_by_what_it_does() {
        let query = |query: &str| json!({"query": query});
        assert_eq!(
            effects(query("sum(last_5m):a < 500"), query("sum(last_15m):a < 200")),
            "slower and less sensitive (5m → 15m, 500 → 200)"
        );
        let anomaly = |n: f64| {
            query(&format!("avg(last_4h):anomalies(sum:a{{*}}, 'agile', {n}, direction='both') >= 1"))
        };
        assert_eq!(effects(anomaly(4.0), anomaly(3.0)), "more sensitive (4 → 3 deviations)");
        assert_eq!(
            effects(query("sum(last_5m):a > 5"), query("sum(last_5m):b > 5")),
            "watches something else"
        );
        assert_eq!(
            effects(json!({"message": "x @slack-a"}), json!({"message": "x @slack-a @pagerduty-b"})),
            "now pages @pagerduty-b"
        );
        assert_eq!(
            effects(json!({"message": "@slack-a", "priority": 3}), json!({"message": "", "priority": 1})),
            "no longer pages @slack-a: NOBODY IS NOTIFIED · priority P3 → P1"
        );
        assert_eq!(effects(json!({"name": "a"}), json!({"name": "b"})), "alerting is unchanged");
    }
}
