//! A client of one repository: who we are there, and lists read to their end.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::transport::{Call, Transport};
use super::{ApiUrl, App, Error, Options, Repository};
use crate::secret::Secret;

/// What a segment of a path or a value of a query may hold as it is (RFC 3986, "unreserved").
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Entries of a page, GitHub's most.
const PAGE: usize = 100;
/// How many pages are read of a list before it is given up.
const PAGES: usize = 100;
/// Whose comments a workflow's own token writes.
const WORKFLOW: &str = "github-actions[bot]";

/// As whom a client acts.
pub(super) enum Identity {
    Token,
    App(App),
}

/// A client of one repository. Clones share everything.
#[derive(Clone)]
pub struct Client {
    pub(super) transport: Arc<Transport>,
    identity: Arc<Identity>,
    login: Arc<OnceCell<String>>,
    repository: Repository,
}

/// An account, as far as it matters. Deleted ones are null.
#[derive(Deserialize)]
pub(super) struct Account {
    pub(super) login: String,
}

/// The login of an account; GitHub shows a deleted one as `ghost`.
pub(super) fn login(account: Option<Account>) -> String {
    account.map_or_else(|| "ghost".to_owned(), |account| account.login)
}

/// A text as one segment of a path or as a value of a query.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

impl Client {
    /// A client with a token. It has to be called within a Tokio runtime.
    ///
    /// # Errors
    ///
    /// When no HTTP client can be set up.
    pub fn new(api: ApiUrl, token: Secret, repository: Repository, options: Options) -> Result<Self, Error> {
        Ok(Self::with(Transport::with_token(api, token, options)?, Identity::Token, repository))
    }

    pub(super) fn with(transport: Transport, identity: Identity, repository: Repository) -> Self {
        let (transport, identity) = (Arc::new(transport), Arc::new(identity));
        Self { transport, identity, login: Arc::default(), repository }
    }

    /// The same client, whose comments have this login.
    #[must_use]
    pub fn acting_as(mut self, login: &str) -> Self {
        self.login = Arc::new(OnceCell::new_with(Some(login.to_owned())));
        self
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// How many calls GitHub takes before its rate limit is reached, as its last answer said.
    pub fn calls_left(&self) -> Option<u64> {
        self.transport.calls_left()
    }

    /// The login that our comments have: that of the token's user, `slug[bot]` of an App, or `github-actions[bot]` where GitHub does not
    /// tell. It is asked for once.
    ///
    /// # Errors
    ///
    /// When GitHub does not say.
    pub async fn own_login(&self) -> Result<&str, Error> {
        let ask = async || match &*self.identity {
            Identity::App(app) => app.login().await.map(str::to_owned),
            Identity::Token => {
                match self.transport.json::<Account>(&Call::get("/user".to_owned())).await {
                    Ok(account) => Ok(account.login),
                    // The token of an installation is no user's.
                    Err(Error::Forbidden { .. }) => self.viewer().await,
                    Err(error) => Err(error),
                }
            }
        };
        self.login.get_or_try_init(ask).await.map(String::as_str)
    }

    /// Who the token of an installation acts as. Only GraphQL tells, and it is elsewhere on GitHub Enterprise Server.
    async fn viewer(&self) -> Result<String, Error> {
        let query = serde_json::json!({"query": "{viewer{login}}"});
        let call = Call::post("/graphql".to_owned(), query).repeatable();
        match self.transport.json::<serde_json::Value>(&call).await {
            Ok(answer) => {
                let login = answer.pointer("/data/viewer/login").and_then(serde_json::Value::as_str);
                Ok(login.unwrap_or(WORKFLOW).to_owned())
            }
            // Later it may tell: a guess would be a second comment beside the first.
            Err(error) if error.is_transient() => Err(error),
            Err(_) => Ok(WORKFLOW.to_owned()),
        }
    }

    /// A path within the repository.
    pub(super) fn path(&self, rest: &str) -> String {
        format!("/repos/{}/{rest}", self.repository)
    }

    /// Reads a list to its end, or until `enough`. `items` takes the entries out of a page.
    pub(super) async fn list<P: DeserializeOwned, T>(
        &self,
        path: &str,
        items: impl Fn(P) -> Vec<T>,
        enough: impl Fn(&[T]) -> bool,
    ) -> Result<Vec<T>, Error> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut found = Vec::new();
        for page in 1..=PAGES {
            let call = Call::get(format!("{path}{separator}per_page={PAGE}&page={page}"));
            let reply = self.transport.send(&call).await?;
            found.extend(items(self.transport.parse(&call, &reply)?));
            if enough(&found) || !reply.has_next() {
                return Ok(found);
            }
        }
        Err(Error::TooMany { call: format!("GET {path}"), limit: PAGE * PAGES })
    }

    /// Reads a list of bare entries to its end.
    pub(super) async fn all<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>, Error> {
        self.list(path, |page: Vec<T>| page, |_| false).await
    }
}
