//! Reading Datadog: completely, or not at all.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde_json::Value;

use super::Failure;
use crate::compile::{DesiredGraph, ResourceKind};
use crate::config::Environment;
use crate::datadog::Reader;
use crate::model::{Address, Applied, Document, LiveMetric, LiveMonitor, MonitorId, Snapshot};
use crate::normalise::ADDRESS_TAG;
use crate::parallel::both;
use crate::store;

/// How many reads are under way at a time.
const READS_IN_FLIGHT: usize = 8;

/// What a refresh found.
pub struct Refreshed {
    /// What Datadog holds.
    pub snapshot: Snapshot,
    /// What was last applied.
    pub applied: BTreeMap<Address, Applied>,
    /// How many calls it took.
    pub read_calls: u64,
    /// Monitors that carry an address of ours and no longer the owner tag.
    pub disowned: BTreeMap<Address, MonitorId>,
    /// What was deleted at each address, and when.
    pub deleted: BTreeMap<Address, (MonitorId, Timestamp)>,
}

/// Reads everything that the environment owns, and keeps it in `state`.
///
/// A monitor that was applied and is not in the list is asked for by its id before it counts as gone: a list alone
/// is not the truth.
///
/// # Errors
///
/// When any part cannot be read; then the stored snapshot stays as it was.
pub async fn refresh(
    reader: &Reader,
    environment: &Environment,
    graph: &DesiredGraph,
    state: &store::Environment,
    now: Timestamp,
) -> Result<Refreshed, Failure> {
    let before = reader.calls().reads();
    let applied = state.applied()?;
    let mut monitors = reader.list_monitors(&environment.tag).await?;
    let mut disowned = BTreeMap::new();
    for (address, id) in missing(graph, &monitors, &applied) {
        let Some(live) = reader.monitor(id).await? else { continue };
        if live.tags.contains(&environment.tag) {
            // The list was older than the monitor.
            monitors.push(live);
        } else if live.tags.iter().any(|tag| tag.strip_prefix(ADDRESS_TAG) == Some(address.as_str())) {
            disowned.insert(address.clone(), id);
        }
    }
    monitors.sort_by_key(|live| live.id);
    let names = metric_names(graph, &applied);
    let metrics: BTreeMap<String, LiveMetric> = stream::iter(names)
        .map(|name| async move { reader.metric(&name).await.map(|metric| (name, metric)) })
        .buffer_unordered(READS_IN_FLIGHT)
        .try_collect()
        .await?;
    let snapshot = Snapshot { taken_at: now, monitors, metrics };
    state.commit_snapshot(&snapshot)?;
    let read_calls = reader.calls().reads() - before;
    Ok(Refreshed { snapshot, applied, read_calls, disowned, deleted: deleted(state)? })
}

/// What the last refresh found.
///
/// # Errors
///
/// When there has been none, or it cannot be read.
pub fn stored(state: &store::Environment) -> Result<Refreshed, Failure> {
    let (snapshot, applied) = both(|| state.snapshot(), || state.applied());
    let Some(snapshot) = snapshot? else {
        return Err(Failure::Message(format!(
            "there is no snapshot of `{}` yet: run `bellwether plan` once without --offline",
            state.name()
        )));
    };
    Ok(Refreshed {
        snapshot,
        applied: applied?,
        read_calls: 0,
        disowned: BTreeMap::new(),
        deleted: deleted(state)?,
    })
}

/// What was deleted at each address, and when.
fn deleted(state: &store::Environment) -> Result<BTreeMap<Address, (MonitorId, Timestamp)>, Failure> {
    let id_of = |document: &Document| document.get("id").and_then(Value::as_u64).map(MonitorId);
    let removed = state.removed()?.into_iter();
    Ok(removed.filter_map(|r| Some((r.address, (id_of(&r.document)?, r.removed_at)))).collect())
}

/// Monitors that were applied, are still wanted, and are not in the list.
fn missing<'a>(
    graph: &DesiredGraph,
    monitors: &[LiveMonitor],
    applied: &'a BTreeMap<Address, Applied>,
) -> Vec<(&'a Address, MonitorId)> {
    if applied.is_empty() {
        return Vec::new();
    }
    let listed: BTreeSet<MonitorId> = monitors.iter().map(|live| live.id).collect();
    let wanted: BTreeSet<&Address> =
        graph.nodes().flat_map(|node| node.former.iter().chain([&node.address])).collect();
    applied
        .iter()
        .filter(|(address, _)| wanted.contains(address))
        .filter_map(|(address, applied)| applied.id.map(|id| (address, id)))
        .filter(|(_, id)| !listed.contains(id))
        .collect()
}

/// The metrics that are configured or to be configured.
fn metric_names(graph: &DesiredGraph, applied: &BTreeMap<Address, Applied>) -> BTreeSet<String> {
    let wanted = graph.nodes().filter(|node| node.kind == ResourceKind::Metric);
    wanted
        .filter_map(|node| node.document.get("metric").and_then(Value::as_str).map(str::to_owned))
        .chain(applied.values().filter_map(Applied::metric))
        .collect()
}
