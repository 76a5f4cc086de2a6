//! A pull request's plan: one comment for each environment, edited in place, and a check with annotations.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::dispatch::Context;
use super::job::{Answer, Comment, Ended, Receipt};
use super::ledger::ShownPlan;
use super::log::Level;
use super::site::Purpose;
use super::speech::{self, Finding, Subject};
use super::trouble::{Trouble, guarded};
use super::workspace::{Built, Workspace, build};
use crate::config::Target;
use crate::diag::has_errors;
use crate::github::marker::PlanMarker;
use crate::github::{self, CheckOutput, CheckRun, CommitSha, Conclusion, PullRequest, Sticky};
use crate::model::Address;
use crate::ops::{self, Addresses, AgainstRequest, Base, Compiled, Failure, PlanRequest, Planned};
use crate::plan::{Only, Options, Plan};
use crate::project::Project;
use crate::render::{Header, markdown};
use crate::review::{Command, Verb};

/// What a plan is asked for.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Only these addresses.
    pub only: Option<String>,
    /// Whether edits made in Datadog are overwritten.
    pub reset_drift: bool,
    /// The number of deletes that is right.
    pub allow_deletes: Option<u64>,
    /// Only these addresses: those that a push, or a fork, changes.
    pub within: Option<BTreeSet<Address>>,
}

impl Asked {
    /// What a command asks for.
    pub fn of(command: &Command) -> Self {
        Self {
            only: command.only.clone(),
            reset_drift: command.reset_drift,
            allow_deletes: command.allow_deletes,
            within: None,
        }
    }

