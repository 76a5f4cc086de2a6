//! What came of a plan: the words that `apply` reports in and `render` prints.

use std::time::Duration;

use super::types::Action;
use crate::model::{Address, MonitorId};

/// What came of one change.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is live.
    Done {
        /// The monitor, as far as there is one.
        id: Option<MonitorId>,
    },
    /// Datadog has not seen the metric yet; a later apply tries again.
    Deferred,
    /// Datadog refused it, or did not answer.
    Failed {
        /// What happened, for people.
        message: String,
        /// Whether it may have happened all the same.
        unknown: bool,
    },
    /// The first of its two calls was made and the second was not, or it is live and could not be recorded.
    HalfDone {
        /// What was done, and why not the rest.
        message: String,
    },
    /// What is live was edited after the plan was made, so that nothing was written.
    Stale {
        /// The field, what it was planned from and what it is now.
        what: String,
    },
    /// It was not tried.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// What came of a plan.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Each change's outcome and how long it took, in the order in which they ended.
    pub steps: Vec<(Address, Action, Outcome, Duration)>,
    /// Whether the user stopped it.
    pub interrupted: bool,
    /// Why the end of the run could not be recorded, if it could not.
    pub unrecorded: Option<String>,
}

impl Report {
    /// How many changes ended so.
    pub fn count(&self, test: impl Fn(&Outcome) -> bool) -> usize {
        self.steps.iter().filter(|(_, _, outcome, _)| test(outcome)).count()
    }

    /// How many changes are live.
    pub fn done(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Done { .. }))
    }

    /// How many are written, or may be.
    pub fn written(&self) -> usize {
        self.count(|outcome| {
            matches!(
                outcome,
                Outcome::Done { .. } | Outcome::HalfDone { .. } | Outcome::Failed { unknown: true, .. }
            )
        })
    }

    /// Whether every change is live, or waits for its metric.
    pub fn is_complete(&self) -> bool {
        self.unrecorded.is_none()
            && self.steps.len()
                == self.count(|outcome| matches!(outcome, Outcome::Done { .. } | Outcome::Deferred))
    }

    /// How many were refused.
    pub fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Failed { .. }))
    }

    /// How many were begun and are not finished.
    pub fn half_done(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::HalfDone { .. }))
    }

    /// How many were left alone because somebody edited them after the plan was made.
    pub fn stale(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Stale { .. }))
    }

    /// How many were not tried.
    pub fn skipped(&self) -> usize {
        self.count(|outcome| matches!(outcome, Outcome::Skipped { .. }))
    }
}
