//! Snapshots: one record for each monitor and metric, and one that says when they were read.
//!
//! A monitor's record is the very text that Datadog answered, without an envelope: most of a load is this text,
//! and it should be read once. The version in the head's envelope covers it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::environment::{Environment, Kind};
use crate::model::{LiveMonitor, MonitorId, Snapshot};

/// The key of the head; it sorts first.
const HEAD: &[u8] = b"h";
/// Before the big-endian id of a monitor.
const MONITOR: u8 = b'm';
/// Before the name of a metric.
const METRIC: u8 = b't';

#[derive(Serialize, Deserialize)]
struct Head {
    taken_at: jiff::Timestamp,
    monitors: usize,
    metrics: usize,
}

/// What a commit changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Records that were written because their bytes differ.
    pub written: usize,
    /// Records that were removed.
    pub removed: usize,
}

/// The monitor whose record has this key.
fn id_of(key: &[u8]) -> Option<MonitorId> {
    key.get(1..)?.try_into().ok().map(u64::from_be_bytes).map(MonitorId)
}

impl Environment {
    /// The last snapshot that was committed.
    ///
    /// # Errors
    ///
    /// When a record cannot be read. A part of a snapshot is never given back.
    pub fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        let Some(tree) = self.existing(Kind::Snapshot)? else { return Ok(None) };
        let Some(head) = tree.get(HEAD).map_err(|error| self.failed(error))? else { return Ok(None) };
        let head: Head = self.unpack(&head, || "the snapshot's head".to_owned())?;
        let monitors = self.each(tree.scan_prefix([MONITOR]), |key, value| self.monitor(key, value))?;
        let mut metrics = BTreeMap::new();
        for item in tree.scan_prefix([METRIC]) {
            let (key, value) = item.map_err(|error| self.failed(error))?;
            let name = String::from_utf8_lossy(&key[1..]).into_owned();
            let live = self.unpack(&value, || format!("the metric `{name}`"))?;
            metrics.insert(name, live);
        }
        if (monitors.len(), metrics.len()) != (head.monitors, head.metrics) {
            let what = format!("the snapshot has {} monitors instead of {}", monitors.len(), head.monitors);
            return Err(self.corrupt(&what));
        }
        Ok(Some(Snapshot { taken_at: head.taken_at, monitors, metrics }))
    }

    /// The ids of the monitors in the last snapshot, and one of these monitors.
    ///
    /// # Errors
    ///
    /// When a record cannot be read.
    pub fn snapshot_ids(&self) -> Result<(BTreeSet<MonitorId>, Option<LiveMonitor>), StoreError> {
        let (mut ids, mut one) = (BTreeSet::new(), None);
        let Some(tree) = self.existing(Kind::Snapshot)? else { return Ok((ids, one)) };
        for item in tree.scan_prefix([MONITOR]) {
            let (key, value) = item.map_err(|error| self.failed(error))?;
            if one.is_none() {
                one = Some(self.monitor(&key, &value)?);
            }
            ids.extend(id_of(&key));
        }
        Ok((ids, one))
    }

    fn monitor(&self, key: &[u8], value: &[u8]) -> Result<LiveMonitor, StoreError> {
        let id = id_of(key);
        let read = || -> Result<LiveMonitor, String> {
            let body = std::str::from_utf8(value).map_err(|error| error.to_string())?;
            LiveMonitor::from_json(body).map_err(|error| error.to_string())
        };
        match (id, read()) {
            (Some(id), Ok(monitor)) if monitor.id == id => Ok(monitor),
            (Some(id), Ok(_)) => Err(self.corrupt(&format!("the record of monitor {id} holds another one"))),
            (Some(id), Err(error)) => Err(self.corrupt(&format!("monitor {id}: {error}"))),
            (None, _) => Err(self.corrupt(&"a monitor's key is not a number")),
        }
    }

    /// Replaces the snapshot by `snapshot`, whole or, if the process dies, not at all. Records whose bytes are as
    /// before are not written again.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn commit_snapshot(&self, snapshot: &Snapshot) -> Result<Written, StoreError> {
        let mut wanted: BTreeMap<Vec<u8>, Cow<'_, [u8]>> = BTreeMap::new();
        for monitor in &snapshot.monitors {
            let mut key = vec![MONITOR];
            key.extend_from_slice(&monitor.id.0.to_be_bytes());
            wanted.insert(key, monitor.body.as_bytes().into());
        }
        let metrics = snapshot.metrics.len();
        // Counted by key, so that a monitor that is given twice does not look like a missing one later.
        let head = Head { taken_at: snapshot.taken_at, monitors: wanted.len(), metrics };
        wanted.insert(HEAD.to_vec(), self.pack(&head)?.into());
        for (name, live) in &snapshot.metrics {
            let mut key = vec![METRIC];
            key.extend_from_slice(name.as_bytes());
            wanted.insert(key, self.pack(live)?.into());
        }
        let tree = self.tree(Kind::Snapshot)?;
        let mut batch = sled::Batch::default();
        let mut written = Written::default();
        for item in &tree {
            let (key, value) = item.map_err(|error| self.failed(error))?;
            match wanted.get(&*key) {
                Some(bytes) if **bytes == *value => {
                    wanted.remove(&*key);
                }
                Some(_) => {}
                None => {
                    batch.remove(key);
                    written.removed += 1;
                }
            }
        }
        written.written = wanted.len();
        if written == Written::default() {
            return Ok(written);
        }
        for (key, bytes) in wanted {
            batch.insert(key, &*bytes);
        }
        tree.apply_batch(batch).map_err(|error| self.failed(error))?;
        self.flush()?;
        Ok(written)
    }
}
