//! What can go wrong with a call.
//!
//! Messages say what happened, at which method and path, and what to do. None ever holds a token, and all text from the
//! network has been cleaned before it gets here.

use jiff::Timestamp;

use super::archive::ArchiveError;

/// A call that did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// 404. GitHub also says so of what the token may not see.
    #[error("GitHub found nothing for `{call}`{}; does it exist, and may the token read it?", told(.said))]
    NotFound {
        /// Method and path.
        call: String,
        /// What GitHub said.
        said: String,
    },
    /// 401: the token is wrong, expired or revoked, or the App's installation is gone.
    #[error("GitHub does not take the token (`{call}`){}; it may have expired or been revoked", told(.said))]
    RevokedToken {
        /// Method and path.
        call: String,
        /// What GitHub said.
        said: String,
    },
    /// 403: the token lacks a permission.
    #[error("GitHub refused `{call}`{}; check the token's permissions", told(.said))]
    Forbidden {
        /// Method and path.
        call: String,
        /// What GitHub said.
        said: String,
    },
    /// A rate limit that lasts longer than we are willing to wait.
    #[error("GitHub's rate limit is used up until {until:.0} (`{call}`); try again then")]
    RateLimited {
        /// Method and path.
        call: String,
        /// When calls are taken again.
        until: Timestamp,
    },
    /// No answer, or a 5xx, after all tries.
    #[error("GitHub did not answer `{call}`: {reason}; try again later")]
    Unavailable {
        /// Method and path.
        call: String,
        /// What the network or GitHub said.
        reason: String,
        /// Whether the request may have been carried out all the same.
        sent: bool,
    },
    /// Another 4xx: the request itself is not acceptable, so that repeating it is useless.
    #[error("GitHub rejected `{call}` with {status}{}", told(.said))]
    Rejected {
        /// Method and path.
        call: String,
        /// The status.
        status: u16,
        /// What GitHub said.
        said: String,
    },
    /// An answer that is not what the API answers. Nothing is concluded from it.
    #[error("`{call}` got an answer that is not GitHub's: {what}; is a proxy in between?")]
    Unexpected {
        /// Method and path.
        call: String,
        /// What is wrong with it.
        what: String,
    },
    /// A list that goes on beyond what is read of it.
    #[error("`{call}` has more than {limit} entries, which is more than is read")]
    TooMany {
        /// Method and path.
        call: String,
        /// How many are read.
        limit: usize,
    },
    /// The repository has another name now.
    #[error("the repository of `{call}` was renamed or moved; use its new name")]
    Moved {
        /// Method and path.
        call: String,
    },
    /// The files of a commit cannot be used.
    #[error("the files of commit {commit} cannot be read: {error}")]
    Archive {
        /// The commit.
        commit: String,
        /// What is wrong.
        error: ArchiveError,
    },
    /// The run was stopped before the call was sent.
    #[error("`{call}` was not sent: the run was stopped")]
    Stopped {
        /// Method and path.
        call: String,
    },
    /// The HTTP client could not be set up.
    #[error("cannot set up a client of GitHub: {reason}")]
    Setup {
        /// Why.
        reason: String,
    },
}

fn told(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

impl Error {
    /// Whether a write that ended so may have happened all the same. Then only a read can tell.
    pub fn outcome_unknown(&self) -> bool {
        match self {
            Self::Unavailable { sent, .. } => *sent,
            Self::Unexpected { .. } => true,
            _ => false,
        }
    }

    /// Whether the same call may succeed later, without anybody doing anything.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::RateLimited { .. })
    }
}
