//! Issues that we keep up to date, known by the marker in their first line.

use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Account, login};
use super::marker::Marker;
use super::transport::Call;
use super::{Client, Error};

/// An issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Its number.
    pub number: u64,
    /// Who opened it.
    pub author: String,
    /// Its heading.
    pub title: String,
    /// What it says.
    pub body: String,
    /// Its page.
    pub url: String,
}

#[derive(Deserialize)]
struct RawIssue {
    number: u64,
    user: Option<Account>,
    #[serde(default)]
    title: String,
    body: Option<String>,
    #[serde(default)]
    html_url: String,
    /// There for pull requests, which GitHub lists as issues, too.
    pull_request: Option<Value>,
}

impl From<RawIssue> for Issue {
    fn from(raw: RawIssue) -> Self {
        Self {
            number: raw.number,
            author: login(raw.user),
            title: raw.title,
            body: raw.body.unwrap_or_default(),
            url: raw.html_url,
        }
    }
}

impl Client {
    /// The open issue that is ours and has a marker that fits. A pasted marker is ignored.
    ///
    /// # Errors
    ///
    /// When the issues cannot be read.
    pub async fn find_issue<M: Marker>(
        &self,
        fits: impl Fn(&M) -> bool,
    ) -> Result<Option<(Issue, M)>, Error> {
        let own = self.own_login().await?;
        let fitting = |page: Vec<RawIssue>| -> Vec<(Issue, M)> {
            let issues = page.into_iter().filter(|raw| raw.pull_request.is_none()).map(Issue::from);
            let ours = issues.filter(|issue| issue.author.eq_ignore_ascii_case(own));
            ours.filter_map(|issue| {
                M::read(&issue.body).filter(|marker| fits(marker)).map(|marker| (issue, marker))
            })
            .collect()
        };
        // Ours is edited each time it changes, so that it is among the first.
        let path = self.path("issues?state=open&sort=updated&direction=desc");
        let found = self.list(&path, fitting, |found| !found.is_empty()).await?;
        Ok(found.into_iter().next())
    }

    /// Opens an issue; where it is not known whether that succeeded, looks for it before it tries once more.
    ///
    /// # Errors
    ///
    /// When GitHub does not take it.
    pub async fn create_issue<M: Marker>(
        &self,
        title: &str,
        marker: &M,
        body: &str,
        fits: impl Fn(&M) -> bool,
    ) -> Result<Issue, Error> {
        let body = json!({"title": title, "body": marker.mark(body)});
        let call = Call::post(self.path("issues"), body);
        match self.transport.json::<RawIssue>(&call).await {
            Err(error) if error.outcome_unknown() => match self.find_issue(fits).await? {
                Some((issue, _)) => Ok(issue),
                None => self.transport.json::<RawIssue>(&call).await.map(Issue::from),
            },
            result => result.map(Issue::from),
        }
    }

    /// Replaces the heading and what an issue says.
    ///
    /// # Errors
    ///
    /// When GitHub does not take it.
    pub async fn update_issue<M: Marker>(
        &self,
        number: u64,
        title: &str,
        marker: &M,
        body: &str,
    ) -> Result<Issue, Error> {
        let body = json!({"title": title, "body": marker.mark(body)});
        let call = Call::patch(self.path(&format!("issues/{number}")), body);
        self.transport.json::<RawIssue>(&call).await.map(Issue::from)
    }

    /// Closes an issue as done.
    ///
    /// # Errors
    ///
    /// When GitHub does not take it.
    pub async fn close_issue(&self, number: u64) -> Result<(), Error> {
        let body = json!({"state": "closed", "state_reason": "completed"});
        let call = Call::patch(self.path(&format!("issues/{number}")), body);
        self.transport.send(&call).await.map(drop)
    }
}
