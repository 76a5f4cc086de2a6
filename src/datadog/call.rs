//! One request, described: where it goes, how it is counted, and whether it may be sent twice.

use std::sync::atomic::{AtomicU64, Ordering};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::Serialize;

use super::ApiError;

/// What a segment of a path or a value of a query may hold as it is (RFC 3986, "unreserved").
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// How a call is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    MonitorList,
    MonitorRead,
    MetricRead,
    Validation,
    Write,
}

/// How many calls were made, by class. A call that had to be repeated counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Calls {
    /// Pages of the list of an environment's monitors.
    pub monitor_lists: u64,
    /// Other reads of monitors.
    pub monitor_reads: u64,
    /// Reads of metric metadata and tag configurations.
    pub metric_reads: u64,
    /// Validations.
    pub validations: u64,
    /// Everything that changes something.
    pub writes: u64,
}

impl Calls {
    /// All calls that change nothing.
    pub fn reads(&self) -> u64 {
        self.monitor_lists + self.monitor_reads + self.metric_reads + self.validations
    }
}

/// The counters behind [`Calls`], shared by everything that speaks to one endpoint.
#[derive(Debug, Default)]
pub(super) struct Counters {
    calls: [AtomicU64; 5],
    overloads: AtomicU64,
}

impl Counters {
    pub(super) fn count(&self, class: Class) {
        self.calls[class as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an answer that says that too much is asked at a time.
    pub(super) fn overloaded(&self) {
        self.overloads.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn overloads(&self) -> u64 {
        self.overloads.load(Ordering::Relaxed)
    }

    pub(super) fn get(&self) -> Calls {
        let get = |class: Class| self.calls[class as usize].load(Ordering::Relaxed);
        Calls {
            monitor_lists: get(Class::MonitorList),
            monitor_reads: get(Class::MonitorRead),
            metric_reads: get(Class::MetricRead),
            validations: get(Class::Validation),
            writes: get(Class::Write),
        }
    }
}

/// A request, ready to be sent any number of times.
pub(super) struct Call {
    pub(super) method: Method,
    /// Path and query, encoded.
    pub(super) path: String,
    pub(super) body: Option<Vec<u8>>,
    pub(super) class: Class,
    /// What the application key needs for it.
    pub(super) permission: &'static str,
    /// The path with its variable parts left out: rate limits are per route.
    pub(super) route: &'static str,
    /// Whether sending it twice has the same effect as sending it once.
    pub(super) repeatable: bool,
}

impl Call {
    /// A call without a body.
    pub(super) fn new(
        method: Method,
        path: String,
        route: &'static str,
        class: Class,
        permission: &'static str,
    ) -> Self {
        let repeatable = method != Method::POST;
        Self { method, path, body: None, class, permission, route, repeatable }
    }

    /// Adds a body.
    pub(super) fn json(mut self, body: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(body).map_err(|e| ApiError::Client { reason: e.to_string() })?;
        self.body = Some(body);
        Ok(self)
    }

    /// Marks a POST that changes nothing.
    pub(super) fn harmless(mut self) -> Self {
        self.repeatable = true;
        self
    }

    /// How messages name it.
    pub(super) fn label(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// A text as the value of a query parameter.
pub(super) fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// A text as one segment of a path; `None` for the texts that cannot be one, however they are written.
pub(super) fn segment(text: &str) -> Option<String> {
    // URLs resolve `.` and `..`, even when percent-encoded, so that the call would go to another path.
    (!matches!(text, "" | "." | "..")).then(|| encoded(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_stays_a_segment() {
        assert_eq!(segment("events.received").as_deref(), Some("events.received"));
        assert_eq!(segment("a/../b c*?#%ä").as_deref(), Some("a%2F..%2Fb%20c%2A%3F%23%25%C3%A4"));
        for text in ["", ".", ".."] {
            assert_eq!(segment(text), None);
        }
    }
}
