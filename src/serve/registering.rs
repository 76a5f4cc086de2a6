//! `register`: applying a pull request on somebody's word, when everything that it takes is there.
//!
//! First the plan is made anew, of the exact commit. Then every fact is asked for, and only then is it decided: between the
//! decision and the first write there is no call to GitHub any more.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::apply::{Order, apply};
use super::comparing::{Asked, Compared, with, with_operands};
use super::dispatch::Context;
use super::job::{Answer, Comment};
use super::log::Level;
use super::planning::{self, is_before};
use super::site::Purpose;
use super::speech;
use super::trouble::Trouble;
use super::workspace::{Built, Workspace, build};
use crate::github::{self, Permission, PullRequest};
use crate::ops::{Connection, Failure, Planned};
use crate::review::{
    Allowed, Check, CheckState, Command, Facts, Missing, Pull, PullState, Review, ReviewState, Shown, judge,
};

/// How old a comment may be when it is acted on.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);

/// Applies a pull request, or says what is missing.
pub async fn register(
    context: &Context<'_>,
    comment: &Comment,
    command: &Command,
) -> Result<Answer, Trouble> {
    let pull = context.pull().await?;
    let asked = Asked::of(command);
    let is_open_fork = pull.fork && !pull.merged;
    match decide(context, comment, command, &pull, &asked).await {
        Ok(Decided::Done(answer)) => Ok(answer),
        Ok(Decided::Missing(missing)) => {
            context.log(Level::Warn, "not registered", &speech::logged(&missing));
            // Who is refused because the plan is another one is shown the one that it would be.
            if missing.iter().any(is_about_the_plan) {
                let pull = context.pull().await?;
                planning::show(context, &pull, &asked, pull.fork && !pull.merged).await?;
            }
            let missing = speech::for_readers(missing, context.site.is_public());
            Ok(Answer::refused(speech::refused(context.job, command, &missing)))
        }
        // A mistake in the command says nothing of the plan that is shown.
        Err(Trouble::Told(failure)) if matches!(*failure, Failure::Usage(_)) => Err(Trouble::Told(failure)),
        Err(trouble @ (Trouble::Failed(_) | Trouble::Told(_))) => {
            // There is no plan: its comment and its check say why.
            planning::show(context, &pull, &asked, is_open_fork).await?;
            Err(trouble)
        }
        Err(trouble) => Err(trouble),
    }
}

/// Whether what was asked for then is not to be done any more: the service was away, and nobody waits for it by now.
fn is_late(now: Timestamp, asked: &str) -> bool {
    asked.parse::<Timestamp>().is_ok_and(|asked| now.duration_since(asked) > PATIENCE)
}

enum Decided {
    Done(Answer),
    Missing(Vec<Missing>),
}

fn is_about_the_plan(missing: &Missing) -> bool {
    matches!(missing, Missing::Plan | Missing::Moved { .. } | Missing::Unseen | Missing::Other(_))
}

/// Makes the plan, and applies it if it is allowed.
async fn decide(
    context: &Context<'_>,
    comment: &Comment,
    command: &Command,
    pull: &PullRequest,
    asked: &Asked,
) -> Result<Decided, Trouble> {
    let (service, site) = (context.service, context.site);
    if is_late((service.settings.now)(), &comment.created_at) {
        return Ok(Decided::Missing(vec![Missing::Late { asked: comment.created_at.clone() }]));
    }
    // Without a plan: it would take the key that may write.
    if !pull.merged && (pull.fork || !pull.open) {
        return Ok(Decided::Missing(vec![if pull.fork { Missing::Fork } else { Missing::Closed }]));
    }
    let workspace = Workspace::of_pull(site, pull).await?;
    if !workspace.has_project() {
        return Err(Trouble::Failed("the default branch has no bellwether.toml".to_owned()));
    }
    let built = build(workspace.files, context.environment.to_owned()).await?;
    // With the key that may write, from here on.
    let connection =
        site.connect(&built.environment, Purpose::Write, &service.settings, &service.stop).await?;
    let result = apply_if_allowed(context, comment, command, pull, asked, &built, &connection).await;
    context.close(connection).await;
    result
}

