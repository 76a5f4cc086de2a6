//! What compiling produces: one node per managed resource.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::diag::Span;
use crate::model::{Address, Document};

/// What kind of thing a resource is in Datadog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceKind {
    /// A monitor.
    Monitor,
    /// A metric's metadata and tag configuration.
    Metric,
}

/// One resource that the schemas ask for.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its identity.
    pub address: Address,
    /// The addresses it had under the record's aliases.
    pub former: Vec<Address>,
    /// What it is.
    pub kind: ResourceKind,
    /// What is to be in Datadog: only what we set. `null` says that a field must not be set.
    /// A composite's query names its operands as `${address}`.
    pub document: Document,
    /// Where it was asked for.
    pub origin: Span,
    /// The parameters that the annotation or bellwether.toml sets, by name; all others have the catalog's defaults.
    pub parameters: BTreeMap<String, Parameter>,
    /// The resources it needs, each with the place that names it.
    pub needs: Vec<(Address, Span)>,
    /// What the aggregator has to run; for metrics.
    pub rule: Option<Rule>,
}

/// A parameter and who set it.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// The value.
    pub value: Value,
    /// The layer.
    pub set_by: SetBy,
    /// The place.
    pub span: Span,
}

/// The layers of parameters above the catalog's defaults, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetBy {
    /// `[defaults]`
    Defaults,
    /// `[environments.NAME.defaults]`
    Environment,
    /// A modifier such as `@priority`.
    Modifier,
    /// The annotation itself.
    Annotation,
}

impl SetBy {
    /// The layer in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Defaults => "[defaults]",
            Self::Environment => "the environment's defaults",
            Self::Modifier => "a modifier",
            Self::Annotation => "the annotation",
        }
    }
}

/// What the aggregator counts and publishes for one aggregate metric.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// The metric configuration it belongs to.
    pub address: Address,
    /// The record whose events are counted.
    pub record: String,
    /// The field whose values are the ids.
    pub field: String,
    /// The gauge that is published.
    pub metric: String,
    /// The unit of the rate: second, minute or hour.
    pub per: String,
    /// The window over which a rate is taken, in seconds.
    pub window_seconds: u64,
    /// How often the window moves on, in seconds.
    pub pane_seconds: u64,
    /// How many ranks are published.
    pub top: u64,
    /// How many different ids an hour may be published by name.
    pub ids_per_hour: u64,
    /// How many ids are counted exactly at a time.
    pub capacity: u64,
    /// Constant tags of every series.
    pub tags: Vec<String>,
    /// The most distinct time series that are published in a clock hour.
    pub series_per_hour: u64,
}

impl Rule {
    /// The series besides ranks and ids: the top rate, the sustained rate, `__other__`, the number of distinct
    /// ids, the share of the top ids, and the bound of the counting error.
    pub const FIXED_SERIES: u64 = 6;
}
