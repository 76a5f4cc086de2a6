//! Which environments a job is about, and who does it. What needs no environment is done here.

use super::job::{Answer, Comment, Job, Receipt, Task};
use super::log::Level;
use super::site::Site;
use super::trouble::{Failures, Trouble};
use super::workspace::{archive, changed_files, project_of, touches};
use super::{Service, merge_queue, merging, planning, registering, speech};
use crate::config::{Config, Target};
use crate::github::{Permission, PullRequest, Reaction};
use crate::ops::Connection;
use crate::project::Project;
use crate::review::{Command, Said, Verb};

/// What came of a job.
pub enum Outcome {
    /// This is to be told.
    Answer(Answer),
    /// It is about several environments, each with a queue of its own.
    Parts(Vec<Job>),
}

/// A job of one environment, and what it takes to do it.
pub struct Context<'a> {
    /// The service.
    pub service: &'a Service,
    /// The repository.
    pub site: &'a Site,
    /// The job.
    pub job: &'a Job,
    /// Its number.
    pub id: u64,
    /// The pull request; 0 for a commit of the default branch, and for a merge group.
    pub number: u64,
    /// The environment.
    pub environment: &'a str,
    /// How often the job has failed for a passing reason.
    pub failures: Failures,
}

impl Context<'_> {
    /// The number of this run, greater than those before: also than those that a lost ledger knew.
    pub fn run(&self) -> u64 {
        (self.service.settings.now)().as_millisecond().try_into().unwrap_or_default()
    }

    /// The pull request as it is now. Whoever may write can push to another branch, and with it a configuration of their
    /// own: a pull request that was turned to another one than the default branch is none of ours any more.
    pub async fn pull(&self) -> Result<PullRequest, Trouble> {
        let pull = self.site.client.pull_request(self.number).await?;
        if pull.base_ref != self.site.client.default_branch().await? {
            return Err(Trouble::Failed(
                "the pull request is not for the default branch any more".to_owned(),
            ));
        }
        Ok(pull)
    }

    /// Closes a connection to Datadog. What was found out or done over it counts, whatever comes of that.
    pub async fn close(&self, connection: Connection) {
        if let Err(error) = connection.close().await {
            self.log(Level::Warn, "not closed", &error.to_string());
        }
    }

    /// Writes a line about the job.
    pub fn log(&self, level: Level, event: &str, detail: &str) {
        self.service.log_job(level, event, self.job, self.id, detail);
    }
}

/// Does a job. It is begun anew after every failure, so that nothing in it relies on what an earlier try found.
pub async fn run(service: &Service, id: u64, job: &Job, failures: Failures) -> Result<Outcome, Trouble> {
    let site = service.site(&job.repository).await?;
    let Some(environment) = job.environment.as_deref() else {
        return divide(service, &site, (id, job), failures).await;
    };
    let number = job.task.number().unwrap_or_default();
    let context = Context { service, site: &site, job, id, number, environment, failures };
    let answer = match &job.task {
        Task::Look { .. } => planning::look(&context).await?,
        Task::Said { comment, .. } => match &comment.said {
            Said::Command(command) if command.verb == Verb::Register => {
                registering::register(&context, comment, command).await?
            }
            Said::Command(command) => planning::asked(&context, comment, command).await?,
            _ => Answer::default(),
        },
        Task::Merged { .. } => merging::merged(&context).await?,
        Task::Pushed { sha, before } => merging::pushed(&context, sha, before.as_ref()).await?,
        Task::Untouched { sha, .. } => planning::untouched(&context, sha).await?,
        Task::Queued { sha } => merge_queue::queued(&context, sha).await?,
        Task::Closed { .. } => Answer::default(),
    };
    Ok(Outcome::Answer(answer))
}

