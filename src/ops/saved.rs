//! A saved plan: is it still what would be applied?

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use super::{Failure, Planned};
use crate::compile::{ResourceKind, composite};
use crate::model::{Document, LiveMetric};
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
    let live = match change.kind {
        ResourceKind::Metric => {
            let document = if change.action == Action::Delete { &change.before } else { &change.after };
            let name = document.get("metric").and_then(Value::as_str).unwrap_or_default();
            let empty = LiveMetric::default();
            let metric = now.refreshed.snapshot.metrics.get(name).unwrap_or(&empty);
            // A metric that Datadog has not seen, or nobody has configured, has nothing that could be stale.
            if change.action == Action::Create {
                return State::AsPlannedFrom;
            }
            Some(metric_document(name, metric))
        }
        ResourceKind::Monitor => match change.id {
            Some(id) => {
                let monitor = now.refreshed.snapshot.monitors.iter().find(|live| live.id == id);
                monitor.map(crate::model::LiveMonitor::document)
            }
            None => {
                return match live_at(change.address.as_str(), now) {
                    None => State::AsPlannedFrom,
                    Some(id) => {
                        let monitor = now.refreshed.snapshot.monitors.iter().find(|live| live.id.0 == *id);
                        match monitor.map(crate::model::LiveMonitor::document) {
                            Some(document)
                                if differing(&with_ids(&change.after, now), &document).is_none() =>
                            {
                                State::AlreadyApplied
                            }
                            _ => State::Changed(format!("it exists already (#{id})")),
                        }
                    }
                };
            }
        },
    };
    let Some(live) = live else {
        return match change.action {
            Action::Delete => State::AlreadyApplied,
            _ => State::Changed("it is gone from Datadog".to_owned()),
        };
    };
    match differing(&change.before, &live) {
        None => State::AsPlannedFrom,
        Some(_)
            if change.action != Action::Delete
                && differing(&with_ids(&change.after, now), &live).is_none() =>
        {
            State::AlreadyApplied
        }
        Some(field) => State::Changed(field),
    }
}

fn live_at<'n>(address: &str, now: &'n Planned) -> Option<&'n u64> {
    let tag = format!("{ADDRESS_TAG}{address}");
    now.refreshed.snapshot.monitors.iter().find(|live| live.tags.contains(&tag)).map(|live| &live.id.0)
}

/// A composite's query with the ids of operands that were made since.
fn with_ids<'c>(after: &'c Document, now: &Planned) -> Cow<'c, Document> {
    let query = after.get("query").and_then(Value::as_str).unwrap_or_default();
    if after.get("type").and_then(Value::as_str) != Some("composite") {
        return Cow::Borrowed(after);
    }
    let resolved = composite::resolve(query, |address| live_at(address, now).copied());
    let mut after = after.clone();
    after.insert("query".to_owned(), resolved.into());
    Cow::Owned(after)
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
