//! Reading Datadog: completely, or not at all.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use serde_json::Value;

use super::Failure;
use super::complete::{Complete, Known, complete};
use crate::compile::{DesiredGraph, ResourceKind};
use crate::config::Environment;
use crate::datadog::Reader;
use crate::model::{Address, Applied, Document, LiveMetric, MonitorId, Snapshot};
use crate::parallel::both;
use crate::store::{self, Journal};

/// How many reads are under way at a time.
pub(super) const READS_IN_FLIGHT: usize = 8;

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
    /// The account of the last apply.
    pub journal: Option<Journal>,
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
    let (journal, deleted) = (state.journal()?, deleted(state)?);
    let known = Known { state, applied: &applied, deleted: &deleted, journal: journal.as_ref() };
    let listed = reader.list_monitors(&environment.tag).await?;
    let Complete { monitors, disowned } = complete(reader, environment, graph, &known, listed).await?;
    let names = metric_names(graph, &applied);
    let metrics: BTreeMap<String, LiveMetric> = stream::iter(names)
        .map(|name| async move { reader.metric(&name).await.map(|metric| (name, metric)) })
        .buffer_unordered(READS_IN_FLIGHT)
        .try_collect()
        .await?;
    let snapshot = Snapshot { taken_at: now, monitors, metrics };
    state.commit_snapshot(&snapshot)?;
    let read_calls = reader.calls().reads() - before;
    Ok(Refreshed { snapshot, applied, read_calls, disowned, deleted, journal })
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
        journal: state.journal()?,
    })
}

/// What was deleted at each address, and when.
fn deleted(state: &store::Environment) -> Result<BTreeMap<Address, (MonitorId, Timestamp)>, Failure> {
    let id_of = |document: &Document| document.get("id").and_then(Value::as_u64).map(MonitorId);
    let removed = state.removed()?.into_iter();
    Ok(removed.filter_map(|r| Some((r.address, (id_of(&r.document)?, r.removed_at)))).collect())
}

/// The metrics that are configured or to be configured.
fn metric_names(graph: &DesiredGraph, applied: &BTreeMap<Address, Applied>) -> BTreeSet<String> {
    let wanted = graph.nodes().filter(|node| node.kind == ResourceKind::Metric);
    wanted
        .filter_map(|node| node.document.get("metric").and_then(Value::as_str).map(str::to_owned))
        .chain(applied.values().filter_map(Applied::metric))
        .collect()
}
