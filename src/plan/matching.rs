//! Which live monitor is which desired one.
//!
//! The address tag decides; then the addresses of the record's aliases; then, for monitors without an address
//! tag, the name. A monitor without the owner tag is not even in the snapshot.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;

use super::base::live_rev;
use crate::compile::{DesiredGraph, Node, ResourceKind, composite};
use crate::model::{Address, Applied, LiveMonitor, MonitorId};
use crate::normalise::{addresses, applicable, rev, same_type};

/// Which live monitor is which desired one.
#[derive(Debug, Default)]
pub struct Matching<'s> {
    /// The live monitor of each desired address that has one.
    pub matched: BTreeMap<&'s Address, Matched<'s>>,
    /// Live monitors whose address nobody asks for any more.
    pub orphans: Vec<(Address, &'s LiveMonitor)>,
    /// Live monitors that carry the address of another one: copies made in Datadog.
    pub clones: Vec<(Address, MonitorId)>,
}

/// A live monitor and how it was found.
#[derive(Debug, Clone)]
pub struct Matched<'s> {
    /// The live monitor.
    pub live: &'s LiveMonitor,
    /// How it was found.
    pub how: How,
}

impl Matching<'_> {
    /// An orphan at whose address another monitor was deleted, and that was there before that, is a copy that
    /// somebody made of it in Datadog: not ours to delete.
    ///
    /// So is one at the former address of a monitor that has moved, unless its hash proves that we applied it as it is.
    ///
    /// One that we applied is none, whatever was deleted there before.
    pub fn set_copies_apart(
        &mut self,
        graph: &DesiredGraph,
        deleted: &BTreeMap<Address, (MonitorId, Timestamp)>,
        applied: &BTreeMap<Address, Applied>,
    ) {
        let moved = graph.nodes().filter(|node| {
            self.matched.get(&node.address).is_some_and(|matched| matched.how == How::Address)
        });
        let left: HashSet<&Address> = moved.flat_map(|node| &node.former).collect();
        let is_copy = |address: &Address, live: &LiveMonitor| {
            if applied.get(address).is_some_and(|applied| applied.id == Some(live.id)) {
                return false;
            }
            if left.contains(address) && live_rev(live) != Some(rev(&applicable(&live.document()))) {
                return true;
            }
            let Some((id, at)) = deleted.get(address) else { return false };
            let document = live.document();
            let created = document.get("created").and_then(Value::as_str).and_then(|text| text.parse().ok());
            *id != live.id && created.is_some_and(|created: Timestamp| created < *at)
        };
        let (copies, orphans): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.orphans).into_iter().partition(|(address, live)| is_copy(address, live));
        self.clones.extend(copies.into_iter().map(|(address, live)| (address, live.id)));
        self.orphans = orphans;
    }
}

impl Matched<'_> {
    /// Whether Datadog would have to make the monitor anew: its type cannot be changed in place.
    pub fn is_of_another_type(&self, node: &Node) -> bool {
        !same_type(&self.live.monitor_type, text(node, "type"))
    }
}

/// How a live monitor was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// By its address.
    Address,
    /// By a former address.
    Renamed(Address),
    /// By its name: it has no address tag.
    Name,
}

/// The address that a live monitor's tags give, if any.
pub fn address_of(live: &LiveMonitor) -> Option<Address> {
    addresses(live).find_map(|text| Address::parse(text).ok())
}

