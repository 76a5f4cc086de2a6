//! Whether what was listed is all there is: a list alone is not the truth.
//!
//! Datadog's list lags behind its writes, and a proxy or an outage can make it short or empty. What is missing from
//! it would be made a second time.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;

use super::Failure;
use super::refresh::READS_IN_FLIGHT;
use crate::compile::DesiredGraph;
use crate::config::Environment;
use crate::datadog::Reader;
use crate::model::{Address, Applied, LiveMonitor, MonitorId};
use crate::normalise::addresses;
use crate::store::{self, Journal};

/// A list that lost more than this part of what the last one had is looked at one by one.
const SUDDEN_DROP: f64 = 0.2;

/// So many monitors may all be gone without a doubt about the organisation; as many may be deleted without a question.
const FEW: usize = 3;

/// The monitors of an environment, with those that the list left out.
pub struct Complete {
    /// Those that carry the owner tag, ascending by id.
    pub monitors: Vec<LiveMonitor>,
    /// Those that were applied here and carry the owner tag no longer.
    pub disowned: BTreeMap<Address, MonitorId>,
}

/// What is known from before.
pub struct Known<'a> {
    /// The records.
    pub state: &'a store::Environment,
    /// What was last applied.
    pub applied: &'a BTreeMap<Address, Applied>,
    /// What was deleted from here at each address, and when.
    pub deleted: &'a BTreeMap<Address, (MonitorId, Timestamp)>,
    /// The account of the last apply.
    pub journal: Option<&'a Journal>,
}

/// Completes what `listed` left out.
///
/// # Errors
///
/// When the list turns out to be a part only, when it is of another organisation, or when anything cannot be read.
pub async fn complete(
    reader: &Reader,
    environment: &Environment,
    graph: &DesiredGraph,
    known: &Known<'_>,
    listed: Vec<LiveMonitor>,
) -> Result<Complete, Failure> {
    let (mut before, one_before) = known.state.snapshot_ids()?;
    // What was deleted from here is not missed.
    for (id, _) in known.deleted.values() {
        before.remove(id);
    }
    let organisation = one_before.as_ref().and_then(LiveMonitor::organisation);
    same_organisation(organisation, listed.first())?;

    let ids: BTreeSet<MonitorId> = listed.iter().map(|live| live.id).collect();
    let mut missing: BTreeMap<MonitorId, Option<&Address>> =
        applied_and_wanted(graph, known.applied).filter(|(id, _)| !ids.contains(id)).collect();
    let lost = before.difference(&ids).count();
    let sudden = lost as f64 > before.len() as f64 * SUDDEN_DROP;
    if sudden {
        for id in before.difference(&ids) {
            missing.entry(*id).or_default();
        }
    }
    let asked: Vec<(Option<&Address>, MonitorId, Option<LiveMonitor>)> = stream::iter(missing)
        .map(|(id, address)| async move { reader.monitor(id).await.map(|live| (address, id, live)) })
        .buffer_unordered(READS_IN_FLIGHT)
        .try_collect()
        .await?;

    let mut complete = Complete { monitors: listed, disowned: BTreeMap::new() };
    let mut late = Vec::new();
    for (address, id, live) in asked {
        let Some(live) = live else { continue };
        if live.tags.contains(&environment.tag) {
            late.push(live);
        } else if let Some(address) = address.filter(|address| carries(&live, address)) {
            complete.disowned.insert(address.clone(), id);
        }
    }
    if sudden && !late.is_empty() {
        return Err(Failure::Message(format!(
            "datadog's list of monitors is incomplete: {} of the {} that the last one had are missing, and {} of these \
             are still there when asked for by id. Nothing is concluded from such a list; try again later",
            lost,
            before.len(),
            late.len()
        )));
    }
    complete.monitors.append(&mut late);
    if complete.monitors.is_empty() && !before.is_empty() {
        all_gone(reader, organisation, before.len(), known.state).await?;
    }
    for live in unanswered(reader, environment, known.journal).await? {
        if complete.monitors.iter().all(|other| other.id != live.id) {
            complete.monitors.push(live);
        }
    }
    complete.monitors.sort_by_key(|live| live.id);
    Ok(complete)
}

fn carries(live: &LiveMonitor, address: &Address) -> bool {
    addresses(live).any(|carried| carried == address.as_str())
}

/// Monitors that were applied and are still wanted.
fn applied_and_wanted<'a>(
    graph: &DesiredGraph,
    applied: &'a BTreeMap<Address, Applied>,
) -> impl Iterator<Item = (MonitorId, Option<&'a Address>)> {
    let wanted: BTreeSet<&Address> = if applied.is_empty() {
        BTreeSet::new()
    } else {
        graph.nodes().flat_map(|node| node.former.iter().chain([&node.address])).collect()
    };
    let wanted = applied.iter().filter(|(address, _)| wanted.contains(address)).collect::<Vec<_>>();
    wanted.into_iter().filter_map(|(address, applied)| applied.id.map(|id| (id, Some(address))))
}

/// Refuses keys of another organisation than the one that was there `before`.
pub(super) fn same_organisation(before: Option<u64>, live: Option<&LiveMonitor>) -> Result<(), Failure> {
    let now = live.and_then(LiveMonitor::organisation);
    match (before, now) {
        (Some(before), Some(now)) if before != now => Err(Failure::Message(format!(
            "these keys belong to organisation {now} of Datadog, and the snapshot was made of organisation {before}. \
             Nothing was written. Use the other keys, or another `state.path` for this organisation"
        ))),
        _ => Ok(()),
    }
}

/// Every managed monitor is gone: somebody deleted them all, or these are the keys of another organisation.
async fn all_gone(
    reader: &Reader,
    organisation: Option<u64>,
    before: usize,
    state: &store::Environment,
) -> Result<(), Failure> {
    let any = reader.any_monitor().await?;
    same_organisation(organisation, any.as_ref())?;
    if any.is_some() || before <= FEW {
        return Ok(());
    }
    Err(Failure::Message(format!(
        "none of the {before} managed monitors of `{}` is left, and there is no other monitor that would tell whether \
         these are the keys of the same organisation. If they were really deleted: remove the directory of the snapshot, {}",
        state.name(),
        state.directory().display()
    )))
}

/// Monitors that the last apply asked for without getting an answer, and that the list may not have yet.
async fn unanswered(
    reader: &Reader,
    environment: &Environment,
    journal: Option<&Journal>,
) -> Result<Vec<LiveMonitor>, Failure> {
    let mut found = Vec::new();
    for step in journal.into_iter().flat_map(Journal::unknown) {
        let Some(name) = &step.creates else { continue };
        let named = reader.monitors_named(name).await?;
        found.extend(
            named
                .into_iter()
                .filter(|live| live.tags.contains(&environment.tag) && carries(live, &step.address)),
        );
    }
    Ok(found)
}
