//! The catalog: which annotation kinds there are, what they take and what they build.
//!
//! Kinds are data, in TOML files of one format: the embedded `builtin.toml` and a repository's own.

mod load;
mod modifier;
mod parameter;
mod template;

use std::collections::BTreeMap;

use serde_json::Value as Json;

pub use load::CONTEXT;
pub use modifier::{MODIFIERS, Modifier};
pub use parameter::{Parameter, ParameterType, Refusal, handle};
pub use template::{Evaluator, Names, Template, Templates, context};

use crate::suggest::closest;

/// The annotation kinds that bellwether was built with.
pub const BUILTIN: &str = include_str!("builtin.toml");

/// All annotation kinds of a project.
pub struct Catalog {
    /// The kinds by name.
    pub kinds: BTreeMap<String, Kind>,
    /// The compiled templates of all kinds.
    pub templates: Templates,
    /// What every message ends with.
    pub footer: Template,
}

/// One annotation kind.
#[derive(Debug, Clone)]
pub struct Kind {
    /// The annotation's name, without `@`.
    pub name: String,
    /// Where the annotation stands.
    pub on: On,
    /// What it builds.
    pub builds: Builds,
    /// One sentence for people.
    pub summary: String,
    /// An annotation that works as it is.
    pub example: String,
    /// The parameters, those of all monitors included.
    pub parameters: BTreeMap<String, Parameter>,
    /// Conditions among the parameters.
    pub checks: Vec<Check>,
    /// An annotation that must stand on the same field.
    pub needs: Option<String>,
    /// Whether it comes with bellwether.
    pub builtin: bool,
}

/// Where an annotation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Before a record.
    Record,
    /// Before a field's name.
    Field,
}

/// What a kind builds.
#[derive(Debug, Clone)]
pub enum Builds {
    /// A monitor from templates.
    Monitor(MonitorTemplate),
    /// The monitor that the annotation's value is.
    RawMonitor,
    /// An aggregate metric.
    Metric,
}

/// The templates of a monitor.
#[derive(Debug, Clone)]
pub struct MonitorTemplate {
    /// Datadog's monitor type.
    pub monitor_type: String,
    /// The name.
    pub name: Template,
    /// The query.
    pub query: Template,
    /// The message.
    pub message: Template,
    /// The options: path below `options`, then its template.
    pub options: Vec<(Vec<String>, Template)>,
    /// Which parameters each part of the monitor is made of, by path (`query`, `options.thresholds.critical`).
    pub made_of: BTreeMap<String, Vec<String>>,
}

/// A condition among parameters.
#[derive(Debug, Clone)]
pub struct Check {
    /// The expression that must hold.
    pub that: String,
    /// What to say when it does not.
    pub message: String,
    /// The parameter to point at.
    pub parameter: String,
}

impl Catalog {
    /// The kind of that name.
    pub fn kind(&self, name: &str) -> Option<&Kind> {
        self.kinds.get(name)
    }

    /// The known annotation, kind or modifier, that `name` is most likely a misspelling of.
    pub fn closest(&self, name: &str) -> Option<&str> {
        let modifiers = MODIFIERS.iter().map(|modifier| modifier.name);
        closest(name, self.kinds.keys().map(String::as_str).chain(modifiers))
    }
}

impl Kind {
    /// The parameter that `name` is most likely a misspelling of.
    pub fn closest_parameter(&self, name: &str) -> Option<&str> {
        closest(name, self.parameters.keys().map(String::as_str).chain(["id"]))
    }

    /// The default of a parameter, null without one.
    pub fn default(&self, parameter: &str) -> Json {
        self.parameters.get(parameter).map_or(Json::Null, |parameter| parameter.default.clone())
    }
}

impl On {
    /// Where the annotation stands, in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Field => "field",
        }
    }
}
