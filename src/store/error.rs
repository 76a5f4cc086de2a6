//! What can go wrong with the store.

use std::io;
use std::path::{Path, PathBuf};

use super::Holder;

/// The store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it open.
    #[error("`{}` is used by {}; wait for it to end, with --lock-timeout SECONDS", .path.display(), named(.holder.as_ref()))]
    Locked {
        /// The store's directory.
        path: PathBuf,
        /// Who that is, as far as it is known.
        holder: Option<Holder>,
    },
    /// A newer version wrote it. Nothing was changed.
    #[error(
        "`{}` was written by a newer bellwether (format {found}, this one knows {supported}); use that version, or delete the directory: `plan` rebuilds it",
        .path.display()
    )]
    Newer {
        /// The store's directory.
        path: PathBuf,
        /// The format that was found.
        found: u32,
        /// The newest format that this version knows.
        supported: u32,
    },
    /// Something in it cannot be understood.
    #[error("`{}` is damaged: {what}; delete the directory: `plan` rebuilds it", .path.display())]
    Corrupt {
        /// The store's directory.
        path: PathBuf,
        /// What is damaged.
        what: String,
    },
    /// The operating system refused.
    #[error("cannot use `{}`: {source}", .path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn named(holder: Option<&Holder>) -> String {
    holder.map_or_else(|| "another process".to_owned(), Holder::to_string)
}

impl StoreError {
    pub(super) fn of_sled(directory: &Path, error: sled::Error) -> Self {
        let path = directory.to_owned();
        match error {
            // sled wraps the lock's error into a text.
            sled::Error::Io(error) if error.to_string().contains("could not acquire lock") => {
                Self::Locked { path, holder: None }
            }
            sled::Error::Io(source) => Self::Io { path, source },
            sled::Error::Corruption { .. } => {
                Self::Corrupt { path, what: "the database's checksums do not match".to_owned() }
            }
            error => Self::Corrupt { path, what: error.to_string() },
        }
    }
}
