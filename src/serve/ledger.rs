//! What must survive a restart: deliveries that were taken, jobs that are not done, plans that were shown.
//!
//! A delivery is answered only when its job is on the disk. A job that was under way when the service ended is done anew, from
//! its beginning: what it had written is found to be live by then.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::job::Job;
use crate::github::marker::PlanMarker;
use crate::github::{CommitSha, Repository};
use crate::model::Address;
use crate::plan::Plan;

/// How long a delivery is known again, in hours. GitHub delivers again for three days.
const MEMORY_HOURS: i64 = 24 * 30;
/// How many deliveries are taken between two looks for old ones.
const SWEEP: u64 = 1_000;

/// The ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use `{}`: {reason}", path.display())]
pub struct LedgerError {
    path: PathBuf,
    reason: String,
}

/// A plan that a pull request shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ShownPlan {
    /// The commit that it was made of.
    pub head: String,
    /// Since when it is shown, as GitHub says.
    pub since: String,
    /// Whether it was made without asking Datadog: then there is nothing to apply.
    pub offline: bool,
    /// The comment.
    pub body: String,
    /// The plan; none where there are errors.
    pub plan: Option<Plan>,
    /// The commit of the base branch that it was made with.
    #[serde(default)]
    pub base: Option<CommitSha>,
    /// The first line of the comment.
    pub marker: PlanMarker,
}

/// What of a pull request is live before it is merged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// The commit.
    pub commit: String,
    /// The resources.
    pub addresses: BTreeSet<Address>,
}

/// The ledger.
pub struct Ledger {
    path: PathBuf,
    db: sled::Db,
    jobs: sled::Tree,
    known: sled::Tree,
    shown: sled::Tree,
    registered: sled::Tree,
    /// Held while a delivery is looked up and taken, with the number of those taken.
    taking: Mutex<u64>,
}

impl Ledger {
    /// Opens the ledger in `directory`, and creates it where there is none.
    ///
    /// # Errors
    ///
    /// When another process uses it, or it cannot be read.
    pub fn open(directory: &Path) -> Result<Self, LedgerError> {
        let failed = |reason: String| LedgerError { path: directory.to_owned(), reason };
        let config = sled::Config::new().path(directory).flush_every_ms(None).cache_capacity(16 << 20);
        // On some kinds of damage sled panics instead of returning an error.
        let db = catch_unwind(AssertUnwindSafe(|| config.open()))
            .map_err(|_| failed("the database is damaged; delete the directory".to_owned()))?
            .map_err(|error| failed(error.to_string()))?;
        let tree = |name: &str| db.open_tree(name).map_err(|error| failed(error.to_string()));
        Ok(Self {
            path: directory.to_owned(),
            jobs: tree("jobs")?,
            known: tree("known")?,
            shown: tree("shown")?,
            registered: tree("registered")?,
            db,
            taking: Mutex::new(0),
        })
    }

    /// The same, with patience: the database's threads may hold its lock for a moment after the last service ended.
    ///
    /// # Errors
    ///
    /// As [`Ledger::open`].
    pub async fn open_patiently(directory: &Path) -> Result<Self, LedgerError> {
        let mut tries = 0;
        loop {
            match Self::open(directory) {
                Err(_) if tries < 100 => tries += 1,
                result => return result,
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Takes a delivery, once: gives the number of its job, or none if the delivery or what it asks for is known.
    ///
    /// # Errors
    ///
    /// When the disk refuses. Then nothing was taken.
    pub fn take(&self, job: &Job, now: Timestamp) -> Result<Option<u64>, LedgerError> {
        let mut taken = self.taking.lock().unwrap_or_else(PoisonError::into_inner);
        let guid = delivery_key(&job.delivery);
        let keys: Vec<String> = [Some(guid), job.task.key(&job.repository)].into_iter().flatten().collect();
        for key in &keys {
            if self.known.contains_key(key).map_err(|error| self.failed(error))? {
                return Ok(None);
            }
        }
        let id = self.new_id()?;
        // The job first: a crash in between leaves a job that is done twice, which is harmless, and not one that is lost.
        self.put(&self.jobs, &id.to_be_bytes(), job)?;
        for key in &keys {
            self.put(&self.known, key.as_bytes(), &now.as_second())?;
        }
        self.flush()?;
        *taken += 1;
        // The job is taken already, whatever comes of old ones.
        if *taken % SWEEP == 1 && self.forget_old(now).is_err() {
            *taken -= 1;
        }
        Ok(Some(id))
    }

    /// Whether a delivery with this guid was taken.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn knows(&self, delivery: &str) -> Result<bool, LedgerError> {
        self.known.contains_key(delivery_key(delivery)).map_err(|error| self.failed(error))
    }

    /// Puts a job's parts in its place.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn divide(&self, id: u64, parts: &[Job]) -> Result<Vec<u64>, LedgerError> {
        let mut batch = sled::Batch::default();
        batch.remove(&id.to_be_bytes());
        let mut ids = Vec::new();
        for part in parts {
            let id = self.new_id()?;
            batch.insert(&id.to_be_bytes(), self.pack(part)?);
            ids.push(id);
        }
        self.jobs.apply_batch(batch).map_err(|error| self.failed(error))?;
        self.flush()?;
        Ok(ids)
    }

    /// A job that is not done.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn job(&self, id: u64) -> Result<Option<Job>, LedgerError> {
        self.get(&self.jobs, &id.to_be_bytes())
    }

