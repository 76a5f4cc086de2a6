//! The journal of an apply: what it was about to do, and how each call ended.
//!
//! Each entry is on the disk before its call and again after it, so that a run that was killed leaves a true account. It
//! is an account only: what is live is read from Datadog.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::environment::Kind;
use super::{Environment, StoreError};
use crate::model::{Address, Applied, Document, MonitorId};

/// An address cannot be empty, so this key is free.
const RUN: &str = "";

/// One apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The digest of its plan.
    pub digest: String,
    /// How many changes the plan has.
    pub changes: usize,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended in order; absent while it runs and for ever if it was killed.
    pub ended_at: Option<Timestamp>,
}

/// One change of an apply that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The resource.
    pub address: Address,
    /// What was to happen to it, in a word: `create`.
    pub action: String,
    /// The name of the monitor that was to be made; for creates and replaces.
    pub creates: Option<String>,
    /// When it was begun, or when it ended.
    pub at: Timestamp,
    /// How it ended; `None` while nobody knows.
    pub ended: Option<Ended>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ended {
    /// It is live.
    Done(Option<MonitorId>),
    /// It did not happen.
    Failed(String),
    /// No answer came: it may have happened.
    Unknown(String),
}

/// What a step changes in the record of what is applied.
pub enum Recorded<'a> {
    /// Nothing.
    Nothing,
    /// This is applied now, and nothing at its former address any more.
    Applied(Box<Applied>, Option<&'a Address>),
    /// Nothing is applied there any more.
    Forgotten,
}

/// The last apply, as far as its account goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// The apply.
    pub run: Run,
    /// Its steps, by address; those that never began are not among them.
    pub steps: Vec<Step>,
}

impl Journal {
    /// Whether the apply ended in order. One that did not was killed, or the machine was.
    pub fn is_complete(&self) -> bool {
        self.run.ended_at.is_some()
    }

    /// How many changes were made.
    pub fn done(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step.ended, Some(Ended::Done(_)))).count()
    }

    /// The steps of which nobody knows how they ended.
    pub fn unknown(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| matches!(step.ended, None | Some(Ended::Unknown(_))))
    }
}

impl Environment {
    /// The account of the last apply.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn journal(&self) -> Result<Option<Journal>, StoreError> {
        let Some(tree) = self.existing(Kind::Journal)? else { return Ok(None) };
        let (mut run, mut steps) = (None, Vec::new());
        for item in tree.iter() {
            let (key, value) = item.map_err(|error| self.failed(error))?;
            if key.is_empty() {
                run = Some(self.unpack(&value, || "the journal".to_owned())?);
            } else {
                steps.push(self.unpack(&value, || "a step of the journal".to_owned())?);
            }
        }
        Ok(run.map(|run| Journal { run, steps }))
    }

    /// Begins the account of an apply; that of the one before goes.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub async fn begin_run(&self, run: &Run) -> Result<(), StoreError> {
        let tree = self.tree(Kind::Journal)?;
        let mut batch = self.without_entries(&tree)?;
        batch.insert(RUN, self.pack(run)?);
        tree.apply_batch(batch).map_err(|error| self.failed(error))?;
        self.durable().await
    }

    /// Drops the account of the last apply: nothing is left of what it was about.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub async fn forget_run(&self) -> Result<(), StoreError> {
        let Some(tree) = self.existing(Kind::Journal)? else { return Ok(()) };
        let batch = self.without_entries(&tree)?;
        tree.apply_batch(batch).map_err(|error| self.failed(error))?;
        self.durable().await
    }

    fn without_entries(&self, tree: &sled::Tree) -> Result<sled::Batch, StoreError> {
        let mut batch = sled::Batch::default();
        for key in tree.iter().keys() {
            batch.remove(key.map_err(|error| self.failed(error))?);
        }
        Ok(batch)
    }

    /// Notes that the apply ended in order.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub async fn end_run(&self, run: &Run) -> Result<(), StoreError> {
        self.tree(Kind::Journal)?.insert(RUN, self.pack(run)?).map_err(|error| self.failed(error))?;
        self.durable().await
    }

    /// Notes what is about to be done. It is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub async fn begin_step(&self, step: &Step) -> Result<(), StoreError> {
        self.put_step(step)?;
        self.durable().await
    }

    /// Keeps what is about to be deleted. It is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub async fn keep_removed(
        &self,
        address: &Address,
        document: &Document,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.put_removed(address, document, at)?;
        self.durable().await
    }

    /// Notes how a step ended and what is applied by it. It is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub async fn end_step(&self, step: &Step, recorded: Recorded<'_>) -> Result<(), StoreError> {
        // What is applied comes first: of the two, it is the one that the next plan reads.
        match recorded {
            Recorded::Nothing => {}
            Recorded::Applied(applied, former) => self.put_applied(&step.address, &applied, former)?,
            Recorded::Forgotten => self.remove_applied(&step.address)?,
        }
        self.put_step(step)?;
        self.durable().await
    }

    fn put_step(&self, step: &Step) -> Result<(), StoreError> {
        let bytes = self.pack(step)?;
        let tree = self.tree(Kind::Journal)?;
        tree.insert(step.address.as_str(), bytes).map(drop).map_err(|error| self.failed(error))
    }
}