async fn divide(
    service: &Service,
    site: &Site,
    (id, job): (u64, &Job),
    failures: Failures,
) -> Result<Outcome, Trouble> {
    let silence = |reason: &str| {
        service.log_job(Level::Info, "nothing to do", job, id, reason);
        Ok(Outcome::Answer(Answer::default()))
    };
    // It may have been made public since the service was started.
    site.look_at_visibility().await?;
    let branch = site.client.default_branch().await?;
    let pull = match job.task.number() {
        Some(number) => Some(site.client.pull_request(number).await?),
        None => None,
    };
    if let (Task::Look { head: Some(head), .. }, Some(pull)) = (&job.task, &pull) {
        // What GitHub tells can be ahead of what it answers; or there is something newer, of which it tells, too.
        let trouble = Trouble::Later("GitHub does not know of it yet".to_owned());
        let is_known = pull.head_sha == *head && pull.base_ref == branch && pull.open;
        if !is_known && failures.is_first(&trouble) {
            return Err(trouble);
        }
    }
    // Whoever may write can push to another branch, and with it a configuration of their own.
    if pull.as_ref().is_some_and(|pull| pull.base_ref != branch) {
        return silence("it is not for the default branch");
    }
    if let (Task::Closed { .. }, Some(pull)) = (&job.task, &pull) {
        let live = service.ledger.registered(&job.repository, pull.number)?;
        let warns = !live.is_empty() && !pull.open && !pull.merged;
        let comment = warns.then(|| speech::closed(&live));
        return Ok(Outcome::Answer(Answer { comment, ..Answer::default() }));
    }
    if let (Task::Said { comment, .. }, Some(pull)) = (&job.task, &pull)
        && let Some(answer) = said_by(site, pull, comment).await?
    {
        return Ok(Outcome::Answer(answer));
    }
    let head = site.client.branch_head(&branch).await?;
    let project = project_of(archive(site, &head).await?).await?;
    if let Task::Said { comment, .. } = &job.task {
        return Ok(said(job, project.as_ref(), comment));
    }
    let Some(project) = project else { return silence("the default branch has no bellwether.toml") };
    let environments = planned_environments(&project.config);
    if let (Task::Look { number, .. }, Some(pull)) = (&job.task, &pull) {
        if !pull.open {
            return silence("it is closed");
        }
        let changed = match changed_files(site, pull).await {
            Err(trouble @ Trouble::Later(_)) if !failures.is_last(&trouble) => return Err(trouble),
            // Each environment's check tells it.
            Err(Trouble::Later(_) | Trouble::Failed(_)) => {
                return Ok(Outcome::Parts(parts(job, &environments)));
            }
            changed => changed?,
        };
        // What it has registered, an earlier commit asked for: the plan takes it back.
        let is_live = !service.ledger.registered(&job.repository, *number)?.is_empty();
        if !is_live && !touches(site, &project, &changed) {
            let task = Task::Untouched { number: *number, sha: pull.head_sha.clone() };
            return Ok(Outcome::Parts(parts(&Job { task, ..job.clone() }, &environments)));
        }
    }
    Ok(Outcome::Parts(parts(job, &environments)))
}

fn parts(job: &Job, environments: &[String]) -> Vec<Job> {
    let part = |environment: &String| Job { environment: Some(environment.clone()), ..job.clone() };
    environments.iter().map(part).collect()
}

/// The environments that pull requests are planned for: those with a Datadog of their own; an embedded sandbox only where
/// there is nothing else.
fn planned_environments(config: &Config) -> Vec<String> {
    let all = |test: &dyn Fn(&Target) -> bool| -> Vec<String> {
        let found = config.environments.iter().filter(|(_, environment)| test(&environment.target));
        found.map(|(name, _)| name.clone()).collect()
    };
    let real = all(&|target| *target != Target::Sandbox);
    if real.is_empty() { all(&|_| true) } else { real }
}

fn answer(text: String, receipt: Receipt) -> Answer {
    Answer { comment: Some(text), receipt: Some(receipt), ended: None }
}

/// The answer to a comment for which no file has to be read: anybody can write a comment.
async fn said_by(site: &Site, pull: &PullRequest, comment: &Comment) -> Result<Option<Answer>, Trouble> {
    // Closed without being merged: whatever is said there is said among people.
    if !pull.open && !pull.merged {
        return Ok(Some(Answer::default()));
    }
    let command = match &comment.said {
        Said::Command(command) => command,
        Said::Unclear(unclear) => return Ok(Some(answer(speech::unclear(unclear), Receipt::Unclear))),
        Said::Nothing => return Ok(Some(Answer::default())),
    };
    if command.verb != Verb::Help {
        site.client.react(comment.id, Reaction::Eyes).await?;
    }
    let may_write = site.client.permission(&comment.by).await? >= Permission::Write;
    Ok(match command.verb {
        _ if may_write => None,
        Verb::Help => Some(answer(speech::help(&command.word, &[]), Receipt::Done)),
        _ => Some(answer(speech::no_permission(&comment.by, command), Receipt::Refused)),
    })
}

/// What somebody who may write has said.
fn said(job: &Job, project: Option<&Project>, comment: &Comment) -> Outcome {
    let Said::Command(command) = &comment.said else { return Outcome::Answer(Answer::default()) };
    let environments = project.map(|project| planned_environments(&project.config)).unwrap_or_default();
    if command.verb == Verb::Help {
        return Outcome::Answer(answer(speech::help(&command.word, &environments), Receipt::Done));
    }
    let Some(project) = project else {
        return Outcome::Answer(answer(speech::no_project(), Receipt::Refused));
    };
    match chosen(command, &project.config, &environments) {
        Ok(chosen) => Outcome::Parts(parts(job, &chosen)),
        Err(text) => Outcome::Answer(answer(text, Receipt::Unclear)),
    }
}

/// The environments that a command is about.
fn chosen(command: &Command, config: &Config, planned: &[String]) -> Result<Vec<String>, String> {
    match &command.environment {
        Some(named) => {
            let same = |name: &&String| name.eq_ignore_ascii_case(named);
            match config.environments.keys().find(same) {
                Some(name) => Ok(vec![name.clone()]),
                None => Err(speech::which_environment(command, planned, true)),
            }
        }
        None if command.verb == Verb::Register && planned.len() > 1 => {
            Err(speech::which_environment(command, planned, false))
        }
        None => Ok(planned.to_vec()),
    }
}
