//! What keeps a job from its end, and what is done about it.

use super::ledger::LedgerError;
use crate::github;
use crate::ops::Failure;

/// What keeps a job from its end.
#[derive(Debug)]
pub enum Trouble {
    /// It may go better later, without anybody doing anything.
    Later(String),
    /// It is kept until the service is started again: GitHub does not take our token, or we are stopping.
    Kept(String),
    /// It is of no use to try again.
    Failed(String),
    /// The project or Datadog stands in the way: to be told to whoever asked.
    Told(Box<Failure>),
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
        Self::Told(Box::new(failure))
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
            Self::Told(failure) => failure.fmt(f),
        }
    }
}
