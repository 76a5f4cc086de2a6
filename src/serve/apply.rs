//! Carrying out a plan that is allowed, and what is said of it.

use std::time::Instant;

use super::comparing::Asked;
use super::dispatch::Context;
use super::job::{Answer, Ended, Job, Receipt};
use super::log::Level;
use super::speech;
use super::trouble::Trouble;
use super::workspace::Built;
use crate::github::CommitSha;
use crate::ops::{self, Addresses, Connection, PlanRequest, Planned, Verified};
use crate::plan::{Change, Outcome};

/// What is applied, and for whom.
pub struct Order<'a> {
    /// Whether it is of a pull request that is not merged yet.
    pub is_open: bool,
    /// Who asked.
    pub by: Option<&'a str>,
    /// The commit, for people.
    pub commit: &'a CommitSha,
    /// What was asked for.
    pub asked: &'a Asked,
    /// What the plan is about.
    pub addresses: &'a Addresses,
    /// Whether anybody can read the repository.
    pub is_public: bool,
    /// What was shown and is not to be done any more.
    pub fell_away: usize,
}

/// Applies a fresh plan.
///
/// After the first write there is no error any more: what happened is in the answer.
pub async fn apply(
    context: &Context<'_>,
    built: &Built,
    planned: Planned,
    connection: &Connection,
    order: &Order<'_>,
) -> Result<Answer, Trouble> {
    let service = context.service;
    let state = context.site.state(context.environment);
    let now = &service.settings.now;
    ops::recover(&built.project, &planned.compiled, &planned.refreshed, &state, now())?;
    let plan = planned.plan.clone();
    let test = |address: &str| order.addresses.contain(address);
    let request = PlanRequest {
        project: &built.project,
        name: context.environment,
        environment: &built.environment,
        reader: None,
        state: &state,
        options: order.asked.options(order.addresses, &test),
        now: now(),
    };
    let step = |change: &Change, outcome: &Outcome, _elapsed, _done, _total| {
        let (level, word) = match outcome {
            Outcome::Done { .. } => (Level::Info, "done"),
            Outcome::Deferred => (Level::Info, "deferred"),
            _ => (Level::Warn, "not done"),
        };
        context.log(level, "change", &format!("{} {}: {word}", change.action.word(), change.address));
    };
    // Before the first write: an apply that is cut off has made a part of it live.
    service.ledger.keep(context.id, &Job { begun: true, ..context.job.clone() })?;
    if order.is_open {
        let addresses = plan.changes.iter().flat_map(Change::addresses).cloned();
        let (repository, commit) = (&context.job.repository, order.commit.as_str());
        service.ledger.register(repository, context.number, context.environment, commit, addresses)?;
    }
    let time = || now();
    let started = Instant::now();
    context.log(Level::Info, "apply", plan.short_digest());
    let applied =
        ops::apply(&request, &plan, planned, &connection.writer, &connection.stop, &step, &time).await;
    if applied.report.interrupted || matches!(applied.verified, Verified::NotTried) {
        // The next start plans what is left, and goes on.
        return Err(Trouble::Kept("the service was stopped while it applied".to_owned()));
    }
    let is_whole = order.asked.only.is_none();
    let told = speech::applied(context.environment, &plan, &applied, order, started.elapsed());
    let receipt = if told.is_well { Receipt::Done } else { Receipt::Refused };
    Ok(Answer {
        comment: Some(told.body),
        receipt: Some(receipt),
        ended: Some(Ended {
            head: is_whole.then(|| order.commit.clone()),
            title: told.title,
            is_well: told.is_well,
        }),
    })
}
