//! One environment's records: what was applied and what was removed. Each kind has a tree of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{FORMAT_VERSION, StoreError, record};
use crate::model::{Address, Applied, Document};
use crate::parallel::in_parts;

/// How many deletes are remembered.
const REMOVED: usize = 1_000;

/// The trees of an environment. A tree's name is the kind, `:`, and the environment's name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Snapshot,
    Applied,
    Removed,
    Verdicts,
    VerdictOrder,
    Journal,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Snapshot, Self::Applied, Self::Removed, Self::Verdicts, Self::VerdictOrder, Self::Journal];

    fn prefix(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot:",
            Self::Applied => "applied:",
            Self::Removed => "removed:",
            Self::Verdicts => "verdicts:",
            Self::VerdictOrder => "verdict_order:",
            Self::Journal => "journal:",
        }
    }
}

/// The environments that have a tree.
pub(super) fn names(db: &sled::Db) -> Vec<String> {
    let mut names = BTreeSet::new();
    for tree in db.tree_names() {
        let Ok(tree) = std::str::from_utf8(&tree) else { continue };
        names.extend(Kind::ALL.iter().filter_map(|kind| tree.strip_prefix(kind.prefix())).map(str::to_owned));
    }
    names.into_iter().collect()
}

/// What a delete removed, kept for a later restore.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Removed {
    /// Where it was declared.
    pub address: Address,
    /// The whole monitor, as Datadog last held it.
    pub document: Document,
    /// When it was deleted.
    pub removed_at: jiff::Timestamp,
}

/// With the sign bit turned, numbers sort as bytes. The address tells deletes of one instant apart.
fn removed_key(address: &Address, at: jiff::Timestamp) -> Vec<u8> {
    let mut key = (at.as_microsecond() ^ i64::MIN).to_be_bytes().to_vec();
    key.extend_from_slice(address.as_str().as_bytes());
    key
}

/// One environment of a [`super::Store`]. Cheap to clone.
#[derive(Clone)]
pub struct Environment {
    db: sled::Db,
    directory: PathBuf,
    name: Arc<str>,
    /// Held while a verdict is recorded, because that takes several steps.
    pub(super) verdicts: Arc<Mutex<()>>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Environment").field(&self.name).finish()
    }
}

impl Environment {
    pub(super) fn new(db: sled::Db, directory: PathBuf, name: &str) -> Self {
        Self { db, directory, name: name.into(), verdicts: Arc::default() }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The directory of the store.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// What was last applied, by address.
    ///
    /// # Errors
    ///
    /// When a record cannot be read.
    pub fn applied(&self) -> Result<BTreeMap<Address, Applied>, StoreError> {
        let mut all = BTreeMap::new();
        let Some(tree) = self.existing(Kind::Applied)? else { return Ok(all) };
        let read = self.each(tree.iter(), |key, value| {
            let text = String::from_utf8_lossy(key);
            let address = Address::parse(&text).map_err(|error| self.corrupt(&error))?;
            Ok((address, self.unpack(value, || format!("what was applied at `{text}`"))?))
        })?;
        all.extend(read);
        Ok(all)
    }

    /// Puts what was just applied at `address`, and nothing any more where it was before. Not yet on the disk.
    pub(super) fn put_applied(
        &self,
        address: &Address,
        applied: &Applied,
        former: Option<&Address>,
    ) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        if let Some(former) = former {
            batch.remove(former.as_str());
        }
        batch.insert(address.as_str(), self.pack(applied)?);
        self.tree(Kind::Applied)?.apply_batch(batch).map_err(|error| self.failed(error))
    }

    /// Removes what was applied at `address`. Not yet on the disk.
    pub(super) fn remove_applied(&self, address: &Address) -> Result<(), StoreError> {
        let Some(tree) = self.existing(Kind::Applied)? else { return Ok(()) };
        tree.remove(address.as_str()).map(drop).map_err(|error| self.failed(error))
    }

