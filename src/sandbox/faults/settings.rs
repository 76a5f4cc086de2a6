//! What one writes to get faults: rules and rate limits, in TOML, in JSON or in Rust, and what must hold of them.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::json;
use thiserror::Error;
use toml::Spanned;

use super::super::http;
use super::decide::{Answer, Fault};

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const LIST: &str = "/api/v1/monitor";

/// The faults of a sandbox; none by default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Decides, with a rule's place and the number of the request, what `probability` draws.
    pub seed: u64,
    /// Tried in order: the first that fires decides what happens to a request.
    pub rules: Vec<Rule>,
    /// Rate limits. A request counts for the first one that is about it.
    pub limits: Vec<Limit>,
}

/// Which requests meet a fault, when, and what happens to them. All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// Only requests with this method.
    #[serde(skip_serializing_if = "is_default")]
    pub method: Option<String>,
    /// Only requests of this route, written as `/api/v1/monitor/{id}`. `*` at its end takes all that begin so.
    #[serde(skip_serializing_if = "is_default")]
    pub route: Option<String>,
    /// Lets this many of its requests pass before it counts.
    #[serde(skip_serializing_if = "is_default")]
    pub after: u64,
    /// Fires on this request only, counted from 1.
    #[serde(skip_serializing_if = "is_default")]
    pub nth: Option<u64>,
    /// Fires on each request whose number is a multiple of this.
    #[serde(skip_serializing_if = "is_default")]
    pub every: Option<u64>,
    /// Fires with this probability, from 0 to 1.
    #[serde(skip_serializing_if = "is_default")]
    pub probability: Option<f64>,
    /// Fires at most this often.
    #[serde(skip_serializing_if = "is_default")]
    pub times: Option<u64>,
    /// Answers this many milliseconds later. Goes with every other effect.
    #[serde(skip_serializing_if = "is_default")]
    pub delay_ms: u64,
    /// Answers with this status and does nothing.
    #[serde(skip_serializing_if = "is_default")]
    pub status: Option<u16>,
    /// The body that goes with `status`; by default an error in Datadog's form.
    #[serde(skip_serializing_if = "is_default")]
    pub body: Option<String>,
    /// The headers that go with `status`.
    #[serde(skip_serializing_if = "is_default")]
    pub headers: BTreeMap<String, String>,
    /// Closes the connection without an answer and does nothing.
    #[serde(skip_serializing_if = "is_default")]
    pub reset: bool,
    /// Carries the request out and loses the answer: `status`, which is then 504 by default, or `reset`, come instead.
    #[serde(skip_serializing_if = "is_default")]
    pub lose_reply: bool,
    /// Sends this many bytes of the body, after a `Content-Length` that promises all, and closes the connection.
    #[serde(skip_serializing_if = "is_default")]
    pub truncate: Option<usize>,
    /// Sends this many bytes of the body as if they were all: correct HTTP, but no longer JSON.
    #[serde(skip_serializing_if = "is_default")]
    pub cut_json: Option<usize>,
    /// Answers a list of monitors with `[]`.
    #[serde(skip_serializing_if = "is_default")]
    pub empty_page: bool,
    /// Leaves out the last entries, this many, of a list of monitors.
    #[serde(skip_serializing_if = "is_default")]
    pub short_page: Option<usize>,
    /// Hides the created monitor from this many requests for the list. Goes with `delay_ms` and `lose_reply`.
    #[serde(skip_serializing_if = "is_default")]
    pub hold: u32,
}

/// A rate limit: so many requests in each window of the sandbox's clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// What `X-RateLimit-Name` says.
    pub name: String,
    /// Requests in a window.
    pub limit: u64,
    /// The length of a window in seconds. Windows begin at multiples of it.
    pub period: u32,
    /// As in a rule.
    #[serde(default, skip_serializing_if = "is_default")]
    pub method: Option<String>,
    /// As in a rule.
    #[serde(default, skip_serializing_if = "is_default")]
    pub route: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A mistake in faults, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}{message}", .line.map(|line| format!("line {line}: ")).unwrap_or_default())]