/// Matches the monitors of `graph` with those of a snapshot.
pub fn match_monitors<'s>(
    graph: &'s DesiredGraph,
    monitors: &'s [LiveMonitor],
    applied: &BTreeMap<Address, Applied>,
) -> Matching<'s> {
    let mut by_address: Vec<(Address, &LiveMonitor)> = Vec::with_capacity(monitors.len());
    let mut by_name: HashMap<&str, Vec<&LiveMonitor>> = HashMap::new();
    let mut by_id: HashMap<MonitorId, &LiveMonitor> = HashMap::new();
    for live in monitors {
        match address_of(live) {
            Some(address) => by_address.push((address, live)),
            None => {
                by_name.entry(live.name.trim()).or_default().push(live);
                by_id.insert(live.id, live);
            }
        }
    }
    let mut matching = Matching::default();
    // One live monitor per address: the one that we know, else the oldest. The others are copies.
    let mut owners: HashMap<Address, &LiveMonitor> = HashMap::with_capacity(by_address.len());
    by_address.sort_by(|(one, _), (other, _)| one.cmp(other));
    for candidates in by_address.chunk_by(|(one, _), (other, _)| one == other) {
        let [(address, first), others @ ..] = candidates else { continue };
        let live = || std::iter::once(*first).chain(others.iter().map(|(_, live)| *live));
        let known =
            if others.is_empty() { None } else { applied.get(address).and_then(|applied| applied.id) };
        let owner = live()
            .find(|live| Some(live.id) == known)
            .or_else(|| live().min_by_key(|live| live.id))
            .unwrap_or(first);
        let copies = live().filter(|live| live.id != owner.id);
        matching.clones.extend(copies.map(|live| (address.clone(), live.id)));
        owners.insert(address.clone(), owner);
    }
    let desired: Vec<&Node> = graph.nodes().filter(|node| node.kind == ResourceKind::Monitor).collect();
    for node in &desired {
        if let Some(live) = owners.remove(&node.address) {
            matching.matched.insert(&node.address, Matched { live, how: How::Address });
        }
    }
    for node in &desired {
        if matching.matched.contains_key(&node.address) {
            continue;
        }
        let former = node.former.iter().find(|former| owners.contains_key(*former));
        if let Some((former, live)) = former.and_then(|former| owners.remove_entry(former)) {
            matching.matched.insert(&node.address, Matched { live, how: How::Renamed(former) });
        }
    }
    // Monitors without an address tag: first those that were applied here, then those of the name.
    let mut taken: BTreeSet<MonitorId> = BTreeSet::new();
    for node in &desired {
        if matching.matched.contains_key(&node.address) {
            continue;
        }
        let addresses = std::iter::once(&node.address).chain(&node.former);
        let mut known = addresses.filter_map(|address| by_id.get(&applied.get(address)?.id?).copied());
        if let Some(live) = known.find(|live| !taken.contains(&live.id)) {
            taken.insert(live.id);
            matching.matched.insert(&node.address, Matched { live, how: How::Name });
        }
    }
    for node in &desired {
        if matching.matched.contains_key(&node.address) {
            continue;
        }
        let named = by_name.get(text(node, "name")).into_iter().flatten().copied();
        let fits = |live: &&LiveMonitor| {
            !taken.contains(&live.id) && same_type(&live.monitor_type, text(node, "type"))
        };
        if let Some(live) = named.filter(fits).min_by_key(|live| live.id) {
            taken.insert(live.id);
            matching.matched.insert(&node.address, Matched { live, how: How::Name });
        }
    }
    same_monitor_elsewhere(&desired, &mut owners, &mut matching);
    matching.orphans = owners.into_iter().collect();
    matching.orphans.sort_by(|(one, _), (other, _)| one.cmp(other));
    matching
}

/// What two monitors of one name and query have in common besides.
#[derive(Clone, Copy)]
enum Like {
    Message,
    Id,
    Any,
}

/// A monitor that would be deleted while one of the same name and query is created is the same monitor under
/// another address: it keeps its id and history, and Datadog would refuse the create anyway.
fn same_monitor_elsewhere<'s>(
    desired: &[&'s Node],
    owners: &mut HashMap<Address, &'s LiveMonitor>,
    matching: &mut Matching<'s>,
) {
    let mut orphans: HashMap<&str, Vec<Address>> = HashMap::new();
    for (address, live) in owners.iter() {
        orphans.entry(live.name.trim()).or_default().push(address.clone());
    }
    // Composites last: their query has the ids of monitors that may have moved themselves.
    let is_composite = |node: &&&Node| text(node, "type") == "composite";
    let (composites, others): (Vec<&&Node>, Vec<_>) = desired.iter().partition(is_composite);
    // Several may have the name and the query: who is told, which Datadog has only once, says more than the id.
    let rounds = [others, composites].into_iter();
    let rounds =
        rounds.flat_map(|nodes| [Like::Message, Like::Id, Like::Any].map(|like| (nodes.clone(), like)));
    for (node, like) in rounds.flat_map(|(nodes, like)| nodes.into_iter().map(move |node| (node, like))) {
        if matching.matched.contains_key(&node.address) {
            continue;
        }
        let Some(candidates) = orphans.get_mut(text(node, "name")) else { continue };
        let id_of = |operand: &str| {
            let address = Address::parse(operand).ok()?;
            matching.matched.get(&address).map(|matched| matched.live.id.0)
        };
        let query = match text(node, "type") {
            "composite" => Cow::Owned(composite::resolve(text(node, "query"), id_of)),
            _ => Cow::Borrowed(text(node, "query")),
        };
        let same = |address: &&Address| {
            owners.get(*address).is_some_and(|live| {
                let document = live.document();
                let found = |key| document.get(key).and_then(Value::as_str).unwrap_or_default().trim();
                let is_like = match like {
                    Like::Message => found("message") == text(node, "message"),
                    Like::Id => address.id() == node.address.id(),
                    Like::Any => true,
                };
                is_like && found("query") == query && address.kind() == node.address.kind()
            })
        };
        let Some(address) = candidates.iter().filter(same).min().cloned() else { continue };
        candidates.retain(|candidate| *candidate != address);
        if let Some(live) = owners.remove(&address) {
            matching.matched.insert(&node.address, Matched { live, how: How::Renamed(address) });
        }
    }
}

fn text<'n>(node: &'n Node, key: &str) -> &'n str {
    node.document.get(key).and_then(Value::as_str).unwrap_or_default()
}