    /// Records what is known to be applied at many addresses, with one write to the disk.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn record_all_applied(&self, all: &BTreeMap<Address, Applied>) -> Result<(), StoreError> {
        if all.is_empty() {
            return Ok(());
        }
        let tree = self.tree(Kind::Applied)?;
        let mut batch = sled::Batch::default();
        for (address, applied) in all {
            batch.insert(address.as_str(), self.pack(applied)?);
        }
        tree.apply_batch(batch).map_err(|error| self.failed(error))?;
        self.flush()
    }

    /// Forgets what was applied at these addresses.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn forget_applied<'a>(
        &self,
        addresses: impl IntoIterator<Item = &'a Address>,
    ) -> Result<(), StoreError> {
        let mut any = false;
        for address in addresses {
            self.remove_applied(address)?;
            any = true;
        }
        if any { self.flush() } else { Ok(()) }
    }

    /// What deletes have removed, oldest first.
    ///
    /// # Errors
    ///
    /// When a record cannot be read.
    pub fn removed(&self) -> Result<Vec<Removed>, StoreError> {
        let Some(tree) = self.existing(Kind::Removed)? else { return Ok(Vec::new()) };
        tree.iter()
            .map(|item| {
                let (_, value) = item.map_err(|error| self.failed(error))?;
                self.unpack(&value, || "a removed monitor".to_owned())
            })
            .collect()
    }

    /// Puts what a delete is about to remove. Only the last thousand are kept. Not yet on the disk.
    pub(super) fn put_removed(
        &self,
        address: &Address,
        document: &Document,
        at: jiff::Timestamp,
    ) -> Result<(), StoreError> {
        let removed = Removed { address: address.clone(), document: document.clone(), removed_at: at };
        let bytes = self.pack(&removed)?;
        let tree = self.tree(Kind::Removed)?;
        tree.insert(removed_key(address, at), bytes).map_err(|error| self.failed(error))?;
        for _ in REMOVED..tree.len() {
            tree.pop_min().map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    /// Forgets what was kept at `at`: it was not deleted. Not yet on the disk.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn forget_removed(&self, address: &Address, at: jiff::Timestamp) -> Result<(), StoreError> {
        let removed = self.tree(Kind::Removed)?.remove(removed_key(address, at));
        removed.map(drop).map_err(|error| self.failed(error))
    }

    /// Everything of this environment but the cache of verdicts, for people and other programs.
    ///
    /// # Errors
    ///
    /// When a record cannot be read.
    pub fn export(&self) -> Result<Value, StoreError> {
        let snapshot = self.snapshot()?.map(|snapshot| {
            let monitors: Vec<Document> = snapshot.monitors.iter().map(|m| m.document()).collect();
            json!({"taken_at": snapshot.taken_at, "monitors": monitors, "metrics": snapshot.metrics})
        });
        Ok(json!({
            "format_version": FORMAT_VERSION,
            "environment": self.name(),
            "snapshot": snapshot,
            "applied": self.applied()?,
            "removed": self.removed()?,
        }))
    }

    /// Reads all records of an iteration.
    pub(super) fn each<T: Send>(
        &self,
        records: sled::Iter,
        read: impl Fn(&[u8], &[u8]) -> Result<T, StoreError> + Sync,
    ) -> Result<Vec<T>, StoreError> {
        let records = records.collect::<Result<Vec<_>, _>>().map_err(|error| self.failed(error))?;
        let parts = in_parts(&records, |records| {
            records.iter().map(|(key, value)| read(key, value)).collect::<Result<Vec<_>, _>>()
        });
        let mut all = Vec::with_capacity(records.len());
        for part in parts {
            all.append(&mut part?);
        }
        Ok(all)
    }

    /// A tree to write to.
    pub(super) fn tree(&self, kind: Kind) -> Result<sled::Tree, StoreError> {
        self.db.open_tree(self.tree_name(kind)).map_err(|error| self.failed(error))
    }

    /// A tree to read from; `None` before anything was written to it, so that reading creates nothing.
    pub(super) fn existing(&self, kind: Kind) -> Result<Option<sled::Tree>, StoreError> {
        let name = self.tree_name(kind);
        if !self.db.tree_names().iter().any(|tree| &**tree == name.as_bytes()) {
            return Ok(None);
        }
        self.db.open_tree(name).map(Some).map_err(|error| self.failed(error))
    }

    fn tree_name(&self, kind: Kind) -> String {
        format!("{}{}", kind.prefix(), self.name)
    }

    pub(super) fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map(drop).map_err(|error| self.failed(error))
    }

    /// Waits until all that was written is on the disk. Several that wait at a time are served together.
    pub(super) async fn durable(&self) -> Result<(), StoreError> {
        let db = self.db.clone();
        // A flush blocks; the calls that are under way go on meanwhile. (sled's own `flush_async` was seen never to end
        // with eight waiting.)
        match tokio::task::spawn_blocking(move || db.flush()).await {
            Ok(flushed) => flushed.map(drop).map_err(|error| self.failed(error)),
            Err(error) => Err(self.corrupt(&format!("a write to the disk broke off: {error}"))),
        }
    }

    pub(super) fn pack<T: Serialize>(&self, data: &T) -> Result<Vec<u8>, StoreError> {
        record::pack(data).map_err(|what| self.corrupt(&what))
    }

    pub(super) fn unpack<T: DeserializeOwned>(
        &self,
        bytes: &[u8],
        what: impl Fn() -> String,
    ) -> Result<T, StoreError> {
        record::unpack(bytes).map_err(|why| self.corrupt(&format!("{}: {why}", what())))
    }

    pub(super) fn failed(&self, error: sled::Error) -> StoreError {
        StoreError::of_sled(&self.directory, error)
    }

    pub(super) fn corrupt(&self, what: &dyn std::fmt::Display) -> StoreError {
        let what = format!("environment `{}`: {what}", self.name);
        StoreError::Corrupt { path: self.directory.clone(), what }
    }
}
