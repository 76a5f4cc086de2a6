//! Who has a store open: a note beside the database, for other processes that find it locked.
//!
//! It is read only while the lock is taken, so that one that was left behind never matters.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const FILE: &str = "holder";

/// A process that has a store open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its number.
    pub process: u32,
    /// What it does, in words: `bellwether apply`.
    pub command: String,
    /// When it opened the store: when the note was written.
    #[serde(skip)]
    pub since: Timestamp,
}

impl Holder {
    /// Notes that this process has the store open. That it cannot be noted keeps nobody from work.
    pub(super) fn note(directory: &Path, command: &str) {
        let holder =
            Self { process: std::process::id(), command: command.to_owned(), since: Timestamp::default() };
        if let Ok(text) = serde_json::to_vec(&holder) {
            let _ = fs::write(directory.join(FILE), text);
        }
    }

    /// The note, if there is one that can be read.
    pub(super) fn read(directory: &Path) -> Option<Self> {
        let path = directory.join(FILE);
        let holder: Self = serde_json::from_slice(&fs::read(&path).ok()?).ok()?;
        let written = fs::metadata(path).ok()?.modified().ok()?;
        Some(Self { since: written.try_into().ok()?, ..holder })
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The file is text that anybody may have written.
        let command: String = self.command.chars().filter(|c| !c.is_control()).take(80).collect();
        write!(f, "process {} ({command}), since {:.0}", self.process, self.since)
    }
}
