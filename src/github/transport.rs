//! Sends a call until it has an answer, and turns everything that is none into an error.
//!
//! It knows HTTP, GitHub's rate limits and the rules of repetition, not what the calls mean.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use octocrab::Octocrab;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, DATE, HeaderMap, LOCATION, USER_AGENT};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ApiUrl, Error, Options, PrivateKey};
use crate::secret::Secret;
use crate::stop::Level;
use crate::text::clean_line;

/// The largest answer that is read. A page of a hundred comments of 64 KiB has seven megabytes.
const LARGEST_BODY: usize = 32 << 20;
/// The longest text of GitHub's that is shown.
const LONGEST_TEXT: usize = 300;
/// How long GitHub asks to be left alone where it says nothing else.
const UNSAID_WAIT: Duration = Duration::from_secs(60);
/// No number of calls that are left is known.
const UNKNOWN: u64 = u64::MAX;

const AGENT: &str = concat!("bellwether/", env!("CARGO_PKG_VERSION"));

/// What a call does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Post,
    Patch,
}

/// A request, ready to be sent any number of times.
pub(super) struct Call {
    verb: Verb,
    /// Path and query, encoded.
    path: String,
    body: Option<Value>,
    /// Whether sending it twice has the same effect as sending it once.
    repeatable: bool,
}

impl Call {
    pub(super) fn get(path: String) -> Self {
        Self { verb: Verb::Get, path, body: None, repeatable: true }
    }

    /// Creates something: never repeated once it may have arrived.
    pub(super) fn post(path: String, body: Value) -> Self {
        Self { verb: Verb::Post, path, body: Some(body), repeatable: false }
    }

    /// Replaces something.
    pub(super) fn patch(path: String, body: Value) -> Self {
        Self { verb: Verb::Patch, path, body: Some(body), repeatable: true }
    }

    /// Marks a call that has another effect when it is sent twice.
    pub(super) fn once(mut self) -> Self {
        self.repeatable = false;
        self
    }

    /// Marks a POST that has no other effect when it is sent twice.
    pub(super) fn repeatable(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// How messages name it. Paths hold names that were read strictly, so nothing in them can mislead.
    pub(super) fn label(&self) -> String {
        let verb = match self.verb {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Patch => "PATCH",
        };
        format!("{verb} {}", self.path)
    }
}

/// A successful answer.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Reply {
    /// Whether the list goes on. Only that is read of the link, not where it leads.
    pub(super) fn has_next(&self) -> bool {
        self.links().any(|link| link.contains("rel=\"next\""))
    }

    /// The cursor of the list's next page, where the list is one that has cursors. Nothing else is read of the link.
    pub(super) fn next_cursor(&self) -> Option<String> {
        let next = self.links().find(|link| link.contains("rel=\"next\""))?;
        let (_, url) = next.split_once('<')?;
        let url = reqwest::Url::parse(url.split_once('>')?.0).ok()?;
        url.query_pairs().find(|(name, _)| name == "cursor").map(|(_, cursor)| cursor.into_owned())
    }

    fn links(&self) -> impl Iterator<Item = &str> {
        let links = self.headers.get_all("link").iter().filter_map(|value| value.to_str().ok());
        links.flat_map(|links| links.split(','))
    }

    /// Where a redirect leads.
    pub(super) fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION).and_then(|value| value.to_str().ok())
    }
}

/// What came instead of an answer.
struct Failure {
    reason: String,
    /// Nothing reached the other side.
    unsent: bool,
    /// Trying again may help.
    transient: bool,
}

/// One client, with one proof of who we are.
pub(super) struct Transport {
    octocrab: Octocrab,
    /// For where a redirect leads: it knows no token.
    bare: reqwest::Client,
    pub(super) api: ApiUrl,
    token: Option<Secret>,
    options: Options,
    left: AtomicU64,
}

impl Transport {
    /// With a token.
    pub(super) fn with_token(api: ApiUrl, token: Secret, options: Options) -> Result<Self, Error> {
        let bare = http_client(&api, &options)?;
        let builder = builder(&api)?.personal_token(token.text().to_owned());
        let octocrab = builder.build_with_reqwest(bare.clone()).map_err(setup)?;
        Ok(Self::new(octocrab, bare, api, Some(token), options))
    }

