//! Sends a call until it has an answer, and turns everything that is none into an error.
//!
//! It knows HTTP and the rules of repetition, not what the calls mean.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::de::DeserializeOwned;

use super::call::{Call, Counters};
use super::credentials::header;
use super::limits::{Bucket, Generation, Limits, Permit};
use super::{ApiError, Credentials, Endpoint, Options, text};
use crate::stop::Level;

/// The largest body that is read, decompressed. A page of 1,000 monitors has a few megabytes.
const LARGEST_BODY: usize = 256 << 20;

/// An answer that the caller has to judge: 2xx, or a 4xx that is about the request itself.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
    bucket: Bucket,
}

/// What came instead of an answer.
struct Failure {
    error: ApiError,
    /// Nothing reached the other side, so even a create may be repeated.
    unsent: bool,
    /// Trying again may help.
    transient: bool,
}

/// One client, shared by all readers and writers that were made from it.
pub(super) struct Transport {
    client: reqwest::Client,
    pub(super) endpoint: Endpoint,
    credentials: Credentials,
    options: Options,
    counters: Counters,
    limits: Limits,
}

impl Transport {
    pub(super) fn new(
        endpoint: Endpoint,
        credentials: Credentials,
        options: Options,
    ) -> Result<Arc<Self>, ApiError> {
        let mut headers = HeaderMap::new();
        for (name, key) in
            [("dd-api-key", &credentials.api_key), ("dd-application-key", &credentials.app_key)]
        {
            let value = header(key).map_err(|error| ApiError::Client { reason: error.to_string() })?;
            headers.insert(name, value);
        }
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("bellwether/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers)
            // The keys are in headers, which would be sent along to wherever a redirect points.
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .timeout(options.timeout);
        if endpoint.is_plain() {
            // No TLS will be spoken, so that the system's roots need not be loaded (4 ms of a short run).
            builder = builder.tls_certs_only([]);
        }
        if endpoint.is_loopback() {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|e| ApiError::Client { reason: innermost(&e) })?;
        let (counters, limits) = Default::default();
        Ok(Arc::new(Self { client, endpoint, credentials, options, counters, limits }))
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Sends `call`. Its answer is given back for 2xx and for those 4xx that are about the request itself.
    pub(super) async fn send(&self, call: &Call) -> Result<Reply, ApiError> {
        self.counters.count(call.class);
        let retry = &self.options.retry;
        let mut failures = 0;
        let mut waited = Duration::ZERO;
        loop {
            let granted = self.await_bucket(call, &mut waited).await?;
            let (error, again) = match self.exchange(call, granted).await {
                Ok(reply) if reply.status == StatusCode::TOO_MANY_REQUESTS => {
                    self.await_reset(call, &reply.bucket, &mut waited).await?;
                    continue;
                }
                Ok(reply) if reply.status.is_server_error() => {
                    let status = reply.status.as_u16();
                    if matches!(status, 504 | 512) {
                        self.counters.overloaded();
                    }
                    let messages = self.messages(&reply.body);
                    (ApiError::Server { call: call.label(), status, messages }, call.repeatable)
                }
                Ok(reply) => return self.judge(call, reply),
                Err(f) => (f.error, f.unsent || (call.repeatable && f.transient)),
            };
            failures += 1;
            if !again || failures >= retry.attempts {
                return Err(error);
            }
            let wait = retry.backoff(failures);
            self.notice(&format!("{}, trying again in {} ms", briefly(&error), wait.as_millis()));
            if self.wait(wait).await.is_stopped() {
                return Err(error);
            }
        }
    }

    /// Waits before a call whose bucket is known to be empty.
    async fn await_bucket(&self, call: &Call, waited: &mut Duration) -> Result<Generation, ApiError> {
        let (retry, stopped) = (&self.options.retry, || ApiError::Stopped { call: call.label() });
        loop {
            if self.options.stop.level() == Level::Abort {
                return Err(stopped());
            }
            let (bucket, duration, first) = match self.limits.ask(call.route, retry.clock.now()) {
                Permit::Granted(generation) => return Ok(generation),
                Permit::Wait { bucket, duration, first } => (bucket, duration, first),
            };
            if *waited + duration > retry.ceiling {
                // Better to let the 429 speak than to give up on a guess.
                return Ok(0);
            }
            if first {
                let shown = text::clean(&bucket, 60);
                self.notice(&format!("datadog's rate limit `{shown}` is used up, {}", until(duration)));
            }
            if self.wait(duration).await.is_stopped() {
                return Err(stopped());
            }
            *waited += duration;
        }
    }

    /// Waits after a 429, or gives up.
    async fn await_reset(&self, call: &Call, bucket: &Bucket, waited: &mut Duration) -> Result<(), ApiError> {
        let second = Duration::from_secs(1);
        let wait = bucket.reset.unwrap_or_else(|| (*waited).max(second));
        // A reset of 0 counts as a second: otherwise a server that repeats it would keep us here for ever.
        let counted = wait.max(second);
        if *waited + counted > self.options.retry.ceiling {
            return Err(ApiError::RateLimited { call: call.label(), waited: *waited });
        }
        self.notice(&format!("datadog's rate limit reached by `{}`, {}", call.label(), until(wait)));
        if self.wait(wait).await.is_stopped() {
            return Err(ApiError::Stopped { call: call.label() });
        }
        *waited += counted;
        Ok(())
    }

    /// Waits, unless the run is stopped meanwhile.
    async fn wait(&self, duration: Duration) -> Waited {
        tokio::select! {
            () = self.options.stop.reached(Level::Drain) => Waited::Stopped,
            () = self.options.retry.clock.wait(duration) => Waited::Whole,
        }
    }

    /// Sends `call` once and reads the answer to its end.
    async fn exchange(&self, call: &Call, granted: Generation) -> Result<Reply, Failure> {
        let url = format!("{}{}", self.endpoint.base(), call.path);
        let mut request = self.client.request(call.method.clone(), url);
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        let sent = request.send().await;
        self.limits.ended(call.route);
        let mut response = sent.map_err(|e| self.failure(call, &e, false))?;
        let status = response.status();
        let bucket = Bucket::read(response.headers());
        self.limits.learn(call.route, granted, &bucket, self.options.retry.clock.now());
        let expected = response.content_length().unwrap_or(0).min(LARGEST_BODY as u64) as usize;
        let mut body = Vec::with_capacity(expected);
        while let Some(chunk) = response.chunk().await.map_err(|e| self.failure(call, &e, true))? {
            if body.len() + chunk.len() > LARGEST_BODY {
                let error = self.invalid(call, "it is larger than any answer of the API", &body);
                return Err(Failure { error, unsent: false, transient: false });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, body, bucket })
    }

    fn failure(&self, call: &Call, error: &reqwest::Error, answering: bool) -> Failure {
        let reason = self.credentials.redact(text::clean(&innermost(error), 300));
        let label = call.label();
        if error.is_builder() {
            let error = ApiError::Client { reason };
            return Failure { error, unsent: false, transient: false };
        }
        let unsent = error.is_connect();
        if error.is_timeout() && !unsent {
            let error = ApiError::Timeout { call: label, after: self.options.timeout };
            return Failure { error, unsent: false, transient: false };
        }
        let error = if answering {
            ApiError::InvalidReply { call: label, what: "it broke off".into(), excerpt: reason }
        } else {
            let url = self.endpoint.base().to_owned();
            ApiError::Unreachable { call: label, url, reason, sent: !unsent }
        };
        Failure { error, unsent, transient: true }
    }

    fn judge(&self, call: &Call, reply: Reply) -> Result<Reply, ApiError> {
        let status = reply.status;
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            let messages = self.messages(&reply.body);
            // Datadog has refused deletes of referenced monitors with 401; the keys are fine then.
            if messages.iter().any(|message| message.contains("is referenced in")) {
                return Err(ApiError::Rejected { call: call.label(), status: status.as_u16(), messages });
            }
            return Err(ApiError::Unauthorized {
                call: call.label(),
                status: status.as_u16(),
                endpoint: self.endpoint.label().to_owned(),
                permission: call.permission,
                messages,
            });
        }
        if status.is_success() || status.is_client_error() {
            return Ok(reply);
        }
        let what = if status.is_redirection() { "a redirect" } else { "an unexpected status" };
        Err(self.invalid(call, &format!("{what} ({})", status.as_u16()), &reply.body))
    }

    /// Reads a successful answer; every other is an error.
    pub(super) fn parse<T: DeserializeOwned>(&self, call: &Call, reply: &Reply) -> Result<T, ApiError> {
        if !reply.status.is_success() {
            return Err(self.rejected(call, reply));
        }
        serde_json::from_slice(&reply.body).map_err(|e| self.not_json(call, &e, &reply.body))
    }

    /// The error of a body that is not what it should be.
    pub(super) fn not_json(&self, call: &Call, error: &serde_json::Error, body: &[u8]) -> ApiError {
        let what = match error.classify() {
            serde_json::error::Category::Data => "its JSON has another shape",
            serde_json::error::Category::Eof if !body.is_empty() => "its JSON is cut off",
            _ => "it is not JSON",
        };
        self.invalid(call, what, body)
    }

    /// The error of a 4xx.
    pub(super) fn rejected(&self, call: &Call, reply: &Reply) -> ApiError {
        let messages = self.messages(&reply.body);
        if reply.status == StatusCode::NOT_FOUND {
            if serde_json::from_slice::<serde::de::IgnoredAny>(&reply.body).is_err() {
                // The API answers with JSON. This 404 comes from somewhere else, and says nothing.
                return self.invalid(call, "a 404 that is not JSON", &reply.body);
            }
            return ApiError::NotFound { call: call.label(), messages };
        }
        ApiError::Rejected { call: call.label(), status: reply.status.as_u16(), messages }
    }

    pub(super) fn invalid(&self, call: &Call, what: &str, body: &[u8]) -> ApiError {
        // Redacted before it is shortened, too: half a key is still half a key.
        let start = String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned();
        let excerpt = text::excerpt(self.credentials.redact(start).as_bytes());
        ApiError::InvalidReply { call: call.label(), what: what.to_owned(), excerpt }
    }

    /// The messages of an error body.
    pub(super) fn messages(&self, body: &[u8]) -> Vec<String> {
        // Before, because a message may be shortened within a key; after, because JSON can spell it differently.
        let body = self.credentials.redact(String::from_utf8_lossy(body).into_owned());
        let messages = text::messages(body.as_bytes());
        messages.into_iter().map(|message| self.credentials.redact(message)).collect()
    }

    /// The texts in part of an error body.
    pub(super) fn strings(&self, value: &serde_json::Value) -> Vec<String> {
        text::strings(value).into_iter().map(|message| self.credentials.redact(message)).collect()
    }

    fn notice(&self, line: &str) {
        (self.options.notices)(line);
    }
}

/// An error as half a line.
fn briefly(error: &ApiError) -> String {
    match error {
        ApiError::Server { call, status, .. } => format!("datadog answered `{call}` with {status}"),
        ApiError::Unreachable { call, reason, .. } => format!("`{call}` got no answer ({reason})"),
        ApiError::InvalidReply { call, what, .. } => format!("the answer to `{call}`: {what}"),
        error => error.to_string(),
    }
}

/// How a wait ended.
#[derive(PartialEq)]
enum Waited {
    Whole,
    Stopped,
}

impl Waited {
    fn is_stopped(&self) -> bool {
        *self == Self::Stopped
    }
}

/// How long is waited, in whole seconds rounded up, and until what time of the day.
fn until(duration: Duration) -> String {
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    let wait = jiff::SignedDuration::from_secs(seconds.min(86_400) as i64);
    match jiff::Zoned::now().checked_add(wait) {
        Ok(until) => format!("waiting {seconds} s, until {}", until.strftime("%H:%M:%S")),
        Err(_) => format!("waiting {seconds} s"),
    }
}

/// The last cause: `Connection refused (os error 111)` says more than `error sending request`.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
