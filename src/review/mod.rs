//! A pull request's conversation: what a comment asks for, and whether a plan may be applied. Pure: facts in, a decision out.

mod command;
mod verdict;

pub use command::{Command, Said, Unclear, Verb, is_name, parse};
pub use verdict::{
    Allowed, Check, CheckState, Facts, Missing, Named, Pull, PullState, Review, ReviewState, Shown, judge,
    judge_plan, subset,
};