    /// As a GitHub App, which may ask about itself only.
    pub(super) fn with_key(api: ApiUrl, app: u64, key: &PrivateKey, options: Options) -> Result<Self, Error> {
        let bare = http_client(&api, &options)?;
        let builder = builder(&api)?.app(app.into(), key.key());
        let octocrab = builder.build_with_reqwest(bare.clone()).map_err(setup)?;
        Ok(Self::new(octocrab, bare, api, None, options))
    }

    /// As an App's installation, with tokens for one repository.
    pub(super) fn installation(&self, installation: u64, repository: &str) -> Result<Self, Error> {
        let scoped = self.octocrab.installation_builder(installation.into());
        let octocrab = scoped.repositories(vec![repository.to_owned()]).build().map_err(setup)?;
        Ok(Self::new(octocrab, self.bare.clone(), self.api.clone(), None, self.options.clone()))
    }

    fn new(
        octocrab: Octocrab,
        bare: reqwest::Client,
        api: ApiUrl,
        token: Option<Secret>,
        options: Options,
    ) -> Self {
        Self { octocrab, bare, api, token, options, left: AtomicU64::new(UNKNOWN) }
    }

    /// How many calls GitHub takes before its rate limit is reached, as its last answer said.
    pub(super) fn calls_left(&self) -> Option<u64> {
        Some(self.left.load(Ordering::Relaxed)).filter(|left| *left != UNKNOWN)
    }

    /// Sends `call` and gives a successful answer, or the redirect that came instead.
    pub(super) async fn send(&self, call: &Call) -> Result<Reply, Error> {
        let (mut failures, mut waited) = (0, Duration::ZERO);
        loop {
            if self.options.stop.is_raised() {
                return Err(Error::Stopped { call: call.label() });
            }
            let (error, again) = match self.exchange(call).await {
                Ok(reply) => {
                    if let Some(wait) = self.rate_limit(&reply) {
                        self.await_limit(call, wait, &mut waited).await?;
                        continue;
                    }
                    if !reply.status.is_server_error() {
                        return self.judge(call, reply);
                    }
                    let reason = format!("{} {}", reply.status.as_u16(), self.said(&reply.body));
                    let reason = reason.trim_end().to_owned();
                    (Error::Unavailable { call: call.label(), reason, sent: true }, call.repeatable)
                }
                Err(Failure { reason, unsent, transient }) => {
                    let again = unsent || (call.repeatable && transient);
                    (Error::Unavailable { call: call.label(), reason, sent: !unsent }, again)
                }
            };
            failures += 1;
            if !again || !self.again(failures, &error).await {
                return Err(error);
            }
        }
    }

    /// Waits before the next try; whether there is to be one.
    pub(super) async fn again(&self, failures: u32, error: &Error) -> bool {
        let retry = &self.options.retry;
        if failures >= retry.attempts {
            return false;
        }
        let wait = retry.backoff(failures);
        let what = match error {
            Error::Unavailable { call, reason, .. } => format!("GitHub did not answer `{call}`: {reason}"),
            error => error.to_string(),
        };
        self.notice(&format!("{what}; trying again in {} ms", wait.as_millis()));
        !self.wait(wait).await
    }

    /// Sends `call` and reads its answer.
    pub(super) async fn json<T: DeserializeOwned>(&self, call: &Call) -> Result<T, Error> {
        let reply = self.send(call).await?;
        self.parse(call, &reply)
    }

    /// Reads a successful answer.
    pub(super) fn parse<T: DeserializeOwned>(&self, call: &Call, reply: &Reply) -> Result<T, Error> {
        if !reply.status.is_success() {
            return Err(Error::Moved { call: call.label() });
        }
        serde_json::from_slice(&reply.body).map_err(|error| {
            let what = match error.classify() {
                // Where, not what: the message may hold a part of the answer.
                serde_json::error::Category::Data => {
                    format!("its JSON has another shape ({})", self.clean(&error.to_string()))
                }
                _ => "it is not JSON".to_owned(),
            };
            Error::Unexpected { call: call.label(), what }
        })
    }

