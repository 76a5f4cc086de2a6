//! The default branch has new commits: what is left is applied. The merge is the approval, and the branch's own files count.

use super::apply::{Order, apply};
use super::dispatch::Context;
use super::job::Answer;
use super::ledger::ShownPlan;
use super::log::Level;
use super::planning::{self, Asked};
use super::site::Purpose;
use super::speech;
use super::trouble::Trouble;
use super::workspace::{Built, Workspace, build, touches};
use crate::github::CommitSha;
use crate::ops::Connection;
use crate::review::{Missing, judge_plan, subset};

/// A pull request was merged.
pub async fn merged(context: &Context<'_>) -> Result<Answer, Trouble> {
    let (site, service) = (context.site, context.service);
    let pull = context.pull().await?;
    if !pull.merged {
        return Ok(Answer::default());
    }
    let head = site.client.branch_head(&pull.base_ref).await?;
    let built = build(Workspace::of_branch(site, &head).await?.files, context.environment.to_owned()).await?;
    let shown = service.ledger.shown(&context.job.repository, context.number, context.environment)?;
    // Nobody who merged it has asked for anything: what others left is not its business.
    let has_plan = shown.is_some_and(|shown| shown.plan.is_some());
    let is_live = !service.ledger.registered(&context.job.repository, context.number)?.is_empty();
    if !has_plan
        && !is_live
        && !touches(site, &built.project, &site.client.changed_files(context.number).await?)
    {
        return Ok(Answer::default());
    }
    let connection =
        site.connect(&built.environment, Purpose::Write, &service.settings, &service.stop).await?;
    let result = apply_left(context, Some(&pull.head_sha), &head, &built, &connection).await;
    context.close(connection).await;
    match result? {
        Left::Answer(answer) => {
            // The default branch knows of it now.
            service.ledger.settle(&context.job.repository, context.number, context.environment)?;
            Ok(answer)
        }
        Left::Missing(missing) => {
            context.log(Level::Warn, "not applied", &speech::logged(&missing));
            planning::show(context, &pull, &Asked::default(), false).await?;
            let missing = speech::for_readers(missing, site.is_public());
            let text = speech::merge_refused(context.job, service.settings.word(), &missing);
            Ok(Answer { comment: Some(text), ..Answer::default() })
        }
    }
}

enum Left {
    Answer(Answer),
    Missing(Vec<Missing>),
}

async fn apply_left(
    context: &Context<'_>,
    reviewed: Option<&CommitSha>,
    head: &CommitSha,
    built: &Built,
    connection: &Connection,
) -> Result<Left, Trouble> {
    let asked = Asked::default();
    let (planned, _) = planning::with(context, built, &asked, connection).await?;
    let ledger = &context.service.ledger;
    let shown = ledger.shown(&context.job.repository, context.number, context.environment)?;
    if planned.plan.is_empty() && !planned.plan.has_errors() {
        // Where nothing was ever said, nothing is to be said now.
        let comment = shown.map(|_| speech::nothing_left(context.environment, head));
        return Ok(Left::Answer(Answer { comment, ..Answer::default() }));
    }
    let mut missing = Vec::new();
    let mut fell_away = 0;
    // What was shown of the commit that was merged is what people agreed to. Of a fork, what it changes was shown, and no
    // plan against Datadog: there the merge itself is the word.
    match (reviewed, &shown) {
        (None, _) => {}
        (Some(_), None) => missing.push(Missing::Plan),
        (Some(reviewed), Some(shown)) if shown.head != reviewed.as_str() => {
            missing.push(Missing::Moved { from: shown.head.clone(), to: reviewed.to_string() });
        }
        (Some(_), Some(ShownPlan { plan: None, .. })) => missing.push(Missing::Plan),
        (Some(_), Some(ShownPlan { offline: true, .. })) => {}
        (Some(_), Some(ShownPlan { plan: Some(plan), .. })) => match subset(plan, &planned.plan) {
            Ok(gone) => fell_away = gone.len(),
            Err(other) => missing.push(Missing::Other(other)),
        },
    }
    judge_plan(&planned.plan, &mut missing);
    if !missing.is_empty() {
        return Ok(Left::Missing(missing));
    }
    let order = Order {
        is_open: false,
        by: None,
        commit: head,
        asked: &asked,
        is_public: context.site.is_public(),
        fell_away,
    };
    let answer = apply(context, built, planned, connection, &order).await?;
    Ok(Left::Answer(Answer { receipt: None, ..answer }))
}

/// Somebody pushed to the default branch: what is not from a pull request is applied, too, and a check says so.
pub async fn pushed(context: &Context<'_>, pushed: &CommitSha) -> Result<Answer, Trouble> {
    let (site, service) = (context.site, context.service);
    let branch = site.client.default_branch().await?;
    let head = site.client.branch_head(&branch).await?;
    if head != *pushed {
        context.log(Level::Info, "overtaken", "there is a newer commit");
        return Ok(Answer::default());
    }
    if site.client.merged_as(&head, &branch).await?.is_some() {
        context.log(Level::Info, "nothing to do", "the merge of its pull request is what applies it");
        return Ok(Answer::default());
    }
    let built = build(Workspace::of_branch(site, &head).await?.files, context.environment.to_owned()).await?;
    let connection =
        site.connect(&built.environment, Purpose::Write, &service.settings, &service.stop).await?;
    let result = apply_left(context, None, &head, &built, &connection).await;
    context.close(connection).await;
    match result? {
        // Where nothing was done, nothing is told.
        Left::Answer(answer) => Ok(Answer { receipt: None, ..answer }),
        Left::Missing(missing) => {
            context.log(Level::Warn, "not applied", &speech::logged(&missing));
            let missing = speech::for_readers(missing, site.is_public());
            Ok(Answer::of_push(&head, speech::push_refused(context.job, &missing)))
        }
    }
}
