//! The hour's ledger on disk: a restart must not spend the budget twice.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sled::{Db, IVec};

use super::DaemonError;
use crate::aggregate::{LedgerError, LedgerStore, Series};

/// A database of its own: the snapshot's belongs to one process at a time, and a daemon never ends.
pub struct LedgerFile {
    directory: PathBuf,
    /// None after a failure, as of a full disk: sled takes nothing any more then, and is opened anew.
    database: Option<Db>,
}

/// So many hours are kept; a clock may jump, and come back.
const KEPT_HOURS: usize = 4;

impl LedgerFile {
    /// Opens, or makes, the database in a directory; while another process has it open, waits so long.
    ///
    /// # Errors
    ///
    /// When the disk does not let it, or the other process does not end.
    pub fn open(directory: &Path, wait: Duration) -> Result<Self, DaemonError> {
        const STEP: Duration = Duration::from_millis(100);
        let end = Instant::now() + wait;
        loop {
            match database(directory) {
                Ok(database) => {
                    return Ok(Self { directory: directory.to_owned(), database: Some(database) });
                }
                // sled has no other sign for it.
                Err(sled::Error::Io(failed)) if failed.to_string().contains("could not acquire lock") => {
                    if Instant::now() >= end {
                        return Err(DaemonError::InUse(directory.to_owned()));
                    }
                    std::thread::sleep(STEP);
                }
                Err(other) => {
                    return Err(DaemonError::Ledger { directory: directory.to_owned(), error: error(other) });
                }
            }
        }
    }

    /// Uses the database, opened anew if it failed before.
    fn with<T>(&mut self, use_it: impl FnOnce(&Db) -> sled::Result<T>) -> Result<T, LedgerError> {
        let database = self.database.take().map_or_else(|| database(&self.directory), Ok).map_err(error)?;
        let answer = use_it(&database).map_err(error)?;
        self.database = Some(database);
        Ok(answer)
    }
}

fn database(directory: &Path) -> sled::Result<Db> {
    sled::Config::new().path(directory).cache_capacity(1 << 20).flush_every_ms(None).open()
}

/// Forgets all but the hours that are next to this one.
fn forget_beside(database: &Db, hour: u64) -> sled::Result<()> {
    let mut hours = Vec::new();
    let mut from = Some(0_u64);
    while let Some(first) = from
        && let Some(key) = database.range(first.to_be_bytes()..).keys().next()
        && let Some(found) = key?.first_chunk().map(|bytes| u64::from_be_bytes(*bytes))
    {
        hours.push(found);
        from = found.checked_add(1);
    }
    hours.sort_unstable_by_key(|other| other.abs_diff(hour));
    for old in hours.into_iter().skip(KEPT_HOURS) {
        let keys: Vec<IVec> = database.scan_prefix(old.to_be_bytes()).keys().collect::<sled::Result<_>>()?;
        for key in keys {
            database.remove(key)?;
        }
    }
    Ok(())
}

impl LedgerStore for LedgerFile {
    fn load(&mut self, hour: u64) -> Result<Vec<Series>, LedgerError> {
        self.with(|database| {
            forget_beside(database, hour)?;
            let keys = database.scan_prefix(hour.to_be_bytes()).keys();
            let series = |key: IVec| String::from_utf8_lossy(key.get(8..).unwrap_or_default()).into_owned();
            keys.map(|key| Ok(Series::from(series(key?)))).collect()
        })
    }

    fn keep(&mut self, hour: u64, series: &[&Series]) -> Result<(), LedgerError> {
        self.with(|database| {
            let mut batch = sled::Batch::default();
            for series in series {
                batch.insert([&hour.to_be_bytes(), series.as_str().as_bytes()].concat(), &[]);
            }
            database.apply_batch(batch)?;
            // What is published has to be known to the next process, even if the machine goes down.
            database.flush().map(drop)
        })
    }
}

fn error(error: sled::Error) -> LedgerError {
    LedgerError(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(n: u32) -> Series {
        Series::new("m.by_id", &[format!("id:{n}")])
    }

    #[test]
    fn a_ledger_is_there_again_after_a_restart_and_forgets_old_hours() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = LedgerFile::open(directory.path(), Duration::ZERO).unwrap();
        file.keep(100, &[&series(1), &series(2)]).unwrap();
        file.keep(101, &[&series(3)]).unwrap();
        drop(file);
        let mut file = LedgerFile::open(directory.path(), Duration::ZERO).unwrap();
        assert_eq!(file.load(100).unwrap(), [series(1), series(2)]);
        assert_eq!(file.load(101).unwrap(), [series(3)]);
        (102..105).for_each(|hour| file.keep(hour, &[&series(4)]).unwrap());
        assert_eq!(file.load(105).unwrap(), []);
        assert_eq!(file.load(100).unwrap(), [], "forgotten");
        assert_eq!(file.load(101).unwrap(), [series(3)]);
    }

    #[test]
    fn a_clock_that_was_ahead_for_a_while_does_not_take_the_present_hour_away() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = LedgerFile::open(directory.path(), Duration::ZERO).unwrap();
        file.keep(100, &[&series(1)]).unwrap();
        assert_eq!(file.load(500).unwrap(), []);
        file.keep(500, &[&series(2)]).unwrap();
        drop(file);
        let mut file = LedgerFile::open(directory.path(), Duration::ZERO).unwrap();
        assert_eq!(file.load(100).unwrap(), [series(1)]);
    }
}
