//! What keeps a use case from its end, and the exit code that says so.

use crate::datadog::ApiError;
use crate::diag::Diagnostic;
use crate::project::ProjectError;
use crate::store::StoreError;

/// The exit codes of the contract. Callers act on them, so each means one thing only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; for `drift` and `plan --detailed-exitcode`: no difference.
    Done = 0,
    /// Nothing was concluded.
    Error = 1,
    /// There are differences.
    Differences = 2,
    /// The plan is stale; nothing was written.
    Stale = 3,
    /// Applied in part.
    Partial = 4,
    /// A guard or the budget is in the way; nothing was written.
    Blocked = 5,
    /// The command line is wrong.
    Usage = 64,
    /// Ended by SIGINT, after draining.
    Interrupted = 130,
    /// Ended by SIGTERM, after draining.
    Terminated = 143,
}

/// Why a use case gave no result. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The user's files are wrong.
    #[error("the project has errors")]
    Diagnostics(Vec<Diagnostic>),
    /// The project cannot be read.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// Datadog could not be read completely.
    #[error("{0}")]
    Api(#[from] ApiError),
    /// The snapshot store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sentence that says what is wrong and what to do.
    #[error("{0}")]
    Message(String),
    /// The plan is not what would be applied now.
    #[error("{0}")]
    Stale(String),
    /// The command line is wrong.
    #[error("{0}")]
    Usage(String),
}

impl Failure {
    /// The exit code.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Diagnostics(_) | Self::Project(_) | Self::Api(_) | Self::Store(_) | Self::Message(_) => {
                Exit::Error
            }
            Self::Stale(_) => Exit::Stale,
            Self::Usage(_) => Exit::Usage,
        }
    }
}
