//! What can go wrong when a sandbox starts, attaches or stops. Refused requests are not errors of this
//! kind: they are replies, see `reply`.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use super::faults::FaultsError;

/// Why a sandbox could not start, attach or stop.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// Another program listens there.
    #[error("address {0} is already in use")]
    AddressInUse(SocketAddr),
    /// The address cannot be listened on for another reason.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system answered.
        source: std::io::Error,
    },
    /// Another process has the database open.
    #[error("{} is locked by another sandbox", .0.display())]
    Locked(PathBuf),
    /// Another process has the database open, but does not answer at the address it left.
    #[error("{} is locked by another sandbox, which does not answer", .0.display())]
    Silent(PathBuf),
    /// The directory cannot be created, or the database in it cannot be opened or read.
    #[error("cannot open the sandbox database in {}: {detail}", .directory.display())]
    Open {
        /// The sandbox's directory.
        directory: PathBuf,
        /// What the database or the system answered.
        detail: String,
    },
    /// A later version wrote the database.
    #[error(
        "the sandbox database in {} has format {found}; this version reads up to {known}: upgrade, or start with an empty directory",
        .directory.display()
    )]
    FormatNewer {
        /// The sandbox's directory.
        directory: PathBuf,
        /// The format found there.
        found: u32,
        /// The newest format this version reads.
        known: u32,
    },
    /// The address file cannot be written.
    #[error("cannot write {}: {source}", .file.display())]
    Address {
        /// The address file.
        file: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },
    /// The faults make no sense.
    #[error(transparent)]
    Faults(#[from] FaultsError),
    /// The last writes could not be flushed.
    #[error("cannot flush the sandbox database: {0}")]
    Flush(String),
}