pub struct FaultsError {
    /// The line of the file, counted from 1, if they come from one.
    pub line: Option<usize>,
    /// What is wrong.
    pub message: String,
}

/// The same as [`Faults`], with places.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    rules: Vec<Spanned<Rule>>,
    #[serde(default)]
    limits: Vec<Spanned<Limit>>,
}

impl Faults {
    /// Reads a TOML file.
    ///
    /// # Errors
    ///
    /// The first mistake, with its line.
    pub fn parse(text: &str) -> Result<Self, FaultsError> {
        let line = |at: usize| Some(text[..at].matches('\n').count() + 1);
        let file: File = toml::from_str(text).map_err(|error| FaultsError {
            line: error.span().and_then(|span| line(span.start)),
            message: error.message().lines().collect::<Vec<_>>().join(": "),
        })?;
        for rule in &file.rules {
            let place = line(rule.span().start);
            rule.as_ref().fault().map_err(|message| FaultsError { line: place, message })?;
        }
        for limit in &file.limits {
            let place = line(limit.span().start);
            limit.as_ref().check().map_err(|message| FaultsError { line: place, message })?;
        }
        Ok(Self {
            seed: file.seed,
            rules: file.rules.into_iter().map(Spanned::into_inner).collect(),
            limits: file.limits.into_iter().map(Spanned::into_inner).collect(),
        })
    }

    /// What each rule does, if nothing is wrong.
    pub(super) fn check(&self) -> Result<Vec<Fault>, FaultsError> {
        let named = |what: &str, at: usize, message: String| FaultsError {
            line: None,
            message: format!("{what} {}: {message}", at + 1),
        };
        for (at, limit) in self.limits.iter().enumerate() {
            limit.check().map_err(|message| named("limit", at, message))?;
        }
        let faults = self.rules.iter().enumerate();
        faults.map(|(at, rule)| rule.fault().map_err(|message| named("rule", at, message))).collect()
    }
}

impl Limit {
    fn check(&self) -> Result<(), String> {
        check_requests(self.method.as_deref(), self.route.as_deref())?;
        if self.period == 0 {
            return Err("`period` is 0; give the seconds that a window has".to_owned());
        }
        if HeaderValue::from_str(&self.name).is_err() {
            return Err("`name` is sent in a header and can have no control characters".to_owned());
        }
        Ok(())
    }
}

