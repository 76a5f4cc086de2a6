//! The sandbox's storage: one sled tree whose keys carry a prefix by kind, so that what belongs together
//! is written in one atomic batch. With `Storage::Memory` it does nothing.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use axum::http::StatusCode;

use super::error::SandboxError;
use super::reply::Refusal;

/// The newest format this version reads and writes.
const FORMAT: u32 = 1;
const FORMAT_KEY: &[u8] = b"format";

/// sled's default cache of 1 GiB would hold the data twice: the indexes are in memory anyway.
const CACHE: u64 = 16 << 20;

/// How long to wait for sled to release its lock: two seconds at most.
const RELEASE_TRIES: u32 = 400;
const RELEASE_RETRY: Duration = Duration::from_millis(5);

/// A key without its prefix, and a value.
type Record = (Vec<u8>, Vec<u8>);

/// Writes that happen together.
pub(super) type Batch = sled::Batch;

/// Where writes go.
pub(super) struct Disk {
    /// The directory, if there is a database: that is taken out of `db` when the sandbox stops.
    directory: Option<PathBuf>,
    db: RwLock<Option<sled::Db>>,
    /// How many batches were written, and how many of these are known to be durable.
    written: AtomicU64,
    flushed: tokio::sync::Mutex<u64>,
}

impl Disk {
    /// Keeps nothing.
    pub(super) fn memory() -> Self {
        Self::over(None, None)
    }

    fn over(directory: Option<PathBuf>, db: Option<sled::Db>) -> Self {
        Self {
            directory,
            db: RwLock::new(db),
            written: AtomicU64::new(0),
            flushed: tokio::sync::Mutex::new(0),
        }
    }

    /// Opens or creates the database of a sandbox directory.
    pub(super) fn open(directory: &Path) -> Result<Self, SandboxError> {
        let failed = |detail: String| SandboxError::Open { directory: directory.to_owned(), detail };
        std::fs::create_dir_all(directory).map_err(|error| failed(error.to_string()))?;
        let db = sled::Config::new()
            .path(database(directory))
            .cache_capacity(CACHE)
            // Every reply waits for its own flush: a background one would only add system calls.
            .flush_every_ms(None)
            .open()
            .map_err(|error| match error {
                sled::Error::Io(io) if io.to_string().contains("could not acquire lock") => {
                    SandboxError::Locked(directory.to_owned())
                }
                other => failed(other.to_string()),
            })?;
        match db.get(FORMAT_KEY).map_err(|error| failed(error.to_string()))? {
            Some(stored) => {
                let found = <[u8; 4]>::try_from(stored.as_ref())
                    .map(u32::from_be_bytes)
                    .map_err(|_| failed("its format number is damaged".to_owned()))?;
                if found > FORMAT {
                    let directory = directory.to_owned();
                    return Err(SandboxError::FormatNewer { directory, found, known: FORMAT });
                }
            }
            None => {
                db.insert(FORMAT_KEY, &FORMAT.to_be_bytes()).map_err(|error| failed(error.to_string()))?;
            }
        }
        Ok(Self::over(Some(directory.to_owned()), Some(db)))
    }

    fn db(&self) -> Option<sled::Db> {
        self.db.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes a batch. It is durable only after [`Self::durable`].
    pub(super) fn apply(&self, batch: Batch) -> Result<(), Refusal> {
        match self.db() {
            Some(db) => {
                db.apply_batch(batch).map_err(Refusal::internal)?;
                self.written.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
            None if self.directory.is_some() => Err(stopping()),
            None => Ok(()),
        }
    }

    /// Waits until everything written so far is on disk. Concurrent callers share one flush: with many
    /// writes in flight the cost of a flush is paid once per round, not once per write.
    pub(super) async fn durable(&self) -> Result<(), Refusal> {
        let Some(db) = self.db() else { return Ok(()) };
        let mine = self.written.load(Ordering::SeqCst);
        let mut flushed = self.flushed.lock().await;
        if *flushed >= mine {
            return Ok(());
        }
        let upto = self.written.load(Ordering::SeqCst);
        tokio::task::spawn_blocking(move || db.flush().map(drop))
            .await
            .map_err(Refusal::internal)?
            .map_err(Refusal::internal)?;
        *flushed = upto;
        Ok(())
    }

    /// Everything whose key starts with `prefix`, in key order, without the prefix.
    pub(super) fn scan(&self, prefix: &[u8]) -> Result<Vec<Record>, String> {
        let Some(db) = self.db() else { return Ok(Vec::new()) };
        db.scan_prefix(prefix)
            .map(|item| {
                let (key, value) = item.map_err(|error| error.to_string())?;
                Ok((key.get(prefix.len()..).unwrap_or_default().to_vec(), value.to_vec()))
            })
            .collect()
    }

    /// A batch that removes everything but the format.
    pub(super) fn wipe(&self) -> Result<Batch, String> {
        let mut batch = Batch::default();
        for (key, _) in self.scan(b"")? {
            if key != FORMAT_KEY {
                batch.remove(key);
            }
        }
        Ok(batch)
    }

    /// Flushes and lets the database go; later writes are refused.
    pub(super) fn close(&self) -> Result<(), SandboxError> {
        let db = self.db.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(db) = db else { return Ok(()) };
        let flushed = db.flush();
        drop(db);
        if let Some(directory) = &self.directory {
            await_release(&database(directory));
        }
        flushed.map(drop).map_err(|error| SandboxError::Flush(error.to_string()))
    }
}

/// sled's own threads hold the database for a moment after the last handle is gone. Waiting until its lock
/// is free lets whoever stopped a sandbox start the next one at once.
fn await_release(database: &Path) {
    for _ in 0..RELEASE_TRIES {
        let lock = std::fs::File::open(database.join("db")).map(|file| file.try_lock_shared());
        if !matches!(lock, Ok(Err(std::fs::TryLockError::WouldBlock))) {
            return;
        }
        std::thread::sleep(RELEASE_RETRY);
    }
}

/// Said to a write that outlived the wait for open requests: it was not stored.
fn stopping() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the sandbox is stopping")
}

fn database(directory: &Path) -> PathBuf {
    directory.join("database")
}

/// The key of a numbered record: big-endian, so that key order is number order.
pub(super) fn numbered(prefix: &[u8], number: u64) -> Vec<u8> {
    [prefix, &number.to_be_bytes()].concat()
}

/// The number in such a key, its prefix removed.
pub(super) fn number(key: &[u8]) -> Option<u64> {
    key.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_format_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let disk = Disk::open(directory.path()).unwrap();
        let mut batch = Batch::default();
        batch.insert(FORMAT_KEY, &7_u32.to_be_bytes());
        disk.apply(batch).unwrap();
        disk.close().unwrap();
        let message = Disk::open(directory.path()).err().unwrap().to_string();
        assert!(message.contains("has format 7; this version reads up to 1"), "{message}");
    }

    #[test]
    fn a_directory_opens_once() {
        let directory = tempfile::tempdir().unwrap();
        let first = Disk::open(directory.path()).unwrap();
        assert!(matches!(Disk::open(directory.path()), Err(SandboxError::Locked(_))));
        first.close().unwrap();
        assert!(first.apply(Batch::default()).is_err(), "a closed database stores nothing");
    }

    #[test]
    fn a_path_that_is_a_file_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(matches!(Disk::open(file.path()), Err(SandboxError::Open { .. })));
    }
}
