//! A merge queue asks whether what it is about to merge is fit for the default branch. A check answers, and nothing else.
//!
//! The schemas of the merge group are compared with those of the default branch: no key is used, and Datadog is not asked. A
//! queue that gets no answer waits, so that whatever stands in the way is an answer, too.

use super::comparing::{Asked, again, against};
use super::dispatch::Context;
use super::job::Answer;
use super::log::Level;
use super::planning;
use super::speech::{self, Finding, Subject};
use super::trouble::{Trouble, guarded};
use super::workspace::{Workspace, build, read_project};
use crate::github::CommitSha;
use crate::ops::Failure;

/// The guard that somebody agrees to with `--allow-deletes`, on the pull request. A queue cannot know of that.
const AGREED_TO: &str = "max_deletes";

/// A merge queue asks about `group`, the commit that would be the default branch's next one.
pub async fn queued(context: &Context<'_>, group: &CommitSha) -> Result<Answer, Trouble> {
    let finding = match guarded(find(context, group)).await {
        Ok(finding) => finding,
        Err(Trouble::Failed(reason)) => speech::no_plan(context.environment, &reason),
        // A queue that hears nothing waits.
        Err(trouble @ Trouble::Later(_)) if context.failures.is_last(&trouble) => {
            speech::no_plan(context.environment, &trouble.to_string())
        }
        Err(Trouble::Told(failure)) => speech::no_plan(context.environment, &speech::reason(&failure)),
        Err(other) => return Err(other),
    };
    planning::check_finding(context, group, &finding).await?;
    Ok(Answer::default())
}

async fn find(context: &Context<'_>, group: &CommitSha) -> Result<Finding, Trouble> {
    let (site, service, environment) = (context.site, context.service, context.environment);
    // Not the commit that the group was made of: that can be another group, with a configuration of its own.
    let base = site.client.branch_head(&site.client.default_branch().await?).await?;
    let workspace = Workspace::of_group(site, base, group).await?;
    if workspace.is_untouched() {
        return Ok(speech::untouched(environment, group));
    }
    let proposed = match planning::proposed(&workspace, environment).await? {
        Ok(proposed) => proposed,
        Err(finding) => return Ok(finding),
    };
    let Workspace { base, files, base_files, .. } = workspace;
    let built = build(files, environment.to_owned()).await?;
    let before = read_project(base_files).await?;
    let compiled = match again(&built, environment) {
        Ok(compiled) => compiled,
        Err(Failure::Diagnostics(found)) => {
            return Ok(speech::diagnostics(environment, &found, &built.project.sources));
        }
        Err(other) => return Err(other.into()),
    };
    let (mut plan, header) = match against(context, &built, compiled, Some(before), &base) {
        Ok(compared) => compared,
        // The mistakes are those of the default branch, and this may be what mends them.
        Err(failure) => {
            context.log(Level::Warn, "not compared", &failure.to_string());
            return Ok(speech::not_compared(environment));
        }
    };
    plan.blocked.retain(|blocked| blocked.guard != AGREED_TO);
    Ok(speech::plan(&speech::PlanWords {
        plan: &plan,
        header: &header,
        commit: group.short(),
        base: base.short(),
        monitor_pages: planning::pages(&built.environment.target),
        is_public: site.is_public(),
        word: service.settings.word(),
        rule: &built.project.config.register,
        proposed,
        offline: true,
        subject: Subject::MergeGroup,
        asked: &Asked::default(),
    }))
}