    /// Starts to read what is at `location`, where a redirect of `call` led, without the token.
    pub(super) async fn download(&self, call: &Call, location: &str) -> Result<reqwest::Response, Error> {
        let unexpected = |what: &str| Error::Unexpected { call: call.label(), what: what.to_owned() };
        let mut url = reqwest::Url::parse(self.api.base())
            .and_then(|base| base.join(location))
            .map_err(|_| unexpected("it leads to no URL"))?;
        for _ in 0..4 {
            if url.scheme() != "https" && !self.api.is_plain() {
                return Err(unexpected("it leads to an unencrypted address"));
            }
            let sent = self.bare.get(url.clone()).header(USER_AGENT, AGENT).send().await;
            let response = sent.map_err(|error| self.unavailable(call, &error))?;
            if response.status().is_success() {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            url = match (response.status(), location.and_then(|location| url.join(location).ok())) {
                (status, Some(next)) if status.is_redirection() => next,
                (StatusCode::NOT_FOUND, _) => {
                    return Err(Error::NotFound { call: call.label(), said: String::new() });
                }
                (status, _) if status.is_server_error() => {
                    let reason = status.as_u16().to_string();
                    return Err(Error::Unavailable { call: call.label(), reason, sent: true });
                }
                (status, _) => {
                    let said = String::new();
                    return Err(Error::Rejected { call: call.label(), status: status.as_u16(), said });
                }
            };
        }
        Err(unexpected("it leads from one address to the next"))
    }

    /// The error of a connection that failed.
    pub(super) fn unavailable(&self, call: &Call, error: &reqwest::Error) -> Error {
        let Failure { reason, unsent, .. } = self.failure(error);
        Error::Unavailable { call: call.label(), reason, sent: !unsent }
    }

    /// Sends `call` once and reads the answer to its end, whatever its status.
    async fn exchange(&self, call: &Call) -> Result<Reply, Failure> {
        let (path, body) = (call.path.as_str(), call.body.as_ref());
        let sent = match call.verb {
            Verb::Get => self.octocrab._get(path).await,
            Verb::Post => self.octocrab._post(path, body).await,
            Verb::Patch => self.octocrab._patch(path, body).await,
        };
        let reply = match sent {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let body = Limited::new(body, LARGEST_BODY).collect().await;
                let body = body.map_err(|error| self.failure(error.as_ref()))?.to_bytes().to_vec();
                Reply { status: parts.status, headers: parts.headers, body }
            }
            // An installation gets its token first, and that was refused: the call itself was not sent.
            Err(octocrab::Error::GitHub { source, .. }) => {
                let body = serde_json::json!({"message": source.message}).to_string().into_bytes();
                if source.status_code.is_server_error() {
                    let reason = format!("{} {}", source.status_code.as_u16(), self.said(&body));
                    return Err(Failure { reason, unsent: true, transient: true });
                }
                let headers = source.headers.clone().unwrap_or_default();
                Reply { status: source.status_code, headers, body }
            }
            Err(error) => return Err(self.failure(&error)),
        };
        let left = reply.headers.get("x-ratelimit-remaining");
        if let Some(left) = left.and_then(|left| left.to_str().ok()?.parse().ok()) {
            self.left.store(left, Ordering::Relaxed);
        }
        Ok(reply)
    }

    fn judge(&self, call: &Call, reply: Reply) -> Result<Reply, Error> {
        let (label, status) = (call.label(), reply.status);
        if status.is_success() || status.is_redirection() {
            return Ok(reply);
        }
        let said = self.said(&reply.body);
        Err(match status {
            StatusCode::UNAUTHORIZED => Error::RevokedToken { call: label, said },
            StatusCode::FORBIDDEN => Error::Forbidden { call: label, said },
            StatusCode::NOT_FOUND => Error::NotFound { call: label, said },
            status if status.is_client_error() => {
                Error::Rejected { call: label, status: status.as_u16(), said }
            }
            status => {
                Error::Unexpected { call: label, what: format!("an unexpected status ({})", status.as_u16()) }
            }
        })
    }

