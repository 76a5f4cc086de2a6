//! A plan as a comment and as a check; and the result of an apply.

use std::time::Duration;

use super::apply::Order;
use super::comparing::Asked;
use crate::config::Register;
use crate::diag::{Diagnostic, Severity, Sources};
use crate::github::{Annotation, AnnotationLevel, CommitSha, Conclusion};
use crate::ops::{Applied, Verified};
use crate::plan::Plan;
use crate::render::annotations::{self, Level, in_repository};
use crate::render::markdown::{self, Comment, Context, code};
use crate::render::{Header, count};

use super::words;
pub use super::words::{
    closed, failed, for_readers, fork_moved, help, logged, merge_refused, no_permission, no_project,
    not_applied, nothing_left, passing, push_failed, push_refused, reason, refused, unclear,
    which_environment,
};

/// GitHub takes 65,536 characters, with the marker and what is added to it.
const ROOM: usize = 64_000;

/// What was found out about a pull request in one environment.
pub struct Finding {
    /// One line.
    pub title: String,
    /// The comment.
    pub body: String,
    /// The check's conclusion.
    pub conclusion: Conclusion,
    /// The plan, if there is one.
    pub plan: Option<Plan>,
    /// How many diffs were left out for want of room.
    pub cut: u64,
    /// Whether there is nothing that would be worth a first comment.
    pub is_silent: bool,
    remarks: Vec<annotations::Annotation>,
}

impl Finding {
    /// The remarks at lines, of a project in this directory of the repository.
    pub fn annotations(&self, directory: &str) -> Vec<Annotation> {
        let annotation = |remark: &annotations::Annotation| {
            let place = remark.place.as_ref()?;
            Some(Annotation {
                path: in_repository(&place.file, directory),
                start_line: place.line,
                end_line: place.end_line,
                level: match remark.level {
                    Level::Error => AnnotationLevel::Failure,
                    Level::Warning => AnnotationLevel::Warning,
                    Level::Notice => AnnotationLevel::Notice,
                },
                // GitHub wants a message.
                message: if remark.message.is_empty() { &remark.title } else { &remark.message }.clone(),
                title: Some(remark.title.clone()),
            })
        };
        self.remarks.iter().filter_map(annotation).collect()
    }
}

/// What a plan is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// A pull request of this repository.
    PullRequest,
    /// A pull request of a fork, as long as it is not merged.
    Fork,
    /// A pull request that is merged.
    Merged,
    /// What a merge queue is about to merge.
    MergeGroup,
}

/// What a merge makes of `bellwether.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proposed {
    /// It stays as it is.
    Same,
    /// It is changed.
    Changed,
    /// It has the environment no more, or is gone.
    Without,
}

/// What a plan's comment is made of.
pub struct PlanWords<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What a plan cannot say of itself.
    pub header: &'a Header,
    /// The commit that was planned.
    pub commit: &'a str,
    /// The commit that it was planned onto.
    pub base: &'a str,
    /// What a monitor's id is put behind to give its page.
    pub monitor_pages: Option<String>,
    /// Whether anybody can read the repository.
    pub is_public: bool,
    /// The word that addresses bellwether.
    pub word: &'a str,
    /// What applying it takes.
    pub rule: &'a Register,
    /// What becomes of `bellwether.toml`.
    pub proposed: Proposed,
    /// Whether Datadog was not asked.
    pub offline: bool,
    /// What it is a plan of.
    pub subject: Subject,
    /// What was asked for.
    pub asked: &'a Asked,
}

/// A plan.
pub fn plan(words: &PlanWords<'_>) -> Finding {
    let plan = words.plan;
    // No time in it: a plan that is made again and found to be the same is not edited, and stays the one that was seen.
    let closing = words::how_to_apply(words);
    let context = Context {
        head: Some(words.commit.to_owned()),
        base: Some(words.base.to_owned()),
        monitor_pages: words.monitor_pages.clone(),
        names_only: words.is_public && !words.offline,
        closing,
        limit: Some(ROOM),
        ..Context::from(words.header)
    };
    let Comment { body, cut } = markdown::plan(plan, &context);
    let title = counts(plan);
    let conclusion = if plan.has_errors() {
        Conclusion::Failure
    } else if !plan.blocked.is_empty() {
        Conclusion::ActionRequired
    } else if plan.is_empty() {
        Conclusion::Neutral
    } else {
        Conclusion::Success
    };
    let remarks = annotations::of_plan(plan, "", context.names_only);
    let is_silent = plan.is_empty()
        && plan.only.is_none()
        && plan.drift.is_empty()
        && plan.blocked.is_empty()
        && !plan.has_errors()
        && words.proposed == Proposed::Same;
    Finding { title, body, conclusion, plan: Some(plan.clone()), cut: cut as u64, is_silent, remarks }
}

