//! Faults that a sandbox has on purpose: errors, lost answers, broken connections, stale lists and rate limits,
//! for tests and for rehearsing an outage.
//!
//! `settings` is what one writes, `check` what must hold of it, `decide` says which fault a request meets, `answer` carries it out.

mod answer;
mod check;
mod decide;
mod routes;
mod settings;

pub(super) use answer::{Answered, answer};
pub(super) use decide::{Active, RequestKind};
pub(super) use routes::{clear, replace, show};

pub use decide::RuleCount;
pub use settings::{Faults, FaultsError, Limit, Rule};