    /// Keeps what came of a job, before it is told.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn keep(&self, id: u64, job: &Job) -> Result<(), LedgerError> {
        self.put(&self.jobs, &id.to_be_bytes(), job)?;
        self.flush()
    }

    /// All jobs that are not done, the oldest first.
    ///
    /// # Errors
    ///
    /// When one cannot be read.
    pub fn unfinished(&self) -> Result<Vec<(u64, Job)>, LedgerError> {
        let mut found = Vec::new();
        for entry in &self.jobs {
            let (key, value) = entry.map_err(|error| self.failed(error))?;
            let Ok(key) = <[u8; 8]>::try_from(key.as_ref()) else { continue };
            found.push((u64::from_be_bytes(key), self.unpack(&value)?));
        }
        Ok(found)
    }

    /// How many jobs are not done.
    pub fn waiting(&self) -> usize {
        self.jobs.len()
    }

    /// The plan that a pull request shows.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn shown(
        &self,
        repository: &Repository,
        number: u64,
        environment: &str,
    ) -> Result<Option<ShownPlan>, LedgerError> {
        self.get(&self.shown, place(repository, number, environment).as_bytes())
    }

    /// Remembers the plan that a pull request shows.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn show(
        &self,
        repository: &Repository,
        number: u64,
        environment: &str,
        plan: &ShownPlan,
    ) -> Result<(), LedgerError> {
        self.put(&self.shown, place(repository, number, environment).as_bytes(), plan)?;
        self.flush()
    }

    /// Remembers what of an open pull request is live, or is about to be, beside what is remembered of it already.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn register(
        &self,
        repository: &Repository,
        number: u64,
        environment: &str,
        commit: &str,
        addresses: impl Iterator<Item = Address>,
    ) -> Result<(), LedgerError> {
        let key = place(repository, number, environment);
        let mut live: Live = self.get(&self.registered, key.as_bytes())?.unwrap_or_default();
        live.commit = commit.to_owned();
        live.addresses.extend(addresses);
        self.put(&self.registered, key.as_bytes(), &live)?;
        self.flush()
    }

    /// The environments in which something of a pull request is live, and what.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn registered(
        &self,
        repository: &Repository,
        number: u64,
    ) -> Result<Vec<(String, Live)>, LedgerError> {
        let all = self.all_registered(repository)?;
        Ok(all.into_iter().filter(|(of, ..)| *of == number).map(|(_, name, live)| (name, live)).collect())
    }

    /// What of open pull requests is live in an environment, with their numbers.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn live(&self, repository: &Repository, environment: &str) -> Result<Vec<(u64, Live)>, LedgerError> {
        let all = self.all_registered(repository)?;
        Ok(all
            .into_iter()
            .filter(|(_, name, _)| name == environment)
            .map(|(of, _, live)| (of, live))
            .collect())
    }

    fn all_registered(&self, repository: &Repository) -> Result<Vec<(u64, String, Live)>, LedgerError> {
        let prefix = format!("{} ", repository.to_string().to_lowercase());
        let mut found = Vec::new();
        for entry in self.registered.scan_prefix(prefix.as_bytes()) {
            let (key, value) = entry.map_err(|error| self.failed(error))?;
            let rest = String::from_utf8_lossy(key.get(prefix.len()..).unwrap_or_default()).into_owned();
            if let Some((number, environment)) = rest.split_once(' ')
                && let Ok(number) = number.parse()
            {
                found.push((number, environment.to_owned(), self.unpack(&value)?));
            }
        }
        Ok(found)
    }

    /// Forgets that something of a pull request is live: it was merged.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn settle(&self, repository: &Repository, number: u64, environment: &str) -> Result<(), LedgerError> {
        let key = place(repository, number, environment);
        self.registered.remove(key.as_bytes()).map_err(|error| self.failed(error))?;
        self.flush()
    }

    /// A number for something new, greater than all before.
    fn new_id(&self) -> Result<u64, LedgerError> {
        // Not 0, which means "no run" in a comment's marker.
        self.db.generate_id().map(|id| id + 1).map_err(|error| self.failed(error))
    }

    fn forget_old(&self, now: Timestamp) -> Result<(), LedgerError> {
        let Ok(oldest) = now.checked_sub(MEMORY_HOURS.hours()) else { return Ok(()) };
        for entry in &self.known {
            let (key, value) = entry.map_err(|error| self.failed(error))?;
            if self.unpack::<i64>(&value)? < oldest.as_second() {
                self.known.remove(key).map_err(|error| self.failed(error))?;
            }
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), LedgerError> {
        self.db.flush().map(drop).map_err(|error| self.failed(error))
    }

    fn put(&self, tree: &sled::Tree, key: &[u8], value: &impl Serialize) -> Result<(), LedgerError> {
        tree.insert(key, self.pack(value)?).map(drop).map_err(|error| self.failed(error))
    }

    fn get<T: DeserializeOwned>(&self, tree: &sled::Tree, key: &[u8]) -> Result<Option<T>, LedgerError> {
        let found = tree.get(key).map_err(|error| self.failed(error))?;
        found.map(|value| self.unpack(&value)).transpose()
    }

    fn pack(&self, value: &impl Serialize) -> Result<Vec<u8>, LedgerError> {
        serde_json::to_vec(value).map_err(|error| self.failed(error))
    }

    fn unpack<T: DeserializeOwned>(&self, value: &[u8]) -> Result<T, LedgerError> {
        serde_json::from_slice(value)
            .map_err(|error| self.failed(format!("a record cannot be read ({error}); delete the directory")))
    }

    fn failed(&self, error: impl ToString) -> LedgerError {
        LedgerError { path: self.path.clone(), reason: error.to_string() }
    }
}

