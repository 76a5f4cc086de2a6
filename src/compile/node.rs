//! What compiling produces: one node per managed resource.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aggregate::Rule;
use crate::diag::Span;
use crate::model::{Address, Document};

/// What kind of thing a resource is in Datadog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