impl Rule {
    /// What the rule does, if nothing is wrong with it.
    fn fault(&self) -> Result<Fault, String> {
        check_requests(self.method.as_deref(), self.route.as_deref())?;
        self.check_when()?;
        let mut answers = [
            self.status.map(|status| Ok(("status", self.instead(status)?))),
            self.reset.then_some(Ok(("reset", Answer::Closed))),
            self.truncate.map(|bytes| Ok(("truncate", Answer::BrokenOff(bytes)))),
            self.cut_json.map(|bytes| Ok(("cut_json", Answer::Cut(bytes)))),
            self.empty_page.then_some(Ok(("empty_page", Answer::Shortened(usize::MAX)))),
            self.short_page.map(|entries| Ok(("short_page", Answer::Shortened(entries)))),
        ]
        .into_iter()
        .flatten()
        .collect::<Result<Vec<_>, String>>()?;
        if let [(one, _), (other, _), ..] = answers[..] {
            return Err(format!("`{one}` and `{other}` exclude each other; write two rules"));
        }
        let given = answers.pop();
        let key = given.as_ref().map_or("", |(key, _)| key);
        if self.lose_reply && !matches!(key, "" | "status" | "reset") {
            return Err(format!("`lose_reply` and `{key}` exclude each other; write two rules"));
        }
        if key != "status" && !self.lose_reply && (self.body.is_some() || !self.headers.is_empty()) {
            return Err("`body` and `headers` go with `status`; add it".to_owned());
        }
        let is_list = self.method.as_deref() == Some("GET") && self.route.as_deref() == Some(LIST);
        if matches!(key, "empty_page" | "short_page") && !is_list {
            return Err(format!(
                "`{key}` is about the list of monitors; add `method = \"GET\"` and `route = \"{LIST}\"`"
            ));
        }
        let carried_out = self.lose_reply || !matches!(key, "status" | "reset");
        if self.hold > 0 {
            let is_create = self.method.as_deref() == Some("POST") && self.route.as_deref() == Some(LIST);
            if !is_create {
                return Err(format!(
                    "`hold` is about created monitors; add `method = \"POST\"` and `route = \"{LIST}\"`"
                ));
            }
            if !carried_out {
                return Err(format!(
                    "with `{key}` no monitor is created that `hold` could hide; add `lose_reply = true`"
                ));
            }
        }
        let answer = match given {
            Some((_, answer)) => answer,
            None if self.lose_reply => self.instead(504)?,
            None if self.delay_ms == 0 && self.hold == 0 => {
                return Err("the rule has no effect; add one, such as `status = 503`".to_owned());
            }
            None => Answer::Own,
        };
        Ok(Fault { answer, carried_out, hold: self.hold, delay: Duration::from_millis(self.delay_ms) })
    }

    fn check_when(&self) -> Result<(), String> {
        if self.probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
            return Err("`probability` must be from 0 to 1".to_owned());
        }
        for (key, value) in [("nth", self.nth), ("every", self.every), ("times", self.times)] {
            if value == Some(0) {
                return Err(format!("`{key}` is 0, so that the rule never fires; give at least 1"));
            }
        }
        Ok(())
    }

    /// The answer that comes instead of the sandbox's own.
    fn instead(&self, number: u16) -> Result<Answer, String> {
        let status = StatusCode::from_u16(number).ok().filter(|_| (200..600).contains(&number));
        let status = status.ok_or_else(|| format!("`status` is {number}; give one from 200 to 599"))?;
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        for (name, value) in &self.headers {
            let parsed = (HeaderName::from_bytes(name.as_bytes()).ok(), HeaderValue::from_str(value).ok());
            let (Some(name), Some(value)) = parsed else {
                return Err(format!("`{name}: {value}` cannot be sent as a header"));
            };
            if matches!(name, header::CONTENT_LENGTH | header::TRANSFER_ENCODING) {
                return Err(format!("`{name}` follows from the body; leave it out, or see `truncate`"));
            }
            headers.insert(name, value);
        }
        let reason = status.canonical_reason().unwrap_or("Timeout");
        let body = self.body.clone().unwrap_or_else(|| json!({ "errors": [reason] }).to_string());
        Ok(Answer::Instead { status, headers, body: body.into_bytes() })
    }
}

/// Whether there are such requests at all: a misspelt route would be a rule that never fires.
fn check_requests(method: Option<&str>, route: Option<&str>) -> Result<(), String> {
    if let Some(method) = method.filter(|method| !METHODS.contains(method)) {
        return Err(format!("`method` is `{method}`; give one of {}", METHODS.join(", ")));
    }
    let Some(route) = route else { return Ok(()) };
    let known = http::patterns();
    if known.iter().any(|pattern| is_about(route, pattern)) {
        return Ok(());
    }
    let same_start =
        |pattern: &&str| pattern.bytes().zip(route.bytes()).take_while(|(one, other)| one == other).count();
    let nearest = known.into_iter().rev().max_by_key(same_start).unwrap_or_default();
    Err(format!("the sandbox has no route `{route}`; the nearest is `{nearest}`"))
}

