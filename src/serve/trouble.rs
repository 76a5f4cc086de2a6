//! What keeps a job from its end, and what is done about it.

use futures_util::FutureExt;

use super::job::Task;
use super::ledger::LedgerError;
use crate::datadog::ApiError;
use crate::github;
use crate::ops::Failure;

/// How often a job is begun that fails for a passing reason, before whoever waits for its answer is told.
pub const TRIES: u32 = 6;
/// The same for what is merged, while Datadog does not answer: some twenty minutes.
const PATIENT_TRIES: u32 = 30;

/// What keeps a job from its end.
#[derive(Debug)]
pub enum Trouble {
    /// GitHub does not answer; it may later, without anybody doing anything.
    Later(String),
    /// The same of Datadog. Nothing was written.
    Away(Box<Failure>),
    /// It is kept until the service is started again: GitHub does not take our token, or we are stopping.
    Kept(String),
    /// It is of no use to try again.
    Failed(String),
    /// The project or Datadog stands in the way: to be told to whoever asked.
    Told(Box<Failure>),
}

impl Trouble {
    /// How often a job that fails so is begun; none for as often as it takes.
    pub fn tries(&self, task: &Task) -> Option<u32> {
        match (self, task) {
            (_, Task::Said { .. }) => Some(TRIES),
            // Nobody can be told before GitHub is back.
            (Self::Later(_), _) => None,
            (_, Task::Merged { .. } | Task::Pushed { .. }) => Some(PATIENT_TRIES),
            _ => Some(TRIES),
        }
    }
}

impl From<github::Error> for Trouble {
    fn from(error: github::Error) -> Self {
        let text = error.to_string();
        match error {
            github::Error::RevokedToken { .. } | github::Error::Stopped { .. } => Self::Kept(text),
            error if error.is_transient() || error.outcome_unknown() => Self::Later(text),
            _ => Self::Failed(text),
        }
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        match &failure {
            Failure::Api(ApiError::Stopped { .. }) => Self::Kept(failure.to_string()),
            Failure::Api(error) if error.is_passing() => Self::Away(Box::new(failure)),
            _ => Self::Told(Box::new(failure)),
        }
    }
}

impl From<LedgerError> for Trouble {
    fn from(error: LedgerError) -> Self {
        Self::Kept(error.to_string())
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Later(text) | Self::Kept(text) | Self::Failed(text) => f.write_str(text),
            Self::Told(failure) | Self::Away(failure) => failure.fmt(f),
        }
    }
}

/// A panic is a mistake of ours: it fails what it happened in, and is told to whoever waits for that.
pub async fn guarded<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    // Nothing is shared with the work but what is locked or on the disk.
    let result = std::panic::AssertUnwindSafe(work).catch_unwind().await;
    result.unwrap_or_else(|_| Err(Trouble::Failed("bellwether itself failed; its log says where".to_owned())))
}
