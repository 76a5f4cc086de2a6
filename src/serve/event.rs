//! What a delivery is about. Only the fields that are needed are read: GitHub's own examples break GitHub's schema.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::job::{Comment, Task};
use crate::github::{CommitSha, Repository};
use crate::review::{self, Said};

/// What is to be done about a delivery.
#[derive(Debug, PartialEq)]
pub enum Meaning {
    /// GitHub asks whether anybody is there.
    Ping,
    /// Nothing, for this reason.
    Nothing(&'static str),
    /// It is not what GitHub sends.
    Unreadable(String),
    /// Something.
    Task {
        /// The repository.
        repository: Repository,
        /// What.
        task: Task,
    },
}

#[derive(Deserialize)]
struct Payload {
    action: Option<String>,
    repository: Option<RawRepository>,
    pull_request: Option<RawPull>,
    changes: Option<RawChanges>,
    issue: Option<RawIssue>,
    comment: Option<RawComment>,
    merge_group: Option<RawGroup>,
    #[serde(rename = "ref")]
    reference: Option<String>,
    before: Option<String>,
    after: Option<String>,
    deleted: Option<bool>,
}

#[derive(Deserialize)]
struct RawRepository {
    full_name: String,
    default_branch: Option<String>,
}

#[derive(Deserialize)]
struct RawPull {
    number: u64,
    state: Option<String>,
    merged: Option<bool>,
    head: Option<RawSide>,
    base: Option<RawSide>,
}

#[derive(Deserialize)]
struct RawSide {
    sha: Option<String>,
    #[serde(rename = "ref")]
    branch: Option<String>,
}

/// What an edit changed.
#[derive(Deserialize)]
struct RawChanges {
    base: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct RawIssue {
    number: u64,
    pull_request: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct RawComment {
    id: u64,
    body: Option<String>,
    #[serde(default)]
    created_at: String,
    user: Option<RawUser>,
}

#[derive(Deserialize)]
struct RawGroup {
    head_sha: String,
    base_ref: String,
}

#[derive(Deserialize)]
struct RawUser {
    login: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Reads a delivery of the kind `event`, the header `X-GitHub-Event`.
pub fn read(event: &str, body: &[u8], words: &[String]) -> Meaning {
    if event == "ping" {
        return Meaning::Ping;
    }
    let Some(task) = reader(event) else { return Meaning::Nothing("event") };
    let payload: Payload = match serde_json::from_slice(body) {
        Ok(payload) => payload,
        Err(error) => return Meaning::Unreadable(error.to_string()),
    };
    let Some(raw) = &payload.repository else {
        return Meaning::Unreadable("it names no repository".to_owned());
    };
    let Ok(repository) = raw.full_name.parse::<Repository>() else {
        return Meaning::Unreadable("its repository has no name".to_owned());
    };
    match task(&payload, words) {
        Ok(task) => Meaning::Task { repository, task },
        Err(Some(reason)) => Meaning::Nothing(reason),
        Err(None) => Meaning::Unreadable(format!("it lacks what a delivery of `{event}` has")),
    }
}

/// Whether anything is ever done about events of this kind: only then a body is read at all.
pub fn is_handled(event: &str) -> bool {
    reader(event).is_some()
}

/// A reason for doing nothing; none if something is missing.
type Passed = Option<&'static str>;

/// Finds the task in the payload of an event.
type Reader = fn(&Payload, &[String]) -> Result<Task, Passed>;

/// How the payload of an event is read; none for those that are not handled.
fn reader(event: &str) -> Option<Reader> {
    Some(match event {
        "pull_request" => |payload, _| pull_request(payload),
        "issue_comment" => comment,
        "push" => |payload, _| push(payload),
        "merge_group" => |payload, _| merge_group(payload),
        _ => return None,
    })
}

fn pull_request(payload: &Payload) -> Result<Task, Passed> {
    let pull = payload.pull_request.as_ref().ok_or(None)?;
    let is_turned = payload.changes.as_ref().is_some_and(|changes| changes.base.is_some());
    match payload.action.as_deref().ok_or(None)? {
        "opened" | "synchronize" | "reopened" | "ready_for_review" => Ok(look(payload, pull)),
        // To another branch, which may be the default one.
        "edited" if is_turned => Ok(look(payload, pull)),
        "closed" if pull.merged == Some(true) => Ok(Task::Merged { number: pull.number }),
        "closed" => Ok(Task::Closed { number: pull.number }),
        _ => Err(Some("action")),
    }
}

fn look(payload: &Payload, pull: &RawPull) -> Task {
    let default = payload.repository.as_ref().and_then(|repository| repository.default_branch.as_deref());
    let base = pull.base.as_ref().and_then(|base| base.branch.as_deref());
    let is_ours = pull.state.as_deref() == Some("open") && base.is_some() && base == default;
    let head = pull.head.as_ref().and_then(|head| head.sha.as_deref()?.parse().ok());
    Task::Look { number: pull.number, head: head.filter(|_| is_ours) }
}

fn comment(payload: &Payload, words: &[String]) -> Result<Task, Passed> {
    // One that is edited later would run with today's rights.
    if payload.action.as_deref().ok_or(None)? != "created" {
        return Err(Some("action"));
    }
    let (issue, comment) = (payload.issue.as_ref().ok_or(None)?, payload.comment.as_ref().ok_or(None)?);
    if issue.pull_request.is_none() {
        return Err(Some("not a pull request"));
    }
    let Some(user) = comment.user.as_ref().filter(|user| user.kind.as_deref() == Some("User")) else {
        return Err(Some("bot"));
    };
    let said = review::parse(comment.body.as_deref().unwrap_or_default(), words);
    if said == Said::Nothing {
        return Err(Some("no command"));
    }
    let comment =
        Comment { id: comment.id, by: user.login.clone(), created_at: comment.created_at.clone(), said };
    Ok(Task::Said { number: issue.number, comment })
}

fn push(payload: &Payload) -> Result<Task, Passed> {
    if !is_default_branch(payload, payload.reference.as_deref().ok_or(None)?)?
        || payload.deleted == Some(true)
    {
        return Err(Some("not the default branch"));
    }
    let sha: CommitSha = payload.after.as_deref().ok_or(None)?.parse().map_err(|_| None)?;
    // A branch that is new comes from a commit of zeros.
    let before = payload.before.as_deref().filter(|before| before.bytes().any(|digit| digit != b'0'));
    let before = before.map(|before| before.parse().map_err(|_| None)).transpose()?;
    Ok(Task::Pushed { sha, before })
}

fn merge_group(payload: &Payload) -> Result<Task, Passed> {
    let group = payload.merge_group.as_ref().ok_or(None)?;
    // The other action tells that the group is gone.
    if payload.action.as_deref().ok_or(None)? != "checks_requested" {
        return Err(Some("action"));
    }
    if !is_default_branch(payload, &group.base_ref)? {
        return Err(Some("not the default branch"));
    }
    let sha: CommitSha = group.head_sha.parse().map_err(|_| None)?;
    Ok(Task::Queued { sha })
}

/// Whether a reference is the default branch.
fn is_default_branch(payload: &Payload, reference: &str) -> Result<bool, Passed> {
    let default = payload.repository.as_ref().and_then(|repository| repository.default_branch.as_deref());
    Ok(reference.strip_prefix("refs/heads/") == Some(default.ok_or(None)?))
}