/// Whether the route that a rule names is, or includes, `pattern`.
pub(super) fn is_about(route: &str, pattern: &str) -> bool {
    match route.strip_suffix('*') {
        Some(start) => pattern.starts_with(start),
        None => pattern == route,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(text: &str) -> String {
        Faults::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn toml_and_json_are_the_same_structure() {
        let text = r#"
            seed = 7
            [[rules]]
            method = "POST"
            route = "/api/v1/monitor"
            lose_reply = true
            hold = 2
            [[limits]]
            name = "writes"
            limit = 3
            period = 10
        "#;
        let faults = Faults::parse(text).unwrap();
        let json = json!({
            "seed": 7,
            "rules": [{"method": "POST", "route": "/api/v1/monitor", "lose_reply": true, "hold": 2}],
            "limits": [{"name": "writes", "limit": 3, "period": 10}],
        });
        assert_eq!(serde_json::to_value(&faults).unwrap(), json);
        assert_eq!(serde_json::from_value::<Faults>(json).unwrap(), faults);
        assert_eq!(Faults::parse("").unwrap(), Faults::default());
    }

    #[test]
    fn a_mistake_has_a_line_and_says_what_to_do() {
        let rule = |keys: &str| mistake(&format!("seed = 1\n\n[[rules]]\n{keys}"));
        assert_eq!(rule("delay_ms = 1\nprobability = 1.5"), "line 3: `probability` must be from 0 to 1");
        assert_eq!(rule(""), "line 3: the rule has no effect; add one, such as `status = 503`");
        assert_eq!(
            rule("status = 503\nreset = true"),
            "line 3: `status` and `reset` exclude each other; write two rules"
        );
        assert_eq!(rule("status = 99"), "line 3: `status` is 99; give one from 200 to 599");
        assert_eq!(rule("reset = true\nbody = ''"), "line 3: `body` and `headers` go with `status`; add it");
        assert_eq!(
            rule("reset = true\nmethod = 'get'"),
            "line 3: `method` is `get`; give one of GET, POST, PUT, PATCH, DELETE"
        );
        assert_eq!(
            rule("reset = true\nroute = '/api/v1/monitors'"),
            "line 3: the sandbox has no route `/api/v1/monitors`; the nearest is `/api/v1/monitor`"
        );
        assert_eq!(
            rule("empty_page = true"),
            "line 3: `empty_page` is about the list of monitors; add `method = \"GET\"` and `route = \"/api/v1/monitor\"`"
        );
        assert_eq!(
            rule("status = 503\nhold = 1\nmethod = 'POST'\nroute = '/api/v1/monitor'"),
            "line 3: with `status` no monitor is created that `hold` could hide; add `lose_reply = true`"
        );
        assert_eq!(
            rule("status = 200\nheaders = { content-length = '3' }"),
            "line 3: `content-length` follows from the body; leave it out, or see `truncate`"
        );
        let unknown = rule("statuss = 503");
        assert!(
            unknown.starts_with("line 4: unknown field `statuss`, expected one of `method`"),
            "{unknown}"
        );
        assert!(mistake("seed = ").starts_with("line 1: "), "{}", mistake("seed = "));
        assert_eq!(
            mistake("[[limits]]\nname = 'n'\nlimit = 1\nperiod = 0"),
            "line 1: `period` is 0; give the seconds that a window has"
        );
        let rust = Faults { rules: vec![Rule::default()], ..Faults::default() }.check().unwrap_err();
        assert_eq!(rust.to_string(), "rule 1: the rule has no effect; add one, such as `status = 503`");
    }

    #[test]
    fn a_star_takes_all_routes_that_begin_so() {
        assert!(is_about("/api/v1/monitor", "/api/v1/monitor"));
        assert!(!is_about("/api/v1/monitor", "/api/v1/monitor/{id}"));
        assert!(is_about("/api/v1/monitor*", "/api/v1/monitor/{id}"));
        assert!(!is_about("/api/v1/monitor*", "/api/v1/metrics/{name}"));
        assert!(is_about("*", "/api/v1/metrics/{name}"));
    }
}
