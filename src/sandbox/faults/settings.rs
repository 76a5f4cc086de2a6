//! What one writes to get faults: rules and rate limits, in TOML, in JSON or in Rust.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use toml::Spanned;

use super::decide::Fault;

/// How many characters of a wrong line are shown.
const LONGEST_QUOTE: usize = 80;

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
        let file: File = toml::from_str(text).map_err(|error| {
            let line = error.span().and_then(|span| line(span.start));
            let written = line.and_then(|line| text.lines().nth(line - 1)).unwrap_or_default().trim();
            let written: String = written.chars().filter(|c| !c.is_control()).take(LONGEST_QUOTE).collect();
            FaultsError { line, message: format!("`{written}`: {}", plain(error.message())) }
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

    /// Reads the same structure in JSON.
    pub(super) fn from_json(json: Value) -> Result<Self, FaultsError> {
        serde_json::from_value(json)
            .map_err(|error| FaultsError { line: None, message: plain(&error.to_string()) })
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

/// What a parser says, on one line and without names of Rust's types.
fn plain(message: &str) -> String {
    const TYPES: [(&str, &str); 7] = [
        ("u16", "a status from 200 to 599"),
        ("u32", "a whole number"),
        ("u64", "a whole number"),
        ("usize", "a whole number"),
        ("f64", "a number"),
        ("a boolean", "true or false"),
        ("a map", "a table"),
    ];
    let message = message.lines().collect::<Vec<_>>().join(": ");
    let plain = TYPES.iter().find_map(|(name, words)| {
        let start = message.strip_suffix(name)?.strip_suffix("expected ")?;
        Some(format!("{start}expected {words}"))
    });
    plain.unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let start = "line 4: `statuss = 503`: unknown field `statuss`, expected one of `method`";
        assert!(unknown.starts_with(start), "{unknown}");
        assert_eq!(
            rule("reset = 1"),
            "line 4: `reset = 1`: invalid type: integer `1`, expected true or false"
        );
        assert_eq!(
            rule("nth = -1"),
            "line 4: `nth = -1`: invalid value: integer `-1`, expected a whole number"
        );
        assert!(mistake("seed = ").starts_with("line 1: "), "{}", mistake("seed = "));
        assert_eq!(
            mistake("[[limits]]\nname = 'n'\nlimit = 1\nperiod = 0"),
            "line 1: `period` is 0; give the seconds that a window has"
        );
        let rust = Faults { rules: vec![Rule::default()], ..Faults::default() }.check().unwrap_err();
        assert_eq!(rust.to_string(), "rule 1: the rule has no effect; add one, such as `status = 503`");
    }
}
