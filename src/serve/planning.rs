//! A pull request's plan: one comment for each environment, edited in place, and a check with annotations.

use jiff::Timestamp;

use super::comparing::{Asked, again, against, live};
use super::dispatch::Context;
use super::job::{Answer, Comment, Ended, Receipt};
use super::ledger::ShownPlan;
use super::log::Level;
use super::site::Purpose;
use super::speech::{self, Finding, Proposed, Subject};
use super::trouble::{Trouble, guarded};
use super::workspace::{Workspace, build, read_project};
use crate::config::Target;
use crate::diag::has_errors;
use crate::github::marker::PlanMarker;
use crate::github::{CheckOutput, CheckRun, CommitSha, Conclusion, PullRequest, Sticky};
use crate::ops::{self, Failure};
use crate::render::markdown;
use crate::review::{Command, Verb};

/// A pull request is new, or has new commits.
pub async fn look(context: &Context<'_>) -> Result<Answer, Trouble> {
    let pull = context.pull().await?;
    if !pull.open {
        return Ok(Answer::default());
    }
    // What others wrote is looked at offline, until somebody who may write asks for more.
    show(context, &pull, &Asked::default(), pull.fork).await?;
    Ok(Answer::default())
}

/// A pull request touches nothing of the project. What an earlier commit of it planned is not to be seen any more.
pub async fn untouched(context: &Context<'_>, commit: &CommitSha) -> Result<Answer, Trouble> {
    let finding = speech::untouched(context.environment, commit);
    check_finding(context, commit, &finding).await?;
    let pull = context.pull().await?;
    // Whatever was pushed since has a plan of its own.
    if pull.open && pull.head_sha == *commit {
        publish(context, commit, finding, None, true).await?;
    }
    Ok(Answer::default())
}

/// Somebody who may write asks for the plan.
pub async fn asked(context: &Context<'_>, comment: &Comment, command: &Command) -> Result<Answer, Trouble> {
    let pull = context.pull().await?;
    if !pull.open && !pull.merged {
        return Ok(Answer::default());
    }
    let (service, number, environment) = (context.service, context.number, context.environment);
    if pull.fork && !pull.merged {
        // Asked for the commit that was to be seen when it was asked.
        let shown = service.ledger.shown(&context.job.repository, number, environment)?;
        let is_seen = shown.is_some_and(|shown| {
            shown.head == pull.head_sha.as_str() && is_before(&shown.since, &comment.created_at)
        });
        if !is_seen {
            show(context, &pull, &Asked::default(), true).await?;
            return Ok(Answer::refused(speech::fork_moved(
                &pull.head_sha,
                &command.written(Some(environment), Verb::Plan),
            )));
        }
    }
    let is_plan = show(context, &pull, &Asked::of(command), false).await?;
    let receipt = if is_plan { Receipt::Done } else { Receipt::Refused };
    Ok(Answer { comment: None, receipt: Some(receipt), ended: None })
}

/// Whether GitHub's time `one` is before `other`. It counts whole seconds: of two things of the same second, nobody has
/// read the one before the other.
pub fn is_before(one: &str, other: &str) -> bool {
    matches!((one.parse::<Timestamp>(), other.parse::<Timestamp>()), (Ok(one), Ok(other)) if one < other)
}

