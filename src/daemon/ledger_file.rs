//! The hour's ledger on disk: a restart must not spend the budget twice.

use std::path::Path;
use std::time::{Duration, Instant};

use sled::{Db, IVec};

use super::DaemonError;
use crate::aggregate::{LedgerError, LedgerStore, Series};

/// A database of its own: the snapshot's belongs to one process at a time, and a daemon never ends.
pub struct LedgerFile(Db);

/// So many hours are kept; a clock may jump back.
const KEPT_HOURS: u64 = 3;

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
            let config = sled::Config::new().path(directory).cache_capacity(1 << 20).flush_every_ms(None);
            match config.open() {
                Ok(database) => return Ok(Self(database)),
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

    fn forget_before(&self, hour: u64) -> Result<(), LedgerError> {
        let first = hour.saturating_sub(KEPT_HOURS).to_be_bytes();
        let old: Vec<IVec> =
            self.0.range(..first.to_vec()).keys().collect::<Result<_, _>>().map_err(error)?;
        for key in old {
            self.0.remove(key).map_err(error)?;
        }
        Ok(())
    }
}

impl LedgerStore for LedgerFile {
    fn load(&mut self, hour: u64) -> Result<Vec<Series>, LedgerError> {
        self.forget_before(hour)?;
        let keys = self.0.scan_prefix(hour.to_be_bytes()).keys();
        keys.map(|key| {
            let key = key.map_err(error)?;
            let series = key.get(8..).unwrap_or_default();
            Ok(Series::from(String::from_utf8_lossy(series).into_owned()))
        })
        .collect()
    }

    fn keep(&mut self, hour: u64, series: &[&Series]) -> Result<(), LedgerError> {
        let mut batch = sled::Batch::default();
        for series in series {
            batch.insert([&hour.to_be_bytes(), series.as_str().as_bytes()].concat(), &[]);
        }
        self.0.apply_batch(batch).map_err(error)?;
        // What is published has to be known to the next process, even if the machine goes down.
        self.0.flush().map(drop).map_err(error)
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
        assert_eq!(file.load(104).unwrap(), []);
        assert_eq!(file.load(100).unwrap(), [], "forgotten");
        assert_eq!(file.load(101).unwrap(), [series(3)]);
    }
}
