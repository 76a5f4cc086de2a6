//! What keeps a job from its end, and what is done about it.

use futures_util::FutureExt;

use super::job::Task;
use super::ledger::LedgerError;
use crate::datadog::ApiError;
use crate::github;
use crate::ops::Failure;

/// How often a job is begun that fails for a passing reason, before the others of its queue have their turn.
const TRIES: u32 = 6;
/// How often it is set aside while GitHub does not answer: for a day.
pub const ROUNDS_OF_GITHUB: u32 = 288;
/// The same for Datadog: for some twenty minutes.
const ROUNDS_OF_DATADOG: u32 = 4;

/// How often a job has failed for a passing reason: as GitHub does not answer, and as Datadog does not.
#[derive(Debug, Clone, Copy, Default)]
pub struct Failures {
    github: Count,
    datadog: Count,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    /// How often it was set aside.
    rounds: u32,
    /// How often it failed since then.
    tries: u32,
}

impl Failures {
    fn of(&mut self, trouble: &Trouble) -> &mut Count {
        if matches!(trouble, Trouble::Away(_)) { &mut self.datadog } else { &mut self.github }
    }

    /// Counts a passing `trouble`, and gives how often there was one of its kind in a row.
    pub fn add(&mut self, trouble: &Trouble) -> u32 {
        let count = self.of(trouble);
        count.tries += 1;
        count.tries
    }

    /// The job is set aside for a passing `trouble`.
    pub fn set_aside(&mut self, trouble: &Trouble) {
        let rounds = self.of(trouble).rounds + 1;
        (self.github.tries, self.datadog.tries) = (0, 0);
        self.of(trouble).rounds = rounds;
    }

    /// Whether a passing `trouble` that comes now is the first of its kind.
    pub fn is_first(mut self, trouble: &Trouble) -> bool {
        let count = self.of(trouble);
        (count.rounds, count.tries) == (0, 0)
    }

    /// Whether it is the last one before the job is set aside, or given up.
    pub fn is_last(mut self, trouble: &Trouble) -> bool {
        self.of(trouble).tries + 1 >= TRIES
    }

    /// Whether it is the last one of all, where a job is set aside `rounds` times.
    pub fn is_very_last(mut self, trouble: &Trouble, rounds: u32) -> bool {
        self.is_last(trouble) && self.of(trouble).rounds >= rounds
    }
}

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
    /// How often a job that fails so is set aside. Whoever asked by a comment is told before long.
    pub fn rounds(&self, task: &Task) -> u32 {
        match (self, task) {
            (_, Task::Said { .. }) => 0,
            (Self::Away(_), _) => ROUNDS_OF_DATADOG,
            _ => ROUNDS_OF_GITHUB,
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
