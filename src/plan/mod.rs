//! The plan: every change, in order, as data that can be printed, saved, reviewed and applied.
//!
//! Building it is pure: the desired graph, a snapshot and what was last applied go in. It holds no client.

mod base;
mod budget;
mod build;
mod effect;
mod fresh;
mod guard;
mod mark;
mod matching;
mod metric;
mod monitor;
mod order;
mod report;
mod types;

pub use base::live_rev;
pub use build::{Inputs, Only, Options, build};
pub use fresh::{Standing, differing, standing};
pub use guard::judge_budget;
pub use mark::metric_document;
pub use matching::{How, Matched, Matching, match_monitors};
pub use report::{Outcome, Report};
pub use types::{
    Action, ApiCalls, Blocked, BudgetLine, Cause, Change, Drift, FORMAT_VERSION, FieldChange, OWNER_FIELD,
    Plan, PlanDiagnostic, PlanFileError, REV_FIELD, SourceReference, Summary,
};
