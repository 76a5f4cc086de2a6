//! What the service does, as it is kept on disk until it is done.

use serde::{Deserialize, Serialize};

use crate::github::{CommitSha, Reaction, Repository};
use crate::review::{Said, Verb};

/// Something to be done for one repository and, once that is known, one of its environments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// The repository.
    pub repository: Repository,
    /// The environment; none while it is not known which ones it is about.
    pub environment: Option<String>,
    /// The delivery that asked for it, by its guid.
    pub delivery: String,
    /// What is to be done.
    pub task: Task,
    /// Whether writing was begun: by a service that ended before it knew what came of it, where there is no answer.
    #[serde(default)]
    pub begun: bool,
    /// What came of it: only telling it is left.
    pub answer: Option<Answer>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Task {
    /// A pull request is new, has new commits, or is for another branch now.
    Look {
        /// The pull request.
        number: u64,
        /// Its head, where it is told to be open and for the default branch.
        #[serde(default)]
        head: Option<CommitSha>,
    },
    /// Somebody wrote a comment that is addressed to bellwether.
    Said {
        /// The pull request.
        number: u64,
        /// The comment.
        comment: Comment,
    },
    /// A pull request was merged.
    Merged {
        /// The pull request.
        number: u64,
    },
    /// A pull request was closed without being merged.
    Closed {
        /// The pull request.
        number: u64,
    },
    /// The default branch has new commits.
    Pushed {
        /// The newest.
        sha: CommitSha,
        /// The newest before; none where the branch is new.
        #[serde(default)]
        before: Option<CommitSha>,
    },
    /// A pull request touches nothing of the project. Its other commits may have.
    Untouched {
        /// The pull request.
        number: u64,
        /// Its head commit.
        sha: CommitSha,
    },
    /// A merge queue asks about what it is about to merge.
    Queued {
        /// The merge group's commit.
        sha: CommitSha,
    },
}

/// A comment that is addressed to bellwether, as it was when it was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comment {
    /// Its number.
    pub id: u64,
    /// Who wrote it.
    pub by: String,
    /// When, RFC 3339.
    pub created_at: String,
    /// What it says.
    pub said: Said,
}

/// What came of a job, for people.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// A new comment; what was pushed has no place for one, and there it is the text of the check.
    pub comment: Option<String>,
    /// A reaction to the comment that asked.
    pub receipt: Option<Receipt>,
    /// How an apply ended, for the plan's comment and the check.
    pub ended: Option<Ended>,
}

/// How an apply ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The commit whose check tells it; none where only a part was asked for, which says nothing of the rest.
    pub head: Option<CommitSha>,
    /// `Applied 5 of 5`.
    pub title: String,
    /// Whether everything is as it should be.
    pub is_well: bool,
}

/// A receipt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Receipt {
    /// Done.
    Done,
    /// Refused, or failed.
    Refused,
    /// Not understood.
    Unclear,
}

impl Receipt {
    /// The reaction that says so.
    pub fn reaction(self) -> Reaction {
        match self {
            Self::Done => Reaction::Rocket,
            Self::Refused => Reaction::ThumbsDown,
            Self::Unclear => Reaction::Confused,
        }
    }
}

impl Job {
    /// A job that was just asked for.
    pub fn new(repository: Repository, delivery: String, task: Task) -> Self {
        Self { repository, environment: None, delivery, task, begun: false, answer: None }
    }
}

impl Answer {
    /// What came of a push, without an apply.
    pub fn of_push(head: &CommitSha, title: &str, is_well: bool, text: String) -> Self {
        let ended = Ended { head: Some(head.clone()), title: title.to_owned(), is_well };
        Self { comment: Some(text), receipt: None, ended: Some(ended) }
    }

    /// A push that was not applied, and why.
    pub fn push_refused(head: &CommitSha, text: String) -> Self {
        Self::of_push(head, "Not applied", false, text)
    }

    /// A refusal, or a failure.
    pub fn refused(text: String) -> Self {
        Self { comment: Some(text), receipt: Some(Receipt::Refused), ended: None }
    }
}

impl Task {
    /// The pull request, if it is about one.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Look { number, .. }
            | Self::Said { number, .. }
            | Self::Merged { number }
            | Self::Closed { number }
            | Self::Untouched { number, .. } => Some(*number),
            Self::Pushed { .. } | Self::Queued { .. } => None,
        }
    }

    /// The comment that asked for it, if one did.
    pub fn comment(&self) -> Option<&Comment> {
        match self {
            Self::Said { comment, .. } => Some(comment),
            _ => None,
        }
    }

    /// What must happen once only, however often and under whatever guid it is delivered.
    pub fn key(&self, repository: &Repository) -> Option<String> {
        match self {
            Self::Said { comment, .. } => {
                let verb = match &comment.said {
                    Said::Command(command) => command.verb.word(),
                    _ => "unclear",
                };
                Some(format!("{repository} comment {} {verb}", comment.id).to_lowercase())
            }
            Self::Merged { number } => Some(format!("{repository} merged {number}").to_lowercase()),
            Self::Look { .. }
            | Self::Closed { .. }
            | Self::Pushed { .. }
            | Self::Untouched { .. }
            | Self::Queued { .. } => None,
        }
    }

    /// Its name in logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Look { .. } => "look",
            Self::Said { comment, .. } => match &comment.said {
                Said::Command(command) => match command.verb {
                    Verb::Plan => "plan",
                    Verb::Register => "register",
                    Verb::Help => "help",
                },
                _ => "unclear",
            },
            Self::Merged { .. } => "merged",
            Self::Closed { .. } => "closed",
            Self::Pushed { .. } => "pushed",
            Self::Untouched { .. } => "untouched",
            Self::Queued { .. } => "queued",
        }
    }
}
