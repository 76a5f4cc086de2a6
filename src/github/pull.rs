//! Pull requests, who changed what in them, and who may do what.

use serde::Deserialize;

use super::client::{Account, encoded, login};
use super::transport::Call;
use super::{Client, CommitSha, Error};

/// How many changed files GitHub lists at most.
const MOST_FILES: usize = 3_000;

/// A pull request, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// Whether it is open.
    pub open: bool,
    /// Whether it is merged.
    pub merged: bool,
    /// Whether its head is in another repository, or in none any more.
    pub fork: bool,
    /// The newest commit.
    pub head_sha: CommitSha,
    /// The branch that it is to be merged into.
    pub base_ref: String,
    /// The commit of the base that GitHub compares with.
    pub base_sha: CommitSha,
    /// Who opened it.
    pub author: String,
    /// When it was merged, RFC 3339.
    pub merged_at: Option<String>,
    /// The commit that it was merged as.
    pub merge_commit: Option<CommitSha>,
}

#[derive(Deserialize)]
struct RawPull {
    number: u64,
    state: String,
    #[serde(default)]
    merged: bool,
    merged_at: Option<String>,
    head: Side,
    base: Side,
    user: Option<Account>,
    merge_commit_sha: Option<String>,
}

#[derive(Deserialize)]
struct Side {
    sha: CommitSha,
    #[serde(rename = "ref")]
    branch: String,
    repo: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    full_name: String,
}

/// A file that a pull request changes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChangedFile {
    /// Its path.
    #[serde(rename = "filename")]
    pub path: String,
    /// Its path before, if it was renamed.
    #[serde(rename = "previous_filename")]
    pub before: Option<String>,
}

/// The files that a pull request changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedFiles {
    /// The files, in GitHub's order.
    pub files: Vec<ChangedFile>,
    /// Whether these are all; GitHub lists 3,000 at most, and of some pull requests none.
    pub complete: bool,
}

/// What somebody may do in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Nothing, or something we do not know.
    None,
    /// Read; GitHub says so of "triage", too.
    Read,
    /// Write; GitHub says so of "maintain", too.
    Write,
    /// Everything.
    Admin,
}

/// What a review says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReviewState {
    /// It approves.
    Approved,
    /// It asks for changes.
    ChangesRequested,
    /// It says something.
    Commented,
    /// It was dismissed.
    Dismissed,
    /// It is not submitted, or something we do not know.
    #[serde(other)]
    Pending,
}

/// A review of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Who reviewed.
    pub author: String,
    /// What it says.
    pub state: ReviewState,
    /// The commit that was reviewed.
    pub commit: Option<CommitSha>,
}

#[derive(Deserialize)]
struct RawReview {
    user: Option<Account>,
    state: ReviewState,
    commit_id: Option<String>,
}

