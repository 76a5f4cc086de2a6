//! `comment`

use serde_json::json;

use super::super::args::{CommentArguments, Global};
use super::super::connect::{github, github_failure};
use super::super::output::Output;
use super::Outcome;
use super::apply::read_plan;
use crate::github::marker::{Marker, PlanMarker};
use crate::github::{ChangedFiles, Client, Comment, Error, PullRequest, Sticky};
use crate::ops::{Exit, Failure};
use crate::plan::Plan;
use crate::project;
use crate::render;
use crate::render::markdown::{Context, LIMIT};

pub async fn run(arguments: &CommentArguments, global: &Global, output: &mut Output) -> Outcome {
    let plan = read_plan(&arguments.plan)?;
    if let Some(name) = global.environment.as_ref().filter(|name| **name != plan.environment) {
        let message = format!("the plan was made for `{}`, not for `{name}`", plan.environment);
        return Err(Failure::Message(message).into());
    }
    let link = arguments.link.as_deref().map(checked_link).transpose()?;
    let (client, run) = github(&arguments.github, output)?;
    let pull = client.pull_request(arguments.pull_request).await.map_err(github_failure)?;
    still_planned(arguments, &pull)?;
    let said = write(&client, &plan, &pull, run, link).await.map_err(github_failure)?;
    let (word, comment) = match &said {
        Sticky::Created(comment) => ("created", Some(comment)),
        Sticky::Updated(comment) => ("updated", Some(comment)),
        Sticky::Unchanged(comment) => ("unchanged", Some(comment)),
        Sticky::Newer(comment) => ("newer", Some(comment)),
        Sticky::Silent => ("none", None),
    };
    let url = comment.map(|comment| comment.url.as_str());
    if let Sticky::Created(comment) = &said {
        is_ours(&client, comment, output).await.map_err(github_failure)?;
    }
    if output.json {
        output.json(&json!({"format_version": 1, "comment": word, "url": url}));
    } else {
        let what = match said {
            Sticky::Created(_) => "Commented",
            Sticky::Updated(_) => "Comment updated",
            Sticky::Unchanged(_) => "The comment says so already",
            Sticky::Newer(_) => "The comment is of a newer run and was left alone",
            Sticky::Silent => "Nothing to say: this changes no monitor, and there is no comment to update",
        };
        let url = url.map(|url| format!(": {}", crate::text::clean_line(url))).unwrap_or_default();
        output.result(&format!("{what}{url}\n"));
    }
    Ok(Exit::Done)
}

/// The plan is of what the pull request is now. What a workflow was handed may come from a fork, so that GitHub's word counts.
fn still_planned(arguments: &CommentArguments, pull: &PullRequest) -> Result<(), Failure> {
    let number = pull.number;
    if !pull.open {
        return Err(Failure::Stale(format!("pull request #{number} is closed; nothing was written")));
    }
    match &arguments.head {
        Some(head) if *head != pull.head_sha => Err(Failure::Stale(format!(
            "the head of pull request #{number} is {} by now, this plan is of {}; nothing was written. Plan again",
            pull.head_sha.short(),
            head.short()
        ))),
        _ => Ok(()),
    }
}

async fn write(
    client: &Client,
    plan: &Plan,
    pull: &PullRequest,
    run: u64,
    link: Option<&str>,
) -> Result<Sticky, Error> {
    let changes = !plan.changes.is_empty() || !plan.blocked.is_empty() || plan.has_errors();
    let create = changes && touches_a_project(&client.changed_files(pull.number).await?);
    let (head, base) = (pull.head_sha.short().to_owned(), pull.base_sha.short().to_owned());
    let mut marker = PlanMarker {
        env: plan.environment.clone(),
        plan: plan.digest.chars().take(12).collect(),
        head: head.clone(),
        base: base.clone(),
        actions: plan.changes.len() as u64,
        cut: u64::MAX,
        run,
    };
    let context = Context {
        head: Some(head),
        base: Some(base),
        full_plan: link.map(str::to_owned),
        // What a plan against other schemas says is in the repository; live monitors are not.
        names_only: plan.against.is_none() && client.is_public().await?,
        limit: Some(LIMIT.saturating_sub(marker.line().len() + 1)),
        ..Context::default()
    };
    let shown = render::markdown::plan(plan, &context);
    marker.cut = shown.cut as u64;
    client.sticky(pull.number, &marker, &shown.body, create).await
}

/// The next run finds the comment by its author.
async fn is_ours(client: &Client, comment: &Comment, output: &Output) -> Result<(), Error> {
    let (author, own) = (&comment.author, client.own_login().await?);
    if !author.eq_ignore_ascii_case(own) {
        output.notice(&format!(
            "The comment is {author}'s, and {own}'s was looked for: the next run will not find it. Give --author '{author}'"
        ));
    }
    Ok(())
}

/// Whether a pull request changes anything that bellwether reads. It is silent on all others.
fn touches_a_project(files: &ChangedFiles) -> bool {
    let paths = files.files.iter().flat_map(|file| [Some(file.path.as_str()), file.before.as_deref()]);
    !files.complete || project::may_concern(paths.flatten())
}

/// A URL that can stand in Markdown as it is.
fn checked_link(link: &str) -> Result<&str, Failure> {
    if render::markdown::is_plain_url(link) {
        return Ok(link);
    }
    Err(Failure::Usage("--link: it has to be a URL that begins with https://".to_owned()))
}
