//! The snapshot store: what Datadog held when it was last read, and what was last applied there.
//!
//! It owns a directory with one sled database. It knows the shared [`crate::model`] only. Nothing in it is
//! precious: the truth is in the schema files and in Datadog's tags, and a refresh rebuilds the rest.
//!
//! `state/README.md` describes the format on disk.

mod environment;
mod error;
mod holder;
mod journal;
mod record;
mod snapshot;
mod verdicts;

#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

pub use environment::{Environment, Removed};
pub use error::StoreError;
pub use holder::Holder;
pub use journal::{Ended, Journal, Recorded, Run, Step};
pub use snapshot::Written;

/// The format that this version reads and writes.
pub const FORMAT_VERSION: u32 = 1;

/// A plain file beside the database, because a newer format may not even be sled's.
const FORMAT_FILE: &str = "format_version";

/// Enough for the upper nodes of any tree here. Loading is one pass, so that more would only use memory.
const CACHE: u64 = 16 << 20;

/// How long a locked directory is asked for again, whatever the caller says: sled's threads may hold the lock for a
/// moment after the last handle was dropped.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// How a store is opened.
pub struct Opening<'a> {
    /// What this process does, for others that find the directory locked: `bellwether apply`. No secrets.
    pub command: &'a str,
    /// How long to wait for another process.
    pub timeout: Duration,
    /// Told once, when a wait begins, who has the store open, if that is known.
    pub waits: &'a dyn Fn(Option<&Holder>),
}

impl Default for Opening<'_> {
    fn default() -> Self {
        Self { command: "bellwether", timeout: Duration::ZERO, waits: &|_| {} }
    }
}

/// An open store. It locks its directory against other processes until it and its environments are dropped.
#[derive(Clone)]
pub struct Store {
    db: sled::Db,
    directory: PathBuf,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.directory).finish()
    }
}

impl Store {
    /// Opens the store in `directory`, and creates it where there is none.
    ///
    /// # Errors
    ///
    /// When another process uses it, when a newer version wrote it, or when it cannot be read.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        Self::open_as(directory, &Opening::default())
    }

    /// Opens the store in `directory` as `opening` says, and creates it where there is none.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open_as(directory: &Path, opening: &Opening<'_>) -> Result<Self, StoreError> {
        if let Some(store) = Self::open_existing(directory, opening)? {
            return Ok(store);
        }
        let io = |source| StoreError::Io { path: directory.to_owned(), source };
        fs::create_dir_all(directory).map_err(io)?;
        write_format(directory).map_err(io)?;
        Self::start(directory, opening)
    }

    /// Opens the store in `directory`; `None` where there is none. Then nothing is created.
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open_existing(directory: &Path, opening: &Opening<'_>) -> Result<Option<Self>, StoreError> {
        let path = directory.join(FORMAT_FILE);
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound) => {
                if directory.join("db").exists() {
                    let what = format!("`{FORMAT_FILE}` is missing");
                    return Err(StoreError::Corrupt { path: directory.to_owned(), what });
                }
                return Ok(None);
            }
            Err(source) => return Err(StoreError::Io { path, source }),
        };
        // Before sled sees anything: opening a database may already write to it.
        match text.trim().parse() {
            Ok(FORMAT_VERSION) => Self::start(directory, opening).map(Some),
            Ok(found) if found > FORMAT_VERSION => {
                Err(StoreError::Newer { path: directory.to_owned(), found, supported: FORMAT_VERSION })
            }
            _ => {
                let what = format!("`{FORMAT_FILE}` does not hold a version");
                Err(StoreError::Corrupt { path: directory.to_owned(), what })
            }
        }
    }

    fn start(directory: &Path, opening: &Opening<'_>) -> Result<Self, StoreError> {
        let config = sled::Config::new()
            .path(directory)
            .cache_capacity(CACHE)
            // Everything that must last is flushed where it is written.
            .flush_every_ms(None);
        let started = Instant::now();
        let mut told = false;
        let db = loop {
            // On some kinds of damage sled panics instead of returning an error.
            let opened = catch_unwind(AssertUnwindSafe(|| config.open())).unwrap_or_else(|_| {
                Err(sled::Error::ReportableBug("the database cannot be opened".to_owned()))
            });
            match opened.map_err(|error| StoreError::of_sled(directory, error)) {
                Ok(db) => break db,
                Err(StoreError::Locked { .. }) if started.elapsed() < LOCK_PATIENCE => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(StoreError::Locked { .. }) if started.elapsed() < opening.timeout => {
                    if !std::mem::replace(&mut told, true) {
                        (opening.waits)(Holder::read(directory).as_ref());
                    }
                    thread::sleep(Duration::from_millis(100));
                }
                Err(StoreError::Locked { path, .. }) => {
                    return Err(StoreError::Locked { path, holder: Holder::read(directory) });
                }
                Err(error) => return Err(error),
            }
        };
        Holder::note(directory, opening.command);
        Ok(Self { db, directory: directory.to_owned() })
    }

    /// One environment's part of the store. Nothing is written before something is recorded.
    pub fn environment(&self, name: &str) -> Environment {
        Environment::new(self.db.clone(), self.directory.clone(), name)
    }

    /// The environments that anything is stored of, in alphabetical order.
    pub fn environments(&self) -> Vec<String> {
        environment::names(&self.db)
    }

    /// Makes sure that all that was written survives a crash.
    ///
    /// # Errors
    ///
    /// When the disk refuses.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.db.flush().map(drop).map_err(|error| StoreError::of_sled(&self.directory, error))
    }
}

/// Written beside and renamed, so that there is never half a version.
fn write_format(directory: &Path) -> io::Result<()> {
    let draft = directory.join(format!("{FORMAT_FILE}.{}", std::process::id()));
    let mut file = fs::File::create(&draft)?;
    writeln!(file, "{FORMAT_VERSION}")?;
    file.sync_all()?;
    fs::rename(&draft, directory.join(FORMAT_FILE))
}
