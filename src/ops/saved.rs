//! A saved plan: is it still what would be applied?

use serde_json::Value;

use super::{Failure, Planned};
use crate::compile::{ResourceKind, composite};
use crate::model::{Address, Document, LiveMetric, LiveMonitor};
use crate::normalise::addresses;
use crate::plan::{Action, Blocked, Change, Plan, Standing, differing, metric_document, standing};

/// A saved plan, compared with what is live now.
#[derive(Debug)]
pub struct Fresh {
    /// The changes that are still to be made.
    pub plan: Plan,
    /// How many are live already.
    pub already_applied: usize,
}

/// Refuses a plan that was made against other schemas: what it says of Datadog is what they ask for.
///
/// # Errors
///
/// When it is such a plan.
pub fn is_for_datadog(plan: &Plan) -> Result<(), Failure> {
    let Some(against) = &plan.against else { return Ok(()) };
    Err(Failure::Message(format!(
        "the plan was made against {against}, from schemas alone, and not against Datadog. Nothing was written. \
         Make one without --against"
    )))
}

/// Compares a saved plan with what is live: an object that is neither as it was planned from nor as it was planned
/// to be makes the plan stale.
///
/// `now` is a plan of the same environment made from a fresh read.
///
/// # Errors
///
/// [`Failure::Stale`], naming the objects, and when the plan is of another organisation or not one for Datadog; nothing
/// was written.
pub fn check_saved(saved: Plan, now: &Planned) -> Result<Fresh, Failure> {
    is_for_datadog(&saved)?;
    if let (Some(planned), Some(found)) = (saved.organisation, now.plan.organisation)
        && planned != found
    {
        return Err(Failure::Message(format!(
            "the plan was made for organisation {planned} of Datadog, these keys belong to {found}. \
             Nothing was written. Use the other keys, or make the plan again"
        )));
    }
    let mut plan = saved;
    let mut stale = Vec::new();
    let mut kept = Vec::new();
    let total = plan.changes.len();
    for change in std::mem::take(&mut plan.changes) {
        match state_of(&change, now) {
            Standing::AsPlannedFrom => kept.push(change),
            Standing::AlreadyApplied => {}
            Standing::Changed(what) => stale.push(format!("  {}: {what}", change.address)),
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
    // What keeps one of these changes back now keeps it back, whatever was known when the plan was saved.
    let about = |blocked: &&Blocked| {
        let planned = |address: &Address| plan.changes.iter().any(|change| change.address == *address);
        blocked.address.as_ref().is_some_and(planned) && !plan.blocked.contains(blocked)
    };
    let found: Vec<Blocked> = now.plan.blocked.iter().filter(about).cloned().collect();
    plan.blocked.extend(found);
    plan.count();
    Ok(Fresh { plan, already_applied })
}

fn state_of(change: &Change, now: &Planned) -> Standing {
    match change.kind {
        ResourceKind::Metric => {
            let document = if change.action == Action::Delete { &change.before } else { &change.after };
            let name = document.get("metric").and_then(Value::as_str).unwrap_or_default();
            let empty = LiveMetric::default();
            let live = now.refreshed.snapshot.metrics.get(name).unwrap_or(&empty);
            standing(change, &change.after, &metric_document(name, live))
        }
        ResourceKind::Monitor => monitor_state(change, now),
    }
}

fn monitor_state(change: &Change, now: &Planned) -> Standing {
    let monitors = &now.refreshed.snapshot.monitors;
    let after = with_ids(&change.after, monitors);
    let planned_from = change.id.and_then(|id| monitors.iter().find(|live| live.id == id));
    if let Some(live) = planned_from {
        return standing(change, &after, &live.document());
    }
    if change.action != Action::Delete
        && let Some(id) = change.id.filter(|id| now.refreshed.disowned.values().any(|other| other == id))
    {
        return Standing::Changed(format!("{id} lost its owner tag"));
    }
    // What a fresh plan would not make, but take over or leave alone, must not get a twin.
    let fresh = now.plan.changes.iter().find(|other| other.address == change.address);
    let is_disowned = now.plan.drift.iter().any(|drift| drift.address == change.address);
    let is_there = is_disowned || fresh.is_some_and(|other| other.action != Action::Create);
    if change.action == Action::Create && is_there && at_address(change.address.as_str(), monitors).is_none()
    {
        return Standing::Changed("there is a monitor for it by now".to_owned());
    }
    // A create, or a monitor that is gone: then the address tells whether it is done already.
    match (change.action, at_address(change.address.as_str(), monitors)) {
        (Action::Delete, _) => Standing::AlreadyApplied,
        (Action::Create, None) => Standing::AsPlannedFrom,
        (Action::Create | Action::Replace, Some(live)) => match differing(&after, &live.document()) {
            None => Standing::AlreadyApplied,
            Some(_) => Standing::Changed(format!("it exists already ({})", live.id)),
        },
        _ => Standing::Changed("it is gone from Datadog".to_owned()),
    }
}

fn at_address<'m>(address: &str, monitors: &'m [LiveMonitor]) -> Option<&'m LiveMonitor> {
    monitors.iter().find(|live| addresses(live).any(|carried| carried == address))
}

/// What was planned, a composite's operands as the ids that they have by now.
fn with_ids(after: &Document, monitors: &[LiveMonitor]) -> Document {
    let mut after = after.clone();
    if let Some(Value::String(query)) = after.get_mut("query") {
        *query = composite::resolve(query, |address| at_address(address, monitors).map(|live| live.id.0));
    }
    after
}