    /// How long GitHub wants to be left alone, if it says so.
    fn rate_limit(&self, reply: &Reply) -> Option<Duration> {
        if !matches!(reply.status, StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS) {
            return None;
        }
        let number =
            |name: &str| -> Option<u64> { reply.headers.get(name)?.to_str().ok()?.trim().parse().ok() };
        if let Some(seconds) = number("retry-after") {
            return Some(Duration::from_secs(seconds));
        }
        if number("x-ratelimit-remaining") == Some(0) {
            let reset = number("x-ratelimit-reset")?;
            // By the server's clock, since ours may be another.
            let date = reply.headers.get(DATE).and_then(|date| date.to_str().ok());
            let date =
                date.and_then(|date| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
            let now = date.unwrap_or_else(|| self.options.retry.clock.timestamp()).as_second().max(0) as u64;
            return Some(Duration::from_secs(reset.saturating_sub(now)));
        }
        let said_so = String::from_utf8_lossy(&reply.body).contains("secondary rate limit");
        (said_so || reply.status == StatusCode::TOO_MANY_REQUESTS).then_some(UNSAID_WAIT)
    }

    /// Waits until calls are taken again, or gives up.
    async fn await_limit(&self, call: &Call, wait: Duration, waited: &mut Duration) -> Result<(), Error> {
        // A wait of nothing counts as a second: otherwise a server that repeats it would keep us here for ever.
        let wait = wait.max(Duration::from_secs(1));
        if *waited + wait > self.options.retry.ceiling {
            let until = jiff::SignedDuration::try_from(wait).unwrap_or(jiff::SignedDuration::MAX);
            let until = self.options.retry.clock.timestamp().saturating_add(until).unwrap_or(Timestamp::MAX);
            return Err(Error::RateLimited { call: call.label(), until });
        }
        self.notice(&format!(
            "GitHub's rate limit reached by `{}`, waiting {} s",
            call.label(),
            wait.as_secs()
        ));
        if self.wait(wait).await {
            return Err(Error::Stopped { call: call.label() });
        }
        *waited += wait;
        Ok(())
    }

    /// Waits; whether it was cut short because the run is stopped.
    async fn wait(&self, duration: Duration) -> bool {
        tokio::select! {
            () = self.options.stop.reached(Level::Drain) => true,
            () = self.options.retry.clock.wait(duration) => false,
        }
    }

    /// Why no answer came.
    fn failure(&self, error: &(dyn std::error::Error + 'static)) -> Failure {
        let (mut cause, mut unsent, mut timeout) = (error, false, false);
        loop {
            if let Some(error) = cause.downcast_ref::<reqwest::Error>() {
                unsent |= error.is_connect();
                timeout |= error.is_timeout() && !error.is_connect();
            }
            match cause.source() {
                Some(source) => cause = source,
                None => break,
            }
        }
        let reason = if timeout {
            format!("nothing came within {} s", self.options.timeout.as_secs())
        } else if cause.is::<reqwest::Error>() {
            // It would show its URL, and that of an archive has a token of its own in it.
            "the connection failed".to_owned()
        } else {
            self.clean(&cause.to_string())
        };
        Failure { reason, unsent, transient: !timeout }
    }

    /// What an error body says, cleaned; empty where it says nothing.
    fn said(&self, body: &[u8]) -> String {
        let Ok(value) = serde_json::from_slice::<Value>(body) else { return String::new() };
        let mut said = value.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
        for error in value.get("errors").and_then(Value::as_array).into_iter().flatten().take(5) {
            let text = error.as_str().or_else(|| error.get("message").and_then(Value::as_str));
            if let Some(text) = text {
                said = format!("{said}; {text}");
            }
        }
        self.clean(&said)
    }

    /// Text from the network, fit for one line of a terminal, without our token.
    fn clean(&self, text: &str) -> String {
        let text = match &self.token {
            Some(token) => token.redact(text.to_owned()),
            None => text.to_owned(),
        };
        let short: String = text.trim().chars().take(LONGEST_TEXT).collect();
        clean_line(&short)
    }

    fn notice(&self, line: &str) {
        (self.options.notices)(line);
    }
}

type Builder = octocrab::OctocrabBuilder<
    octocrab::NoSvc,
    octocrab::DefaultOctocrabBuilderConfig,
    octocrab::NoAuth,
    octocrab::NotLayerReady,
>;

fn builder(api: &ApiUrl) -> Result<Builder, Error> {
    let builder = Octocrab::builder().base_uri(api.base()).map_err(setup)?;
    Ok(builder
        .add_header(USER_AGENT, AGENT.to_owned())
        .add_header(ACCEPT, "application/vnd.github+json".to_owned()))
}

fn http_client(api: &ApiUrl, options: &Options) -> Result<reqwest::Client, Error> {
    let mut builder = reqwest::Client::builder()
        // A redirect must not take the token anywhere; the one that is wanted is followed by hand.
        .redirect(reqwest::redirect::Policy::none())
        // Archives are limited after they are unpacked, too.
        .no_gzip()
        .connect_timeout(Duration::from_secs(10))
        .timeout(options.timeout);
    if api.is_plain() {
        // No TLS will be spoken, so that the system's roots need not be loaded.
        builder = builder.tls_certs_only([]);
    }
    if api.is_loopback() {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| Error::Setup { reason: clean_line(&error.to_string()) })
}

fn setup(error: octocrab::Error) -> Error {
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Error::Setup { reason: clean_line(&cause.to_string()) }
}
