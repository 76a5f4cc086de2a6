//! Which change of a plan must be done before which.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::types::{Action, Change};
use crate::compile::{DesiredGraph, ResourceKind};
use crate::model::{Address, Document};

/// Fills in `depends_on` of every change.
pub fn connect(changes: &mut [Change], graph: &DesiredGraph) {
    let planned: BTreeSet<Address> = changes.iter().map(|change| change.address.clone()).collect();
    let mut edges: BTreeMap<Address, BTreeSet<Address>> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.action != Action::Delete) {
        for needed in graph.needs(&change.address).into_iter().filter(|needed| planned.contains(*needed)) {
            edges.entry(change.address.clone()).or_default().insert(needed.clone());
        }
    }
    release_operands(changes, &mut edges);
    make_room(changes, &mut edges);
    for change in changes {
        change.depends_on = edges.remove(&change.address).unwrap_or_default().into_iter().collect();
    }
}

type Edges = BTreeMap<Address, BTreeSet<Address>>;

/// Datadog refuses to delete a monitor while a composite refers to it: the composite's change goes first. Where the
/// composite goes on to refer to it, a guard has the last word.
fn release_operands(changes: &[Change], edges: &mut Edges) {
    let composites: Vec<(&Change, BTreeSet<u64>)> = changes
        .iter()
        .filter(|change| change.before.get("type").and_then(Value::as_str) == Some("composite"))
        .map(|change| {
            let query = change.before.get("query").and_then(Value::as_str).unwrap_or_default();
            let ids = query.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok());
            (change, ids.collect())
        })
        .collect();
    let goes = |change: &&Change| matches!(change.action, Action::Delete | Action::Replace);
    for delete in changes.iter().filter(goes) {
        let Some(id) = delete.id else { continue };
        for (composite, _) in composites.iter().filter(|(_, ids)| ids.contains(&id.0)) {
            let is_needed = reaches(edges, &composite.address, &delete.address);
            if composite.address != delete.address && !is_needed {
                edges.entry(delete.address.clone()).or_default().insert(composite.address.clone());
            }
        }
    }
}

/// Datadog refuses two monitors of one name, query and message: who leaves such a place goes before who takes it.
fn make_room(changes: &[Change], edges: &mut Edges) {
    let monitors = || changes.iter().filter(|change| change.kind == ResourceKind::Monitor);
    let mut leaving: BTreeMap<[&str; 3], &Change> = BTreeMap::new();
    for change in monitors().filter(|change| change.id.is_some()) {
        let place = place(&change.before);
        if change.action == Action::Delete || place != self::place(&change.after) {
            leaving.insert(place, change);
        }
    }
    for change in monitors().filter(|change| change.action != Action::Delete) {
        let Some(first) = leaving.get(&place(&change.after)) else { continue };
        // Two monitors that swap places cannot both go first: Datadog rejects that plan, and people do it in two steps.
        if first.address != change.address && !reaches(edges, &first.address, &change.address) {
            edges.entry(change.address.clone()).or_default().insert(first.address.clone());
        }
    }
}

fn place(document: &Document) -> [&str; 3] {
    ["name", "query", "message"]
        .map(|key| document.get(key).and_then(Value::as_str).unwrap_or_default().trim())
}

fn reaches(edges: &Edges, from: &Address, to: &Address) -> bool {
    let mut seen = BTreeSet::new();
    let mut stack = vec![from];
    while let Some(address) = stack.pop() {
        if address == to {
            return true;
        }
        if seen.insert(address) {
            stack.extend(edges.get(address).into_iter().flatten());
        }
    }
    false
}
