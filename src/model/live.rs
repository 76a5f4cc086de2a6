//! What Datadog holds, and what bellwether last wrote there.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Document, Lazy};

/// Datadog's number for a monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MonitorId(pub u64);

impl std::fmt::Display for MonitorId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The hash of what was last applied, 12 hex digits, as in the `bellwether_rev:` tag.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rev(pub String);

impl std::fmt::Display for Rev {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A monitor as Datadog answered it.
///
/// The body stays text until somebody compares it: most monitors of a large organisation never are.
#[derive(Debug, Clone)]
pub struct LiveMonitor {
    /// Datadog's number.
    pub id: MonitorId,
    /// The name, as answered.
    pub name: String,
    /// Datadog's type, `query alert`.
    pub monitor_type: String,
    /// All tags, ours and others.
    pub tags: Vec<String>,
    /// The whole answer.
    pub body: Box<str>,
}

impl LiveMonitor {
    /// The organisation that it belongs to, as far as the API says.
    pub fn organisation(&self) -> Option<u64> {
        #[derive(Deserialize)]
        struct Owner {
            org_id: Option<u64>,
        }
        serde_json::from_str::<Owner>(&self.body).ok()?.org_id
    }

    /// Reads the parts that identify a monitor and keeps the rest as text.
    ///
    /// # Errors
    ///
    /// When the answer is not an object with a numeric `id`.
    pub fn from_json(body: impl Into<Box<str>>) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Head {
            id: u64,
            #[serde(default)]
            name: Option<String>,
            #[serde(default, rename = "type")]
            monitor_type: Option<String>,
            #[serde(default)]
            tags: Option<Vec<String>>,
        }
        let body = body.into();
        let head: Head = serde_json::from_str(&body)?;
        Ok(Self {
            id: MonitorId(head.id),
            name: head.name.unwrap_or_default(),
            monitor_type: head.monitor_type.unwrap_or_default(),
            tags: head.tags.unwrap_or_default(),
            body,
        })
    }

    /// The whole answer as an object.
    pub fn document(&self) -> Document {
        // `from_json` has parsed the same text as an object, so this cannot fail.
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// A metric's configuration as Datadog answered it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LiveMetric {
    /// Its metadata; `None` when Datadog has never seen the metric.
    pub metadata: Option<Document>,
    /// The attributes of its tag configuration, if it has one.
    pub tag_configuration: Option<Document>,
}

/// A complete read of one environment. A partial read never becomes one.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When the read ended.
    pub taken_at: jiff::Timestamp,
    /// The monitors that carry the environment's owner tag, ascending by id.
    pub monitors: Vec<LiveMonitor>,
    /// The metrics that were asked for, by name.
    pub metrics: BTreeMap<String, LiveMetric>,
}

/// What was last applied at an address, kept in the snapshot store as the base of three-way comparison.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// The monitor that was written; `None` for a metric configuration.
    pub id: Option<MonitorId>,
    /// The hash that was written into the `bellwether_rev:` tag.
    pub rev: Rev,
    /// The compiled document.
    pub document: Lazy<Document>,
    /// The parameters it was compiled from.
    pub parameters: Lazy<BTreeMap<String, Value>>,
    /// When it was written.
    pub applied_at: jiff::Timestamp,
    /// Where it was declared, as `file:line`.
    pub source: Option<String>,
}

/// What Datadog answered when it was asked whether it would accept a monitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It would be accepted.
    Accepted,
    /// It would be refused, for these reasons.
    Rejected(Vec<String>),
}

impl Applied {
    /// The metric that was configured, if it was one: a monitor has an id.
    pub fn metric(&self) -> Option<String> {
        let document = self.id.is_none().then(|| self.document.get())?;
        document.get("metric").and_then(Value::as_str).map(str::to_owned)
    }
}