impl Client {
    /// A pull request, as it is now.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn pull_request(&self, number: u64) -> Result<PullRequest, Error> {
        let raw: RawPull = self.transport.json(&Call::get(self.path(&format!("pulls/{number}")))).await?;
        // `head.repo.fork` says whether that repository is a fork of any other: also of branches within a fork.
        let here = |side: &Side| side.repo.as_ref().is_some_and(|repo| self.repository().is(&repo.full_name));
        let merged = raw.merged || raw.merged_at.is_some();
        Ok(PullRequest {
            number: raw.number,
            open: raw.state == "open",
            merged,
            fork: !here(&raw.head),
            head_sha: raw.head.sha,
            base_ref: raw.base.branch,
            base_sha: raw.base.sha,
            author: login(raw.user),
            merged_at: raw.merged_at,
            merge_commit: raw.merge_commit_sha.filter(|_| merged).and_then(|sha| sha.parse().ok()),
        })
    }

    /// The files that a pull request changes.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub async fn changed_files(&self, number: u64) -> Result<ChangedFiles, Error> {
        match self.all::<ChangedFile>(&self.path(&format!("pulls/{number}/files"))).await {
            Ok(files) => Ok(ChangedFiles { complete: files.len() < MOST_FILES, files }),
            // It makes no list of them, now or later.
            Err(Error::Rejected { .. }) => Ok(ChangedFiles { files: Vec::new(), complete: false }),
            Err(error) => Err(error),
        }
    }

    /// What somebody may do in the repository.
    ///
    /// # Errors
    ///
    /// When GitHub does not say.
    pub async fn permission(&self, user: &str) -> Result<Permission, Error> {
        #[derive(Deserialize)]
        struct Answer {
            permission: String,
        }
        let call = Call::get(self.path(&format!("collaborators/{}/permission", encoded(user))));
        match self.transport.json::<Answer>(&call).await {
            Ok(answer) => Ok(match answer.permission.as_str() {
                "admin" => Permission::Admin,
                "write" | "maintain" => Permission::Write,
                "read" | "triage" => Permission::Read,
                _ => Permission::None,
            }),
            Err(Error::NotFound { .. }) => Ok(Permission::None),
            Err(error) => Err(error),
        }
    }

    /// The reviews of a pull request, the oldest first.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub async fn reviews(&self, number: u64) -> Result<Vec<Review>, Error> {
        let raw: Vec<RawReview> = self.all(&self.path(&format!("pulls/{number}/reviews"))).await?;
        let review = |raw: RawReview| Review {
            author: login(raw.user),
            state: raw.state,
            commit: raw.commit_id.and_then(|sha| sha.parse().ok()),
        };
        Ok(raw.into_iter().map(review).collect())
    }

    /// The last commit that a branch and `head` have in common.
    ///
    /// # Errors
    ///
    /// When GitHub does not say; where they have none, that is [`Error::NotFound`].
    pub async fn merge_base(&self, base: &CommitSha, head: &CommitSha) -> Result<CommitSha, Error> {
        #[derive(Deserialize)]
        struct Answer {
            merge_base_commit: Commit,
        }
        #[derive(Deserialize)]
        struct Commit {
            sha: CommitSha,
        }
        let call = Call::get(self.path(&format!("compare/{base}...{head}?per_page=1")));
        Ok(self.transport.json::<Answer>(&call).await?.merge_base_commit.sha)
    }

    /// The pull request for `branch` that was merged as this commit, or brought it, if one did. GitHub may know of it a moment
    /// after the commit is there.
    ///
    /// # Errors
    ///
    /// When GitHub does not say.
    pub async fn merged_as(&self, sha: &CommitSha, branch: &str) -> Result<Option<u64>, Error> {
        #[derive(Deserialize)]
        struct Answer {
            number: u64,
            merged_at: Option<String>,
            merge_commit_sha: Option<String>,
            base: Base,
        }
        #[derive(Deserialize)]
        struct Base {
            #[serde(rename = "ref")]
            name: String,
        }
        let is_merged = |pull: &Answer| pull.merged_at.is_some() && pull.base.name == branch;
        // The list of a commit's pull requests is made later than the pull request says what it was merged as.
        let last =
            format!("pulls?state=closed&base={}&sort=updated&direction=desc&per_page=50", encoded(branch));
        let last: Vec<Answer> = self.transport.json(&Call::get(self.path(&last))).await?;
        let is_it =
            |pull: &&Answer| is_merged(pull) && pull.merge_commit_sha.as_deref() == Some(sha.as_str());
        if let Some(pull) = last.iter().find(is_it) {
            return Ok(Some(pull.number));
        }
        match self.all::<Answer>(&self.path(&format!("commits/{sha}/pulls"))).await {
            Ok(pulls) => Ok(pulls.into_iter().find(is_merged).map(|pull| pull.number)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The newest commit of a branch.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn branch_head(&self, branch: &str) -> Result<CommitSha, Error> {
        #[derive(Deserialize)]
        struct Answer {
            commit: Commit,
        }
        #[derive(Deserialize)]
        struct Commit {
            sha: CommitSha,
        }
        let call = Call::get(self.path(&format!("branches/{}", encoded(branch))));
        Ok(self.transport.json::<Answer>(&call).await?.commit.sha)
    }

    /// Whether everybody may read the repository. Where GitHub does not say, it counts as public.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn is_public(&self) -> Result<bool, Error> {
        #[derive(Deserialize)]
        struct Answer {
            private: Option<bool>,
        }
        let call = Call::get(format!("/repos/{}", self.repository()));
        Ok(!self.transport.json::<Answer>(&call).await?.private.unwrap_or(false))
    }

    /// The repository's default branch.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn default_branch(&self) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Answer {
            default_branch: String,
        }
        let call = Call::get(format!("/repos/{}", self.repository()));
        Ok(self.transport.json::<Answer>(&call).await?.default_branch)
    }
}