/// Makes a plan and shows it: in the comment, in the ledger, and in the check, which is about the whole: a plan of a part leaves
/// it as it is.
pub async fn show(
    context: &Context<'_>,
    pull: &PullRequest,
    asked: &Asked,
    offline: bool,
) -> Result<bool, Trouble> {
    let tell = async |finding: Finding, base: Option<&CommitSha>| {
        if asked.only.is_none() {
            check_finding(context, &pull.head_sha, &finding).await?;
        }
        publish(context, &pull.head_sha, finding, base, offline).await
    };
    let made = guarded(make(context, pull, asked, offline)).await;
    let (finding, base) = match made {
        Ok((finding, base)) => (finding, Some(base)),
        // Not what a later try would mend: it is what there is to say.
        Err(Trouble::Failed(reason)) => (speech::no_plan(context.environment, &reason), None),
        // But for a mistake in the command, which is no matter of the pull request.
        Err(Trouble::Told(failure)) if !matches!(*failure, Failure::Usage(_)) => {
            (speech::no_plan(context.environment, &speech::reason(&failure)), None)
        }
        // Told, and mended by the try that succeeds: of Datadog at once; of GitHub when it may be for this commit only that it
        // does not answer.
        Err(trouble @ (Trouble::Away(_) | Trouble::Later(_))) => {
            let failures = &context.failures;
            let is_over = failures.is_very_last(&trouble, trouble.rounds(&context.job.task));
            let is_told = match &trouble {
                Trouble::Away(_) => failures.is_first(&trouble),
                _ => failures.is_last(&trouble),
            };
            if is_told || is_over {
                let finding = speech::no_plan(context.environment, &speech::passing(&trouble, is_over));
                tell(finding, None).await?;
            }
            return if is_over { Ok(false) } else { Err(trouble) };
        }
        Err(other) => return Err(other),
    };
    let is_plan = finding.plan.is_some();
    tell(finding, base.as_ref()).await?;
    Ok(is_plan)
}

/// Makes a plan, or finds out what stands in its way.
async fn make(
    context: &Context<'_>,
    pull: &PullRequest,
    asked: &Asked,
    offline: bool,
) -> Result<(Finding, CommitSha), Trouble> {
    let (site, environment) = (context.site, context.environment);
    let workspace = Workspace::of_pull(site, pull).await?;
    if !workspace.has_project() {
        return Err(Trouble::Failed("the default branch has no bellwether.toml".to_owned()));
    }
    let base = workspace.base.clone();
    let proposed = match proposed(&workspace, environment).await? {
        Ok(proposed) => proposed,
        Err(finding) => return Ok((finding, base)),
    };
    let built = build(workspace.files, environment.to_owned()).await?;
    let planned = match offline {
        true => {
            let before = read_project(workspace.base_files).await?;
            again(&built, environment)
                .and_then(|compiled| against(context, &built, compiled, Some(before), &base))
                .map_err(Trouble::from)
        }
        false => {
            live(context, &built, asked, Purpose::Read).await.map(|live| (live.planned.plan, live.header))
        }
    };
    let finding = match planned {
        Ok((plan, header)) => speech::plan(&speech::PlanWords {
            plan: &plan,
            header: &header,
            commit: pull.head_sha.short(),
            base: base.short(),
            monitor_pages: pages(&built.environment.target),
            is_public: site.is_public(),
            word: context.service.settings.word(),
            rule: &built.project.config.register,
            proposed,
            offline,
            subject: match (pull.merged, pull.fork) {
                (true, _) => Subject::Merged,
                (false, true) => Subject::Fork,
                (false, false) => Subject::PullRequest,
            },
            asked,
        }),
        Err(Trouble::Told(failure)) => match *failure {
            Failure::Diagnostics(found) => speech::diagnostics(environment, &found, &built.project.sources),
            other => return Err(other.into()),
        },
        Err(other) => return Err(other),
    };
    Ok((finding, base))
}

/// What a merge makes of `bellwether.toml`, or the mistakes that it would have: it does not count yet, and is not to be merged
/// with them.
pub async fn proposed(
    workspace: &Workspace,
    environment: &str,
) -> Result<Result<Proposed, Finding>, Trouble> {
    if !workspace.changes_config {
        return Ok(Ok(Proposed::Same));
    }
    let Some(project) = workspace.proposed_project().await? else { return Ok(Ok(Proposed::Without)) };
    let compiled = match project.config.environment(Some(environment)) {
        Ok((name, found)) => ops::compile(&project, &name, found).map(|_| Proposed::Changed),
        Err(_) if has_errors(&project.diagnostics) => Err(Failure::Diagnostics(project.diagnostics.clone())),
        Err(_) => Ok(Proposed::Without),
    };
    match compiled {
        Err(Failure::Diagnostics(found)) => {
            Ok(Err(speech::diagnostics(environment, &found, &project.sources)))
        }
        Err(other) => Err(other.into()),
        Ok(proposed) => Ok(Ok(proposed)),
    }
}

