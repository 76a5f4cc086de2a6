//! Comments on pull requests and issues: one that is edited in place, ones that are written once, and reactions.

use serde::Deserialize;
use serde_json::json;

use super::client::{Account, login};
use super::marker::{Marker, OnceMarker, PlanMarker};
use super::transport::Call;
use super::{Client, Error};

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its number.
    pub id: u64,
    /// Who wrote it.
    pub author: String,
    /// What it says.
    pub body: String,
    /// When it was last edited, RFC 3339.
    pub updated_at: String,
    /// Its page.
    pub url: String,
}

#[derive(Deserialize)]
struct RawComment {
    id: u64,
    user: Option<Account>,
    body: Option<String>,
    #[serde(default)]
    created_at: String,
    #[serde(default)]
    updated_at: Option<String>,
    #[serde(default)]
    html_url: String,
}

impl From<RawComment> for Comment {
    fn from(raw: RawComment) -> Self {
        Self {
            id: raw.id,
            author: login(raw.user),
            body: raw.body.unwrap_or_default(),
            updated_at: raw.updated_at.unwrap_or(raw.created_at),
            url: raw.html_url,
        }
    }
}

/// A reaction to a comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// 👀: taken.
    Eyes,
    /// 🚀: applied.
    Rocket,
    /// 👎: failed or refused.
    ThumbsDown,
    /// 😕: not understood.
    Confused,
}

impl Reaction {
    fn content(self) -> &'static str {
        match self {
            Self::Eyes => "eyes",
            Self::Rocket => "rocket",
            Self::ThumbsDown => "-1",
            Self::Confused => "confused",
        }
    }
}

/// What became of a comment that is edited in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sticky {
    /// There was none; now there is.
    Created(Comment),
    /// The one that was there says this now.
    Updated(Comment),
    /// The one that was there says this already.
    Unchanged(Comment),
    /// The one that was there is of a newer run, and was left alone.
    Newer(Comment),
    /// There was none, and none was asked for.
    Silent,
}

impl Client {
    /// All comments on a pull request or an issue, the oldest first.
    ///
    /// # Errors
    ///
    /// When they cannot be read to the end.
    pub async fn comments(&self, number: u64) -> Result<Vec<Comment>, Error> {
        let raw: Vec<RawComment> = self.all(&self.path(&format!("issues/{number}/comments"))).await?;
        Ok(raw.into_iter().map(Comment::from).collect())
    }

    /// Comments. It is not repeated, and not looked for: [`Client::comment_once`] does that.
    ///
    /// # Errors
    ///
    /// When GitHub refuses, or does not answer; then [`Error::outcome_unknown`] says whether it may be there all the same.
    pub async fn create_comment(&self, number: u64, body: &str) -> Result<Comment, Error> {
        let call = Call::post(self.path(&format!("issues/{number}/comments")), json!({ "body": body }));
        self.transport.json::<RawComment>(&call).await.map(Comment::from)
    }

    /// Replaces what a comment says.
    ///
    /// # Errors
    ///
    /// When GitHub refuses, or does not answer.
    pub async fn update_comment(&self, id: u64, body: &str) -> Result<Comment, Error> {
        let call = Call::patch(self.path(&format!("issues/comments/{id}")), json!({ "body": body }));
        self.transport.json::<RawComment>(&call).await.map(Comment::from)
    }

    /// Reacts to a comment. GitHub keeps one of each kind for each account, so that it can be repeated.
    ///
    /// # Errors
    ///
    /// When GitHub refuses, or does not answer.
    pub async fn react(&self, comment: u64, reaction: Reaction) -> Result<(), Error> {
        let path = self.path(&format!("issues/comments/{comment}/reactions"));
        let call = Call::post(path, json!({ "content": reaction.content() })).repeatable();
        self.transport.send(&call).await.map(drop)
    }

    /// Comments, unless there is a comment of ours with the same `key` already: that is given back then. Safe to repeat.
    ///
    /// # Errors
    ///
    /// When the comments cannot be read or GitHub does not take this one.
    pub async fn comment_once(&self, number: u64, key: &str, body: &str) -> Result<Comment, Error> {
        let marker = OnceMarker { key: key.to_owned() };
        if let Some(comment) = self.own_comment(number, |found: &OnceMarker| *found == marker).await? {
            return Ok(comment);
        }
        self.create_and_look(number, &marker.mark(body), |found: &OnceMarker| *found == marker).await
    }

    /// The plan's comment of an environment, if we wrote one.
    ///
    /// # Errors
    ///
    /// When the comments cannot be read.
    pub async fn plan_comment(
        &self,
        number: u64,
        environment: &str,
    ) -> Result<Option<(Comment, PlanMarker)>, Error> {
        let comment = self.own_comment(number, |found: &PlanMarker| found.env == environment).await?;
        Ok(comment.and_then(|comment| PlanMarker::read(&comment.body).map(|marker| (comment, marker))))
    }

    /// Makes the plan's comment of `marker`'s environment say `body`: edits the one that is there, or creates one. With
    /// `create` false, none is created. A comment of a newer run is left alone.
    ///
    /// # Errors
    ///
    /// When the comments cannot be read or GitHub does not take this one.
    pub async fn sticky(
        &self,
        number: u64,
        marker: &PlanMarker,
        body: &str,
        create: bool,
    ) -> Result<Sticky, Error> {
        let text = marker.mark(body);
        let Some((comment, found)) = self.plan_comment(number, &marker.env).await? else {
            if !create {
                return Ok(Sticky::Silent);
            }
            let same = |found: &PlanMarker| found.env == marker.env;
            return self.create_and_look(number, &text, same).await.map(Sticky::Created);
        };
        // A run without a number knows no order, and writes.
        if marker.run != 0 && found.run > marker.run {
            return Ok(Sticky::Newer(comment));
        }
        if same_text(&comment.body, &text) {
            return Ok(Sticky::Unchanged(comment));
        }
        self.update_comment(comment.id, &text).await.map(Sticky::Updated)
    }

    /// The first comment that is ours and has a marker that fits. A pasted marker is ignored.
    async fn own_comment<M: Marker>(
        &self,
        number: u64,
        fits: impl Fn(&M) -> bool,
    ) -> Result<Option<Comment>, Error> {
        let own = self.own_login().await?;
        let comments = self.comments(number).await?;
        let ours = |comment: &Comment| {
            comment.author.eq_ignore_ascii_case(own)
                && M::read(&comment.body).is_some_and(|found| fits(&found))
        };
        Ok(comments.into_iter().find(ours))
    }

    /// Creates a comment; where it is not known whether that succeeded, looks for it before it tries once more.
    async fn create_and_look<M: Marker>(
        &self,
        number: u64,
        text: &str,
        fits: impl Fn(&M) -> bool,
    ) -> Result<Comment, Error> {
        match self.create_comment(number, text).await {
            Err(error) if error.outcome_unknown() => match self.own_comment(number, fits).await? {
                Some(comment) => Ok(comment),
                None => self.create_comment(number, text).await,
            },
            result => result,
        }
    }
}

/// Whether two bodies say the same to a reader: apart from the marker, which has the run in it, and from what GitHub does to
/// line breaks.
pub fn same_text(a: &str, b: &str) -> bool {
    let said = |body: &str| {
        let (_, rest) = body.split_once('\n').unwrap_or((body, ""));
        rest.replace('\r', "").trim_end().to_owned()
    };
    said(a) == said(b)
}
