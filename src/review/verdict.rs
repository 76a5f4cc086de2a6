//! Whether a plan may be applied: a function of facts. Where several things are missing, all of them are named.

use std::collections::BTreeMap;

use crate::config::Register;
use crate::model::Address;
use crate::plan::{Action, Change, Plan};

/// Everything that the decision depends on, as it was right before the writes.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Who asked for it.
    pub by: &'a str,
    /// Whether that person may write to the repository.
    pub may_write: bool,
    /// The pull request.
    pub pull: Pull<'a>,
    /// The plan that the pull request shows, if there is one.
    pub shown: Option<Shown<'a>>,
    /// Reviews, oldest first.
    pub reviews: &'a [Review],
    /// Checks of the head commit, without our own.
    pub checks: &'a [Check],
    /// What the configuration asks for.
    pub rule: &'a Register,
    /// What would be applied now.
    pub fresh: &'a Plan,
}

/// A pull request.
#[derive(Debug, Clone, Copy)]
pub struct Pull<'a> {
    /// Whether it is open.
    pub state: PullState,
    /// Whether it comes from another repository.
    pub is_fork: bool,
    /// Who opened it.
    pub author: &'a str,
    /// Its head commit.
    pub head: &'a str,
}

/// What became of a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullState {
    /// It is open.
    Open,
    /// It was closed without being merged.
    Closed,
    /// It was merged: then its approval is the merge.
    Merged,
}

/// A plan that was shown to people.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// The commit that it was made of.
    pub head: &'a str,
    /// Whether it was there when it was asked to be applied.
    pub is_older_than_the_request: bool,
    /// The plan.
    pub plan: &'a Plan,
}

/// A review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Who.
    pub by: String,
    /// Whether that person may write to the repository: anyone who can read may press "approve".
    pub may_write: bool,
    /// What it says.
    pub state: ReviewState,
    /// The commit that was reviewed.
    pub commit: String,
}

/// What a review says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReviewState {
    /// Yes.
    Approved,
    /// Not so.
    ChangesRequested,
    /// Taken back.
    Dismissed,
    /// Neither.
    Comment,
}

/// A check, or a commit's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: CheckState,
}

/// How a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckState {
    /// It succeeded, or has nothing to say.
    Green,
    /// It runs or waits.
    Pending,
    /// It failed.
    Failed,
}

/// Changes, by what they do to which resource.
pub type Named = Vec<(Action, Address)>;

/// It may be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// What was shown and is not to be done any more.
    pub fell_away: Named,
}

/// Something that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Whoever asked may not write.
    Permission(String),
    /// It was asked for too long ago.
    Late {
        /// When, RFC 3339.
        asked: String,
    },
    /// It was closed unmerged.
    Closed,
    /// It comes from a fork and is not merged.
    Fork,
    /// No plan of it was shown.
    Plan,
    /// The head moved after the plan was shown.
    Moved {
        /// The commit of the plan.
        from: String,
        /// The head.
        to: String,
    },
    /// The plan was shown after it was asked for.
    Unseen,
    /// Approvals.
    Approvals {
        /// How many there are.
        found: u64,
        /// How many it takes.
        wanted: u64,
        /// Who approved an older commit.
        older: Vec<String>,
        /// Who approved without being allowed to write.
        readers: Vec<String>,
    },
    /// These people asked for changes.
    ChangesRequested(Vec<String>),
    /// These checks are not green.
    Checks {
        /// Those that failed.
        failed: Vec<String>,
        /// Those that run or wait.
        pending: Vec<String>,
    },
    /// What would be done now is more or other than what was shown.
    Other(Named),
    /// What would be done now is more or other than what was changed, where nothing was shown.
    Beyond(Named),
    /// A guard: what it says, and what to do.
    Guard {
        /// The guard's name.
        guard: String,
        /// What is wrong.
        message: String,
        /// What to do.
        help: String,
    },
    /// Datadog rejects a part.
    Rejected(Vec<String>),
}

/// Decides.
///
/// # Errors
///
/// All that is missing.
pub fn judge(facts: &Facts<'_>) -> Result<Allowed, Vec<Missing>> {
    let mut missing = Vec::new();
    if !facts.may_write {
        missing.push(Missing::Permission(facts.by.to_owned()));
    }
    let pull = &facts.pull;
    match pull.state {
        PullState::Closed => missing.push(Missing::Closed),
        PullState::Open if pull.is_fork => missing.push(Missing::Fork),
        PullState::Open => {
            judge_reviews(facts, &mut missing);
            judge_checks(facts, &mut missing);
        }
        PullState::Merged => {}
    }
    let mut fell_away = Vec::new();
    match facts.shown {
        None => missing.push(Missing::Plan),
        Some(shown) if shown.head != pull.head => {
            missing.push(Missing::Moved { from: shown.head.to_owned(), to: pull.head.to_owned() });
        }
        Some(shown) => {
            if !shown.is_older_than_the_request {
                missing.push(Missing::Unseen);
            }
            match subset(shown.plan, facts.fresh) {
                Ok(gone) => fell_away = gone,
                Err(other) => missing.push(Missing::Other(other)),
            }
        }
    }
    judge_plan(facts.fresh, &mut missing);
    if missing.is_empty() { Ok(Allowed { fell_away }) } else { Err(missing) }
}