fn of_environment(environment: &str) -> Context {
    let closing = vec![format!("Environment: {}.", code(environment))];
    Context { closing, limit: Some(ROOM), ..Context::default() }
}

/// How many changes of each kind there are.
fn counts(plan: &Plan) -> String {
    let drifted = Some((plan.summary.drifted, "drifted")).filter(|(number, _)| *number > 0);
    let all = plan.summary.changes().chain(drifted);
    let parts: Vec<String> = all.map(|(number, word)| format!("{number} {word}")).collect();
    if parts.is_empty() { "No changes".to_owned() } else { parts.join(" · ") }
}

/// Mistakes in the schemas.
pub fn diagnostics(environment: &str, diagnostics: &[Diagnostic], sources: &Sources) -> Finding {
    let errors = diagnostics.iter().filter(|found| found.severity() == Severity::Error).count();
    let title = format!("{}; nothing was planned", count(errors, "error"));
    let shown = markdown::diagnostics(diagnostics, sources, &of_environment(environment));
    Finding {
        cut: shown.cut as u64,
        body: shown.body,
        title,
        conclusion: Conclusion::Failure,
        plan: None,
        is_silent: false,
        remarks: annotations::of_diagnostics(diagnostics, sources, ""),
    }
}

/// Nothing of the project is touched by a commit.
pub fn untouched(environment: &str, commit: &CommitSha) -> Finding {
    let body = format!(
        "### {}: nothing to plan\n\nNo schema, no catalog file and not `bellwether.toml` is touched by {}.",
        code(environment),
        code(commit.short())
    );
    without_plan("Nothing of bellwether is touched", body, Conclusion::Neutral)
}

/// The schemas are right, and those that they would be compared with are not.
pub fn not_compared(environment: &str) -> Finding {
    let body = format!(
        "### {}: no mistakes\n\nWhat is changed is not known: the schemas of the default branch have errors.",
        code(environment)
    );
    without_plan("No mistakes", body, Conclusion::Success)
}

/// There is no plan, for a reason that is in no schema.
pub fn no_plan(environment: &str, reason: &str) -> Finding {
    let body = markdown::failure(reason, &of_environment(environment)).body;
    Finding { is_silent: false, ..without_plan("No plan", body, Conclusion::Failure) }
}

/// A finding without a plan, and with nothing to say of a line.
fn without_plan(title: &str, body: String, conclusion: Conclusion) -> Finding {
    Finding {
        title: title.to_owned(),
        body,
        conclusion,
        plan: None,
        cut: 0,
        is_silent: true,
        remarks: Vec::new(),
    }
}

/// A plan's comment after an apply: how it ended, instead of how to ask for it.
pub fn with_end(body: &str, title: &str) -> String {
    format!("{}\n\n**{title}.** The result is below.", body.trim_end())
}

/// What is said of an apply.
pub struct AppliedWords {
    /// One line.
    pub title: String,
    /// The comment.
    pub body: String,
    /// Whether everything is as it should be.
    pub is_well: bool,
}

/// What came of an apply.
pub fn applied(
    environment: &str,
    plan: &Plan,
    applied: &Applied,
    order: &Order<'_>,
    took: Duration,
) -> AppliedWords {
    // In the plan's order, and not in that in which they happened to end.
    let mut report = applied.report.clone();
    report.steps.sort_by(|one, other| (one.1, &one.0).cmp(&(other.1, &other.0)));
    let (report, total) = (&report, report.steps.len());
    let left = match &applied.verified {
        Verified::Left(left) => Some(Ok(left.as_ref())),
        Verified::Unknown(reason) => Some(Err(reason.as_str())),
        Verified::NotTried => None,
    };
    let is_verified =
        matches!(left, Some(Ok(left)) if left.changes.is_empty() && left.diagnostics.is_empty());
    let is_well = report.is_complete() && is_verified;
    let title = format!("Applied {} of {total}", report.done());
    let mut about =
        vec![format!("plan {}", code(plan.short_digest())), format!("commit {}", code(order.commit.short()))];
    if let Some(by) = order.by {
        about.insert(0, format!("Asked for by {}", code(by)));
    }
    if order.fell_away > 0 {
        about.push(format!("{} of the plan needed no doing any more", order.fell_away));
    }
    if order.asked.only.is_none() {
        about.extend(order.addresses.name().map(|name| format!("looked at: {name}")));
    }
    let context = Context {
        closing: vec![about.join(" · ")],
        names_only: order.is_public,
        limit: Some(ROOM),
        ..Context::default()
    };
    let body = markdown::applied(environment, report, left, took, &context).body;
    AppliedWords { title, body, is_well }
}
