//! A saved plan: is it still what would be applied?

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use super::{Failure, Planned};
use crate::compile::{ResourceKind, composite};
use crate::model::{Document, LiveMetric, LiveMonitor};
use crate::normalise::{ADDRESS_TAG, canonical, is_ignored, leaves};
use crate::plan::{Action, Change, Plan, metric_document};

/// A saved plan, compared with what is live now.
#[derive(Debug)]
pub struct Fresh {
    /// The changes that are still to be made.
    pub plan: Plan,
    /// How many are live already.
    pub already_applied: usize,
}

/// Compares a saved plan with what is live: an object that is neither as it was planned from nor as it was planned
/// to be makes the plan stale.
///
/// `now` is a plan of the same environment made from a fresh read.
///
/// # Errors
///
/// [`Failure::Stale`], naming the objects; nothing was written.
pub fn check_saved(saved: Plan, now: &Planned) -> Result<Fresh, Failure> {
    let mut plan = saved;
    let mut stale = Vec::new();
    let mut kept = Vec::new();
    let total = plan.changes.len();
    for change in std::mem::take(&mut plan.changes) {
        match state_of(&change, now) {
            State::AsPlannedFrom => kept.push(change),
            State::AlreadyApplied => {}
            State::Changed(what) => stale.push(format!("  {}: {what}", change.address)),
        }
    }
    if !stale.is_empty() {
        return Err(Failure::Stale(format!(
            "{} of {total} objects changed since the plan; nothing was written\n{}\nmake a new plan: bellwether plan",
            stale.len(),
            stale.join("\n")
        )));
    }
    let already_applied = total - kept.len();
    plan.changes = kept;
    plan.count();
    Ok(Fresh { plan, already_applied })
}

enum State {
    AsPlannedFrom,
    AlreadyApplied,
    Changed(String),
}

fn state_of(change: &Change, now: &Planned) -> State {
    match change.kind {
        // A metric that Datadog has not seen, or nobody has configured, has nothing that could be stale.
        ResourceKind::Metric if change.action == Action::Create => State::AsPlannedFrom,
        ResourceKind::Metric => {
            let document = if change.action == Action::Delete { &change.before } else { &change.after };
            let name = document.get("metric").and_then(Value::as_str).unwrap_or_default();
            let empty = LiveMetric::default();
            let live = now.refreshed.snapshot.metrics.get(name).unwrap_or(&empty);
            compared(change, &change.after, &metric_document(name, live))
        }
        ResourceKind::Monitor => monitor_state(change, now),
    }
}

fn monitor_state(change: &Change, now: &Planned) -> State {
    let monitors = &now.refreshed.snapshot.monitors;
    let after = with_ids(&change.after, monitors);
    let planned_from = change.id.and_then(|id| monitors.iter().find(|live| live.id == id));
    if let Some(live) = planned_from {
        return compared(change, &after, &live.document());
    }
    // A create, or a monitor that is gone: then the address tells whether it is done already.
    match (change.action, at_address(change.address.as_str(), monitors)) {
        (Action::Delete, _) => State::AlreadyApplied,
        (Action::Create, None) => State::AsPlannedFrom,
        (Action::Create | Action::Replace, Some(live)) => match differing(&after, &live.document()) {
            None => State::AlreadyApplied,
            Some(_) => State::Changed(format!("it exists already ({})", live.id)),
        },
        _ => State::Changed("it is gone from Datadog".to_owned()),
    }
}

fn compared(change: &Change, after: &Document, live: &Document) -> State {
    let is_done = || change.action != Action::Delete && differing(after, live).is_none();
    match differing(&change.before, live) {
        None => State::AsPlannedFrom,
        Some(_) if is_done() => State::AlreadyApplied,
        Some(field) => State::Changed(field),
    }
}

fn at_address<'m>(address: &str, monitors: &'m [LiveMonitor]) -> Option<&'m LiveMonitor> {
    let is_it =
        |live: &&LiveMonitor| live.tags.iter().any(|tag| tag.strip_prefix(ADDRESS_TAG) == Some(address));
    monitors.iter().find(is_it)
}

/// What was planned, a composite's operands as the ids that they have by now.
fn with_ids(after: &Document, monitors: &[LiveMonitor]) -> Document {
    let mut after = after.clone();
    if let Some(Value::String(query)) = after.get_mut("query") {
        *query = composite::resolve(query, |address| at_address(address, monitors).map(|live| live.id.0));
    }
    after
}

/// The first field of `expected` that is otherwise in `live`, in words.
fn differing(expected: &Document, live: &Document) -> Option<String> {
    for path in leaves(expected).into_keys().filter(|path| !is_ignored(path)) {
        let (wanted, found) = (canonical(expected, &path), canonical(live, &path));
        if path == "tags" {
            let set = |value: &Option<Cow<'_, Value>>| -> BTreeSet<String> {
                let tags = value.as_ref().and_then(|value| value.as_array()).into_iter().flatten();
                tags.filter_map(Value::as_str).map(str::to_owned).collect()
            };
            // Tags that others add are none of our business; one of ours that is gone is.
            if let Some(tag) = set(&wanted).difference(&set(&found)).next() {
                return Some(format!("tags: `{tag}` is gone"));
            }
        } else if wanted != found {
            let shown = |value: Option<Cow<'_, Value>>| {
                value.map_or_else(|| "not set".to_owned(), |value| value.to_string())
            };
            return Some(format!("{path}: planned from {}, now {}", shown(wanted), shown(found)));
        }
    }
    None
}