async fn apply_if_allowed(
    context: &Context<'_>,
    comment: &Comment,
    command: &Command,
    pull: &PullRequest,
    asked: &Asked,
    built: &Built,
    connection: &Connection,
) -> Result<Decided, Trouble> {
    let Compared { planned, addresses, .. } = with(context, built, asked, connection).await?;
    match verdict(context, comment, pull, built, &planned).await? {
        Ok(allowed) => {
            let fell_away = allowed.fell_away.len();
            let is_public = context.site.is_public();
            let order = Order {
                is_open: pull.open,
                by: Some(&comment.by),
                commit: &pull.head_sha,
                asked,
                addresses: &addresses,
                is_public,
                fell_away,
            };
            context.log(
                Level::Info,
                "allowed",
                &format!("{} asked for by {}", command.verb.word(), comment.by),
            );
            apply(context, built, planned, connection, &order).await.map(Decided::Done)
        }
        Err(missing) => Ok(Decided::Missing(missing)),
    }
}

/// Asks for every fact, and decides.
async fn verdict(
    context: &Context<'_>,
    comment: &Comment,
    planned: &PullRequest,
    built: &Built,
    fresh: &Planned,
) -> Result<Result<Allowed, Vec<Missing>>, Trouble> {
    let (client, number) = (&context.site.client, context.number);
    let shown = context.service.ledger.shown(&context.job.repository, number, context.environment)?;
    let (reviews, checks) = match planned.merged {
        true => (Vec::new(), Vec::new()),
        false => (reviews(client, number).await?, checks(client, planned, built).await?),
    };
    let may_write = client.permission(&comment.by).await? >= Permission::Write;
    // The head last: whatever was pushed until now is seen.
    let now = client.pull_request(number).await?;
    let shown = shown.as_ref().filter(|shown| !shown.offline);
    let plan = shown.and_then(|shown| Some(with_operands(shown.plan.as_ref()?, fresh)));
    let shown = shown.zip(plan.as_ref()).map(|(shown, plan)| Shown {
        head: &shown.head,
        is_older_than_the_request: is_before(&shown.since, &comment.created_at),
        plan,
    });
    let state = match (now.merged, now.open) {
        (true, _) => PullState::Merged,
        (false, true) => PullState::Open,
        (false, false) => PullState::Closed,
    };
    let facts = Facts {
        by: &comment.by,
        may_write,
        pull: Pull { state, is_fork: now.fork, author: &now.author, head: now.head_sha.as_str() },
        shown,
        reviews: &reviews,
        checks: &checks,
        rule: &built.project.config.register,
        fresh: &with_operands(&fresh.plan, fresh),
    };
    let mut verdict = judge(&facts);
    // It was merged, or the head or the base moved, while the plan was made: it is a plan of something else.
    if now.head_sha != planned.head_sha || now.merged != planned.merged || now.base_ref != planned.base_ref {
        let moved = Missing::Moved { from: planned.head_sha.to_string(), to: now.head_sha.to_string() };
        let mut missing = verdict.err().unwrap_or_default();
        if !missing.contains(&moved) {
            missing.push(moved);
        }
        verdict = Err(missing);
    }
    Ok(verdict)
}

async fn reviews(client: &github::Client, number: u64) -> Result<Vec<Review>, Trouble> {
    let mut permissions: BTreeMap<String, bool> = BTreeMap::new();
    let mut found = Vec::new();
    for review in client.reviews(number).await? {
        let state = match review.state {
            github::ReviewState::Approved => ReviewState::Approved,
            github::ReviewState::ChangesRequested => ReviewState::ChangesRequested,
            github::ReviewState::Dismissed => ReviewState::Dismissed,
            _ => ReviewState::Comment,
        };
        let may_write = match permissions.get(&review.author) {
            Some(may_write) => *may_write,
            None => {
                let may_write = client.permission(&review.author).await? >= Permission::Write;
                permissions.insert(review.author.clone(), may_write);
                may_write
            }
        };
        let commit = review.commit.map(|commit| commit.to_string()).unwrap_or_default();
        found.push(Review { by: review.author, may_write, state, commit });
    }
    Ok(found)
}

/// What others say of the head commit.
async fn checks(client: &github::Client, pull: &PullRequest, built: &Built) -> Result<Vec<Check>, Trouble> {
    let names = built.project.config.environments.keys();
    let ours: Vec<String> = names.map(|name| format!("bellwether/{name}")).collect();
    let checks = client.checks(&pull.head_sha).await?;
    let others = checks.into_iter().filter(|check| !ours.contains(&check.name));
    let check = |check: github::Check| Check {
        name: check.name,
        state: match check.state {
            github::CheckState::Passed => CheckState::Green,
            github::CheckState::Pending => CheckState::Pending,
            github::CheckState::Failed => CheckState::Failed,
        },
    };
    Ok(others.map(check).collect())
}