/// Under which a delivery is known.
fn delivery_key(guid: &str) -> String {
    format!("delivery {guid}")
}

/// An environment of a pull request. GitHub ignores the case of repositories.
fn place(repository: &Repository, number: u64, environment: &str) -> String {
    format!("{} {number} {environment}", repository.to_string().to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::super::job::Task;
    use super::*;

    fn job(delivery: &str, task: Task) -> Job {
        Job::new("a/b".parse().unwrap(), delivery.to_owned(), task)
    }

    #[tokio::test]
    async fn a_delivery_is_taken_once_and_kept_until_it_is_done() {
        let directory = tempfile::tempdir().unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let look = job("guid-1", Task::Look { number: 7, head: None });
        let id = {
            let ledger = Ledger::open(directory.path()).unwrap();
            let id = ledger.take(&look, now).unwrap().unwrap();
            assert_eq!(ledger.take(&look, now).unwrap(), None);
            id
        };
        let ledger = Ledger::open_patiently(directory.path()).await.unwrap();
        assert_eq!(ledger.take(&look, now).unwrap(), None);
        assert_eq!(ledger.unfinished().unwrap(), [(id, look.clone())]);
        let part = Job { environment: Some("prod".to_owned()), ..look };
        let parts = ledger.divide(id, std::slice::from_ref(&part)).unwrap();
        assert!(parts[0] > id);
        assert_eq!(ledger.unfinished().unwrap(), [(parts[0], part)]);
        ledger.divide(parts[0], &[]).unwrap();
        assert_eq!(ledger.waiting(), 0);
    }

    #[test]
    fn what_happens_once_is_taken_once_under_any_guid() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(directory.path()).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        assert!(ledger.take(&job("guid-1", Task::Merged { number: 7 }), now).unwrap().is_some());
        assert_eq!(ledger.take(&job("guid-2", Task::Merged { number: 7 }), now).unwrap(), None);
        assert!(ledger.take(&job("guid-3", Task::Merged { number: 8 }), now).unwrap().is_some());
    }
}