/// What keeps a plan itself from being applied, whoever asks: guards, and what Datadog says.
pub fn judge_plan(plan: &Plan, missing: &mut Vec<Missing>) {
    missing.extend(plan.blocked.iter().map(|blocked| Missing::Guard {
        guard: blocked.guard.clone(),
        message: blocked.message.clone(),
        help: blocked.help.clone(),
    }));
    let errors = plan.diagnostics.iter().filter(|diagnostic| diagnostic.severity == "error");
    let errors: Vec<String> = errors.map(|diagnostic| diagnostic.message.clone()).collect();
    if !errors.is_empty() {
        missing.push(Missing::Rejected(errors));
    }
}

/// A plan that does less than the one that was shown is what was approved; one that does more, or otherwise, is not.
///
/// Gives what fell away.
///
/// # Errors
///
/// What is more, or other.
pub fn subset(shown: &Plan, fresh: &Plan) -> Result<Named, Named> {
    let name = |change: &Change| (change.action, change.address.clone());
    let same = |one: &Change, other: &Change| {
        (one.action, one.kind, one.id, &one.before, &one.after, &one.from)
            == (other.action, other.kind, other.id, &other.before, &other.after, &other.from)
    };
    let organisations = shown.organisation.zip(fresh.organisation);
    if shown.environment != fresh.environment || organisations.is_some_and(|(then, now)| then != now) {
        return Err(fresh.changes.iter().map(name).collect());
    }
    let by_address: BTreeMap<&Address, &Change> =
        shown.changes.iter().map(|change| (&change.address, change)).collect();
    // What waited for a metric is not new when the metric is there.
    let waited = |change: &Change| {
        let mut deferred = shown.deferred.iter().filter(|then| then.address == change.address);
        deferred
            .any(|then| (then.action, then.kind, &then.after) == (change.action, change.kind, &change.after))
    };
    let is_shown = |change: &&Change| {
        by_address.get(&change.address).is_some_and(|other| same(other, change)) || waited(change)
    };
    let other: Vec<_> = fresh.changes.iter().filter(|change| !is_shown(change)).map(name).collect();
    if !other.is_empty() {
        return Err(other);
    }
    let is_left = |change: &&Change| fresh.changes.iter().any(|left| left.address == change.address);
    Ok(shown.changes.iter().filter(|change| !is_left(change)).map(name).collect())
}

/// The latest review of each user counts, if it is of the head commit, by somebody who may write and who is not the author.
fn judge_reviews(facts: &Facts<'_>, missing: &mut Vec<Missing>) {
    let mut latest: BTreeMap<&str, &Review> = BTreeMap::new();
    // A comment does not take an approval back.
    for review in facts.reviews.iter().filter(|review| review.state != ReviewState::Comment) {
        latest.insert(&review.by, review);
    }
    let others = || latest.values().filter(|review| !review.by.eq_ignore_ascii_case(facts.pull.author));
    let names = |state: ReviewState, test: &dyn Fn(&Review) -> bool| -> Vec<String> {
        others()
            .filter(|review| review.state == state && test(review))
            .map(|review| review.by.clone())
            .collect()
    };
    let is_of_head = |review: &Review| review.commit == facts.pull.head;
    let approved = names(ReviewState::Approved, &|review| review.may_write && is_of_head(review));
    let (found, wanted) = (approved.len() as u64, facts.rule.approvals);
    if found < wanted {
        let older = names(ReviewState::Approved, &|review| review.may_write && !is_of_head(review));
        let readers = names(ReviewState::Approved, &|review| !review.may_write);
        missing.push(Missing::Approvals { found, wanted, older, readers });
    }
    let against = names(ReviewState::ChangesRequested, &|review| review.may_write);
    if wanted > 0 && !against.is_empty() {
        missing.push(Missing::ChangesRequested(against));
    }
}

fn judge_checks(facts: &Facts<'_>, missing: &mut Vec<Missing>) {
    if !facts.rule.checks {
        return;
    }
    let named = |state: CheckState| -> Vec<String> {
        facts.checks.iter().filter(|check| check.state == state).map(|check| check.name.clone()).collect()
    };
    let (failed, pending) = (named(CheckState::Failed), named(CheckState::Pending));
    if !failed.is_empty() || !pending.is_empty() {
        missing.push(Missing::Checks { failed, pending });
    }
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
