//! What every text about a plan asks of its changes: which are equal, and which a reader must not miss.

use std::collections::HashMap;

use serde_json::Value;

use crate::compile::ResourceKind;
use crate::model::Document;
use crate::normalise::at;
use crate::plan::{Action, Change, Plan, REV_FIELD};
use crate::query;
use crate::units::plain;

/// So many equal updates are told as one.
const LEAST: usize = 3;

/// The changes in order; updates that change the same fields in the same way and to the same effect stand together
/// where the first of them is, if there are at least three.
pub fn groups(plan: &Plan) -> Vec<Vec<&Change>> {
    let mut equal: HashMap<_, Vec<&Change>> = HashMap::new();
    for change in plan.changes.iter().filter(|change| is_groupable(change)) {
        equal.entry(differences(change)).or_default().push(change);
    }
    let mut groups = Vec::with_capacity(plan.changes.len());
    for change in &plan.changes {
        match equal.get_mut(&differences(change)).filter(|group| is_groupable(change) && group.len() != 1) {
            // Told with the first of its group.
            Some(group) if group.is_empty() => {}
            Some(group) if group.len() >= LEAST => groups.push(std::mem::take(group)),
            _ => groups.push(vec![change]),
        }
    }
    groups
}

fn is_groupable(change: &Change) -> bool {
    change.action == Action::Update && !change.fields.is_empty()
}

type Differences<'p> = (ResourceKind, Vec<(&'p str, &'p Value, &'p Value)>, &'p [String]);

fn differences(change: &Change) -> Differences<'_> {
    // What a rev was and is differs from monitor to monitor, and tells a person nothing.
    let fields = change.fields.iter().map(|field| match field.path.as_str() {
        REV_FIELD => (REV_FIELD, &Value::Null, &Value::Null),
        path => (path, &field.before, &field.after),
    });
    (change.kind, fields.collect(), &change.effect)
}

/// Whether an effect has to catch the eye.
pub fn is_strong(effect: &str) -> bool {
    ["LOST", "NOBODY", "ALERTING NOW", "NEW ID", "pages"].iter().any(|word| effect.contains(word))
}

/// Whether somebody is no longer paged.
pub fn loses_route(change: &Change) -> bool {
    change.effect.iter().any(|effect| effect.contains("no longer pages") || effect.contains("NOBODY"))
}

/// When a monitor alerts, how urgently: `P3`, `crit > 0.02`.
pub fn alerts(after: &Document) -> Vec<String> {
    let mut alerts = Vec::new();
    if let Some(priority) = after.get("priority").and_then(Value::as_u64) {
        alerts.push(format!("P{priority}"));
    }
    let operator =
        after.get("query").and_then(Value::as_str).and_then(query::comparison).map_or(">", |c| c.operator);
    for (label, key) in [("warn", "warning"), ("crit", "critical")] {
        if let Some(value) = at(after, &format!("options.thresholds.{key}")).filter(|value| !value.is_null())
        {
            alerts.push(format!("{label} {operator} {}", plain(value)));
        }
    }
    if at(after, "options.notify_no_data") == Some(&Value::Bool(true)) {
        alerts.push("no data: notified".to_owned());
    }
    alerts
}

/// Whom a monitor notifies.
pub fn recipients(document: &Document) -> Vec<&str> {
    query::handles(document.get("message").and_then(Value::as_str).unwrap_or_default())
}
