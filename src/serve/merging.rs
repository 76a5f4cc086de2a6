//! The default branch has new commits: what is left is applied. The merge is the approval, and the branch's own files count.

use std::collections::BTreeSet;
use std::time::Duration;

use super::apply::{Order, apply};
use super::comparing::{Asked, Compared, again, against, with, with_operands};
use super::dispatch::Context;
use super::job::{Answer, Ended};
use super::log::Level;
use super::planning;
use super::site::Purpose;
use super::speech;
use super::trouble::Trouble;
use super::workspace::{Built, archive, build, project_of, read_project, touches, touches_config, without};
use crate::github::{self, CommitSha, PullRequest};
use crate::model::Address;
use crate::ops::{Addresses, Connection, Failure};
use crate::plan::{Action, Change, FieldChange, Plan, REV_FIELD};
use crate::render::count;
use crate::review::{Missing, judge_plan, subset};

/// How long after a push GitHub may still find out that it was a merge.
const CATCHING_UP: Duration = Duration::from_secs(30);

/// What an apply of the default branch may do.
enum Mandate<'p> {
    /// This or less: the whole plan that was shown; and the commit of the base branch that it was made with, if that is known.
    Shown(&'p Plan, Option<&'p CommitSha>),
    /// What the schemas of a fork alone have changed, which was shown. Nobody was shown a plan against Datadog.
    Compared(&'p Plan),
    /// What the schemas of a push alone have changed, as they are by now. Nobody was shown anything.
    Changed(&'p Plan),
    /// Nothing without a word, for this reason.
    Nothing(Missing),
}

/// A pull request was merged.
pub async fn merged(context: &Context<'_>) -> Result<Answer, Trouble> {
    let (site, service) = (context.site, context.service);
    let (ledger, repository) = (&service.ledger, &context.job.repository);
    let pull = context.pull().await?;
    let head = head_with(context, &pull).await?;
    let built = build(archive(site, &head).await?, context.environment.to_owned()).await?;
    let shown = ledger.shown(repository, context.number, context.environment)?;
    let is_live = !ledger.registered(repository, context.number)?.is_empty();
    // Nobody who merged it has asked for anything: what others left is not its business.
    let has_plan = shown.as_ref().is_some_and(|shown| shown.plan.is_some());
    if !has_plan
        && !is_live
        && !touches(site, &built.project, &site.client.changed_files(context.number).await?)
    {
        return Ok(Answer::default());
    }
    // What was shown of the commit that was merged, before it was merged, is what people agreed to. Of a fork, what it changes was
    // shown, and no plan against Datadog: there the merge itself is the word.
    let merged_at = pull.merged_at.as_deref().unwrap_or_default();
    let mandate = match shown.as_ref().map(|shown| (shown, &shown.plan)) {
        Some((shown, _)) if shown.head != pull.head_sha.as_str() => {
            Mandate::Nothing(Missing::Moved { from: shown.head.clone(), to: pull.head_sha.to_string() })
        }
        Some((shown, Some(plan))) if planning::is_before(&shown.since, merged_at) => match shown.offline {
            false => Mandate::Shown(plan, shown.base.as_ref()),
            // It was made with another configuration than the one that counts now.
            true if touches_config(site, &site.client.changed_files(context.number).await?) => {
                Mandate::Nothing(Missing::Plan)
            }
            true => Mandate::Compared(plan),
        },
        _ => Mandate::Nothing(Missing::Plan),
    };
    let left = match apply_left(context, &mandate, &head, &built).await {
        // The plan's comment and its check are to name the mistakes.
        Err(Trouble::Told(failure)) if matches!(*failure, Failure::Diagnostics(_)) => {
            planning::show(context, &pull, &Asked::default(), false).await?;
            return Err(Trouble::Told(failure));
        }
        left => left?,
    };
    // The default branch knows of it now, whatever came of that.
    ledger.settle(repository, context.number, context.environment)?;
    match left {
        // Where nothing was ever said, and nothing left out, nothing is to be said now.
        Left::Nothing(None) if shown.is_none() => Ok(Answer::default()),
        Left::Nothing(about) => {
            let comment = Some(speech::nothing_left(context.environment, &head, about.as_deref()));
            Ok(Answer { comment, ..Answer::default() })
        }
        Left::Applied(answer) => Ok(answer),
        Left::Missing(missing) => {
            context.log(Level::Warn, "not applied", &speech::logged(&missing));
            let has_plan = planning::show(context, &pull, &Asked::default(), false).await?;
            let missing = speech::for_readers(missing, site.is_public());
            let text = speech::merge_refused(context.job, service.settings.word(), &missing, has_plan);
            Ok(Answer { comment: Some(text), ..Answer::default() })
        }
    }
}

/// The head of the branch, as soon as it has what was merged: what GitHub tells can be ahead of what it answers.
async fn head_with(context: &Context<'_>, pull: &PullRequest) -> Result<CommitSha, Trouble> {
    let client = &context.site.client;
    let head = client.branch_head(&pull.base_ref).await?;
    let is_there = match (&pull.merge_commit, pull.merged) {
        (_, false) => false,
        (Some(merge), true) => head == *merge || client.merge_base(merge, &head).await? == *merge,
        (None, true) => true,
    };
    match is_there {
        true => Ok(head),
        false => Err(Trouble::Later(
            "the branch does not have the merge: GitHub does not know of it yet, or it was set back"
                .to_owned(),
        )),
    }
}

enum Left {
    /// Nothing is left; what that does not cover.
    Nothing(Option<String>),
    /// This came of it.
    Applied(Answer),
    /// It is not allowed.
    Missing(Vec<Missing>),
}

async fn apply_left(
    context: &Context<'_>,
    mandate: &Mandate<'_>,
    head: &CommitSha,
    built: &Built,
) -> Result<Left, Trouble> {
    let (site, service) = (context.site, context.service);
    let connection =
        site.connect(&built.environment, Purpose::Write, &service.settings, &service.stop).await?;
    let result = apply_over(context, mandate, head, built, &connection).await;
    context.close(connection).await;
    result
}

async fn apply_over(
    context: &Context<'_>,
    mandate: &Mandate<'_>,
    head: &CommitSha,
    built: &Built,
    connection: &Connection,
) -> Result<Left, Trouble> {
    let mut asked = Asked::default();
    if let Mandate::Compared(plan) | Mandate::Changed(plan) = mandate {
        asked.within = Some(plan.asked_for().flat_map(Change::addresses).cloned().collect());
    }
    let mut compared = with(context, built, &asked, connection).await?;
    if let Mandate::Shown(plan, Some(base)) = mandate {
        asked.except = of_others(context, plan, base, head, built, &compared.planned.plan).await?;
        if !asked.except.is_empty() {
            compared = with(context, built, &asked, connection).await?;
        }
    }
    let Compared { planned, addresses, .. } = compared;
    if planned.plan.is_empty() && !planned.plan.has_errors() {
        return Ok(Left::Nothing(besides(&planned.plan, &addresses)));
    }
    let mut missing = Vec::new();
    let mut fell_away = 0;
    let fresh = with_operands(&planned.plan, &planned);
    match mandate {
        Mandate::Nothing(reason) => missing.push(reason.clone()),
        Mandate::Compared(plan) => missing.extend(beyond(plan, &fresh, true)),
        Mandate::Changed(plan) => missing.extend(beyond(plan, &fresh, false)),
        Mandate::Shown(plan, _) => match subset(&with_operands(plan, &planned), &fresh) {
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
        addresses: &addresses,
        is_public: context.site.is_public(),
        fell_away,
    };
    let answer = apply(context, built, planned, connection, &order).await?;
    Ok(Left::Applied(Answer { receipt: None, ..answer }))
}

/// What "nothing is left" does not cover, if anything.
fn besides(plan: &Plan, addresses: &Addresses) -> Option<String> {
    let mut parts: Vec<String> =
        addresses.name().map(|name| format!("looked at: {name}")).into_iter().collect();
    if !plan.deferred.is_empty() {
        parts.push(format!(
            "{} deferred until Datadog has seen the metric",
            count(plan.deferred.len(), "change")
        ));
    }
    if !plan.drift.is_empty() {
        parts.push(format!("{} in Datadog left alone", count(plan.drift.len(), "edit")));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What a fresh plan changes that was not shown, and that is the same without the pull request. It came to the branch with another
/// pull request or push, which is what applies it.
async fn of_others(
    context: &Context<'_>,
    shown: &Plan,
    base: &CommitSha,
    head: &CommitSha,
    built: &Built,
    fresh: &Plan,
) -> Result<BTreeSet<Address>, Trouble> {
    let shown: BTreeSet<&Address> = shown.asked_for().flat_map(Change::addresses).collect();
    let is_new = |change: &&Change| !change.addresses().any(|address| shown.contains(address));
    let new: Vec<&Change> = fresh.asked_for().filter(is_new).collect();
    if new.is_empty() {
        return Ok(BTreeSet::new());
    }
    let Some(own) = own(context, base, head, built).await? else { return Ok(BTreeSet::new()) };
    let theirs = new.into_iter().filter(|change| !change.addresses().any(|address| own.contains(address)));
    Ok(theirs.flat_map(Change::addresses).cloned().collect())
}

/// What the branch asks for because of the pull request: also where others have brought what its catalog files or imported schemas
/// act on. A file that others changed, too, counts as its own. None if that is not known.
async fn own(
    context: &Context<'_>,
    base: &CommitSha,
    head: &CommitSha,
    built: &Built,
) -> Result<Option<BTreeSet<Address>>, Trouble> {
    let site = context.site;
    let changed = site.client.changed_files(context.number).await?;
    if touches_config(site, &changed) {
        return Ok(None);
    }
    let compare = async || -> Result<Plan, Trouble> {
        let files = without(site, &changed, &archive(site, head).await?, &archive(site, base).await?);
        let before = read_project(files).await?;
        Ok(against(context, built, again(built, context.environment)?, Some(before), base)?.0)
    };
    match compare().await {
        Ok(plan) => Ok(Some(plan.asked_for().flat_map(Change::addresses).cloned().collect())),
        // The base is not there any more, or what others brought needs what the pull request brought.
        Err(trouble @ (Trouble::Failed(_) | Trouble::Told(_))) => {
            context.log(Level::Warn, "not compared", &trouble.to_string());
            Ok(None)
        }
        Err(trouble) => Err(trouble),
    }
}

/// What of a fresh plan is not what these schemas have changed: another action, or other fields. What is new has to be what was
/// shown, if anything was.
fn beyond(changed: &Plan, fresh: &Plan, is_shown: bool) -> Option<Missing> {
    let is_asked_for = |field: &FieldChange, then: &Change| {
        // The hash of it all follows from the others.
        field.path == REV_FIELD
            || then.fields.iter().any(|same| same.path == field.path && same.after == field.after)
    };
    let is_beyond = |change: &&Change| {
        let then = changed.asked_for().find(|then| then.address == change.address);
        let is_same = |then: &Change| match change.action {
            Action::Create => !is_shown || then.after == change.after,
            _ => change.fields.iter().all(|field| is_asked_for(field, then)),
        };
        then.is_none_or(|then| then.action != change.action || !is_same(then))
    };
    let other: Vec<&Change> = fresh.changes.iter().filter(is_beyond).collect();
    let named = || other.iter().map(|change| (change.action, change.address.clone())).collect();
    (!other.is_empty()).then(|| Missing::Beyond(named()))
}

/// Somebody pushed to the default branch: what the push changes and is not from a pull request is applied, too, and a check says
/// so. What others left is not its business.
pub async fn pushed(
    context: &Context<'_>,
    pushed: &CommitSha,
    before: Option<&CommitSha>,
) -> Result<Answer, Trouble> {
    let (site, environment) = (context.site, context.environment);
    let branch = site.client.default_branch().await?;
    if !is_way_back(context, pushed, before).await? {
        for wait in [Duration::ZERO, CATCHING_UP] {
            context.service.wait(wait).await?;
            if site.client.merged_as(pushed, &branch).await?.is_some() {
                context.log(Level::Info, "nothing to do", "the merge of its pull request is what applies it");
                return Ok(Answer::default());
            }
        }
    }
    let changed = changed(context, pushed, before).await?;
    if changed.changes.is_empty() {
        context.log(Level::Info, "nothing to do", "it changes no monitor");
        return Ok(Answer::default());
    }
    // The newest files: a later push may have changed the same monitors.
    let head = site.client.branch_head(&branch).await?;
    let built = build(archive(site, &head).await?, environment.to_owned()).await?;
    match apply_left(context, &Mandate::Changed(&changed), &head, &built).await? {
        Left::Nothing(about) => {
            let text = speech::nothing_left(environment, &head, about.as_deref());
            Ok(Answer::of_push(pushed, "Nothing left to apply", true, text))
        }
        // The check is that of the commit that was pushed, whatever came after it.
        Left::Applied(Answer { comment, receipt, ended }) => {
            let ended = ended.map(|ended| Ended { head: Some(pushed.clone()), ..ended });
            Ok(Answer { comment, receipt, ended })
        }
        Left::Missing(missing) => {
            context.log(Level::Warn, "not applied", &speech::logged(&missing));
            let missing = speech::for_readers(missing, site.is_public());
            Ok(Answer::push_refused(pushed, speech::push_refused(context.job, &missing)))
        }
    }
}

/// Whether the branch was set back to a commit that it had before: whatever was merged as that commit then is not merged now.
async fn is_way_back(
    context: &Context<'_>,
    pushed: &CommitSha,
    before: Option<&CommitSha>,
) -> Result<bool, Trouble> {
    let Some(before) = before else { return Ok(false) };
    match context.site.client.merge_base(before, pushed).await {
        Ok(common) => Ok(common == *pushed),
        Err(github::Error::NotFound { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What a push changes, from the schemas alone.
async fn changed(
    context: &Context<'_>,
    pushed: &CommitSha,
    before: Option<&CommitSha>,
) -> Result<Plan, Trouble> {
    let (site, environment) = (context.site, context.environment);
    let built = build(archive(site, pushed).await?, environment.to_owned()).await?;
    let base = match before {
        Some(before) => project_of(archive(site, before).await?).await?,
        None => None,
    };
    let compiled = again(&built, environment)?;
    let before = before.unwrap_or(pushed);
    match against(context, &built, compiled, base, before) {
        Ok((plan, _)) => Ok(plan),
        Err(failure) => {
            context.log(Level::Warn, "not compared", &failure.to_string());
            Err(Trouble::Failed(format!(
                "what it changes is not known, since the schemas of `{}` have errors; the next pull request shows and applies all that \
                 is left, and so does `bellwether apply --env {environment}`",
                before.short()
            )))
        }
    }
}