    /// The options of a plan of these addresses, which `test` tells.
    pub fn options<'a>(
        &self,
        addresses: &'a Addresses,
        test: &'a (dyn Fn(&str) -> bool + Sync),
    ) -> Options<'a> {
        let only: Option<Only<'a>> = addresses.name().map(|name| (name, test));
        Options {
            reset_drift: self.reset_drift,
            allow_deletes: self.allow_deletes,
            only,
            ..Options::default()
        }
    }
}

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
    publish(context, commit, finding, None, true).await?;
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
    let workspace = match pull.merged {
        true => Workspace::of_branch(site, &site.client.branch_head(&pull.base_ref).await?).await?,
        false => Workspace::of_pull(site, pull).await?,
    };
    if !workspace.has_project() {
        return Err(Trouble::Failed("the default branch has no bellwether.toml".to_owned()));
    }
    let base = workspace.base.clone();
    if let Some(finding) = mistakes_in_the_proposed(&workspace, environment).await? {
        return Ok((finding, base));
    }
    let before = match offline {
        true => Some(super::workspace::read_project(workspace.base_files.clone()).await?),
        false => None,
    };
    let built = build(workspace.files.clone(), environment.to_owned()).await?;
    let planned = match before {
        Some(before) => {
            let compiled = again(&built, environment);
            compiled
                .and_then(|compiled| against(context, &built, compiled, Some(before), &base))
                .map_err(Trouble::from)
        }
        None => {
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
            changes_config: workspace.changes_config,
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

/// The mistakes that a changed `bellwether.toml` would have: it does not count yet, and is not to be merged with them.
pub async fn mistakes_in_the_proposed(
    workspace: &Workspace,
    environment: &str,
) -> Result<Option<Finding>, Trouble> {
    let Some(project) = workspace.proposed_project().await? else { return Ok(None) };
    let compiled = match project.config.environment(Some(environment)) {
        Ok((name, found)) => ops::compile(&project, &name, found).map(drop),
        // It is not to be served any more.
        Err(_) if has_errors(&project.diagnostics) => Err(Failure::Diagnostics(project.diagnostics.clone())),
        Err(_) => Ok(()),
    };
    match compiled {
        Err(Failure::Diagnostics(found)) => {
            Ok(Some(speech::diagnostics(environment, &found, &project.sources)))
        }
        Err(other) => Err(other.into()),
        Ok(()) => Ok(None),
    }
}

/// Where Datadog shows monitors, if that is known.
pub fn pages(target: &Target) -> Option<String> {
    let Target::Site(site) = target else { return None };
    Some(markdown::monitor_pages(site))
}

/// A plan against the base branch's schemas: no keys, no Datadog.
pub fn against(
    context: &Context<'_>,
    built: &Built,
    compiled: Compiled,
    before: Option<Project>,
    base: &CommitSha,
) -> Result<(Plan, Header), Failure> {
    let base = Base { name: base.short().to_owned(), project: before };
    let request = AgainstRequest {
        project: &built.project,
        name: context.environment,
        base: &base,
        options: Options::default(),
        now: (context.service.settings.now)(),
    };
    let planned = ops::against(&request, compiled)?;
    let header = header(built, &planned, &base.name);
    Ok((planned.plan, header))
}

/// What the project compiles to.
pub fn again(built: &Built, environment: &str) -> Result<Compiled, Failure> {
    ops::compile(&built.project, environment, &built.environment)
}

/// A plan against Datadog.
pub struct Live {
    /// The plan, and what it was made of.
    pub planned: Planned,
    /// What the plan cannot say of itself.
    pub header: Header,
    /// What it is about.
    pub addresses: Addresses,
}

/// A plan against Datadog.
pub async fn live(
    context: &Context<'_>,
    built: &Built,
    asked: &Asked,
    purpose: Purpose,
) -> Result<Live, Trouble> {
    let (site, service) = (context.site, context.service);
    let connection = site.connect(&built.environment, purpose, &service.settings, &service.stop).await?;
    let result = with(context, built, asked, &connection).await;
    context.close(connection).await;
    result
}

/// What a plan is about: what is asked for, but for what other open pull requests have registered. The files that are
/// planned do not know of that yet, and would take it back.
async fn addresses(context: &Context<'_>, asked: &Asked) -> Result<Addresses, Trouble> {
    let (ledger, repository) = (&context.service.ledger, &context.job.repository);
    let mut theirs = Vec::new();
    for (number, live) in ledger.live(repository, context.environment)? {
        if number == context.number {
            continue;
        }
        // It may have been merged or closed while nobody told us.
        match context.site.client.pull_request(number).await {
            Ok(pull) if pull.open => theirs.extend(live.addresses),
            Ok(pull) if !pull.merged => {}
            Ok(_) | Err(github::Error::NotFound { .. }) => {
                ledger.settle(repository, number, context.environment)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    let mut addresses =
        Addresses::matching(asked.only.as_deref())?.but_for(theirs, "other pull requests have registered");
    if let Some(within) = &asked.within {
        addresses = addresses.within(within.clone(), "what it changes");
    }
    Ok(addresses)
}

/// A plan against a Datadog that is connected.
pub async fn with(
    context: &Context<'_>,
    built: &Built,
    asked: &Asked,
    connection: &ops::Connection,
) -> Result<Live, Trouble> {
    let addresses = addresses(context, asked).await?;
    let test = |address: &str| addresses.contain(address);
    let state = context.site.state(context.environment);
    let reader = connection.writer.reader();
    let request = PlanRequest {
        project: &built.project,
        name: context.environment,
        environment: &built.environment,
        reader: Some(&reader),
        state: &state,
        options: asked.options(&addresses, &test),
        now: (context.service.settings.now)(),
    };
    let planned = ops::plan(&request, again(built, context.environment)?).await?;
    if asked.only.is_some() {
        ops::matches_something(&planned, &request.options)?;
    }
    let header = header(built, &planned, &connection.target);
    Ok(Live { planned, header, addresses })
}

fn header(built: &Built, planned: &Planned, target: &str) -> Header {
    let (project, snapshot) = (&built.project, &planned.refreshed.snapshot);
    Header::new(&project.config, snapshot, planned.accepted, target, project.schema_files)
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
    let sticky = client.sticky(context.number, &marker, &finding.body, !finding.is_silent).await?;
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
        key: format!("run-{}", context.id),
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
