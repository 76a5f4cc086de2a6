//! What must hold of rules and limits, and what a rule does if it holds.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use super::super::http;
use super::decide::{Answer, Fault};
use super::settings::{Limit, Rule};

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];
const LIST: &str = "/api/v1/monitor";

impl Limit {
    /// Whether the limit can be kept.
    pub(super) fn check(&self) -> Result<(), String> {
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
    pub(super) fn fault(&self) -> Result<Fault, String> {
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

    #[test]
    fn a_star_takes_all_routes_that_begin_so() {
        assert!(is_about("/api/v1/monitor", "/api/v1/monitor"));
        assert!(!is_about("/api/v1/monitor", "/api/v1/monitor/{id}"));
        assert!(is_about("/api/v1/monitor*", "/api/v1/monitor/{id}"));
        assert!(!is_about("/api/v1/monitor*", "/api/v1/metrics/{name}"));
        assert!(is_about("*", "/api/v1/metrics/{name}"));
    }
}
