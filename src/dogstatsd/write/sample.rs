//! Lines of gauges and counts.

use super::Refused;
use super::tag::TagList;
use crate::dogstatsd::metric::is_plain;

/// A gauge or a count under construction. The fields are written in the order of Datadog's own clients.
#[derive(Debug, Clone)]
pub struct Sample {
    head: String,
    tags: TagList,
    timestamp: Option<u64>,
    has_origin: bool,
}

impl Sample {
    /// A gauge.
    pub fn gauge(name: &str, value: f64) -> Result<Self, Refused> {
        Self::new(name, value, "g")
    }

    /// A count.
    pub fn count(name: &str, value: f64) -> Result<Self, Refused> {
        Self::new(name, value, "c")
    }

    fn new(name: &str, value: f64, kind: &str) -> Result<Self, Refused> {
        if name.is_empty() || !name.bytes().all(is_plain) {
            return Err(Refused::BadName);
        }
        if !value.is_finite() {
            return Err(Refused::NotFinite);
        }
        // Adding nothing makes minus zero zero. `Display` gives the shortest digits that read the same, and no exponent.
        let head = format!("{name}:{}|{kind}", value + 0.0);
        Ok(Self { head, tags: TagList::default(), timestamp: None, has_origin: true })
    }

    /// Adds a tag, changed as [`tag_key`](super::tag_key) and [`tag_value`](super::tag_value) say.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push(key, value);
        self
    }

    /// Adds tags of the form `key:value`, likewise.
    pub fn tags(mut self, tags: &[String]) -> Self {
        self.tags.extend(tags);
        self
    }

    /// Makes the Agent leave out its host, so that the same series from two hosts is one.
    pub fn without_host(self) -> Self {
        self.tag("host", "")
    }

    /// Keeps the Agent from adding the tags of the sender's container.
    pub fn without_origin(mut self) -> Self {
        self.has_origin = false;
        self
    }

    /// Makes it the value of that second, which the Agent passes on as it is. Before 1970 there is none.
    pub fn at(mut self, unix_seconds: u64) -> Self {
        self.timestamp = Some(unix_seconds.max(1));
        self
    }

    /// The line, without a line break.
    pub fn line(&self) -> String {
        let timestamp = self.timestamp.map(|seconds| format!("|T{seconds}")).unwrap_or_default();
        let cardinality = if self.has_origin { "" } else { "|card:none" };
        [&self.head, self.tags.text(), &timestamp, cardinality].concat()
    }
}