/// Where Datadog shows monitors, if that is known.
pub fn pages(target: &Target) -> Option<String> {
    let Target::Site(site) = target else { return None };
    Some(markdown::monitor_pages(site))
}

/// Writes the comment, and remembers what was shown.
async fn publish(
    context: &Context<'_>,
    commit: &CommitSha,
    finding: Finding,
    base: Option<&CommitSha>,
    offline: bool,
) -> Result<(), Trouble> {
    let (service, client, environment) = (context.service, &context.site.client, context.environment);
    let marker = PlanMarker {
        env: environment.to_owned(),
        plan: finding.plan.as_ref().map(|plan| plan.short_digest().to_owned()).unwrap_or_default(),
        head: commit.short().to_owned(),
        base: base.map(|base| base.short().to_owned()).unwrap_or_default(),
        actions: finding.plan.as_ref().map(|plan| plan.changes.len() as u64).unwrap_or_default(),
        cut: finding.cut,
        run: context.run(),
    };
    // Who asks for the plan of a fork is to see first what the commit does, also if that is nothing.
    let is_asked = offline && context.job.task.comment().is_some();
    let create = is_asked || !finding.is_silent;
    let sticky = client.sticky(context.number, &marker, &finding.body, create).await?;
    let comment = match sticky {
        Sticky::Created(comment) | Sticky::Updated(comment) | Sticky::Unchanged(comment) => comment,
        Sticky::Newer(_) => {
            context.log(Level::Info, "overtaken", "a newer plan is shown");
            return Ok(());
        }
        Sticky::Silent => return Ok(()),
    };
    let shown = ShownPlan {
        head: commit.to_string(),
        since: comment.updated_at,
        offline,
        body: finding.body,
        plan: finding.plan,
        base: base.cloned(),
        marker,
    };
    service.ledger.show(&context.job.repository, context.number, environment, &shown)?;
    Ok(())
}

/// Says in the check of an environment what was found out.
pub async fn check_finding(
    context: &Context<'_>,
    commit: &CommitSha,
    finding: &Finding,
) -> Result<(), Trouble> {
    let output = CheckOutput {
        title: finding.title.clone(),
        summary: finding.body.clone(),
        annotations: finding.annotations(&context.site.directory),
    };
    check(context, commit, finding.conclusion, output).await
}

/// Writes the check of an environment.
async fn check(
    context: &Context<'_>,
    commit: &CommitSha,
    conclusion: Conclusion,
    output: CheckOutput,
) -> Result<(), Trouble> {
    let run = CheckRun {
        name: format!("bellwether/{}", context.environment),
        head_sha: commit.clone(),
        // Of one run there may be several: what was first not to be had, and came.
        key: format!("run-{} {}", context.id, output.title),
        conclusion,
        output,
    };
    context.site.client.create_check_run(&run).await?;
    Ok(())
}

/// Says in the plan's comment how an apply ended. It can be repeated.
pub async fn ended(context: &Context<'_>, ended: &Ended) -> Result<(), Trouble> {
    let (ledger, repository) = (&context.service.ledger, &context.job.repository);
    if let Some(shown) = ledger.shown(repository, context.number, context.environment)? {
        let marker = PlanMarker { run: context.run(), ..shown.marker };
        let body = speech::with_end(&shown.body, &ended.title);
        context.site.client.sticky(context.number, &marker, &body, false).await?;
    }
    Ok(())
}

/// Says in the check, if it is to be said there, how an apply ended; without a text, that the text is a comment.
pub async fn told(context: &Context<'_>, ended: &Ended, text: Option<String>) -> Result<(), Trouble> {
    let Some(head) = &ended.head else { return Ok(()) };
    let conclusion = if ended.is_well { Conclusion::Success } else { Conclusion::Failure };
    let elsewhere = || format!("{}; the result is a comment of the pull request.", ended.title);
    let output = CheckOutput {
        title: ended.title.clone(),
        summary: text.unwrap_or_else(elsewhere),
        annotations: Vec::new(),
    };
    check(context, head, conclusion, output).await
}
