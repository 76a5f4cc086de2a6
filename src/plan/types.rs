//! The plan's types, which are also its file format (`docs/plan.schema.json`).

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::compile::{ResourceKind, SetBy};
use crate::diag::{Diagnostic, Severity, Sources, Span};
use crate::diff::ChangedBy;
use crate::model::{Address, Document, MonitorId};
use crate::normalise::{REV_TAG, hex, plain_numbers};

/// The version of the plan's format. It grows when an older reader would misunderstand a newer plan.
pub const FORMAT_VERSION: u32 = 1;

/// The field of an update that writes nothing but the hash of what is applied.
pub const REV_FIELD: &str = "tags.bellwether_rev";

/// The field of a drift whose monitor has lost the environment's tag.
pub const OWNER_FIELD: &str = "tags.owner";

/// Everything that an apply would do, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The environment it was made for.
    pub environment: String,
    /// Datadog's number of the organisation it was made for, as the live monitors say; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organisation: Option<u64>,
    /// SHA-256 over the environment, the organisation and all changes; equal plans have equal digests.
    pub digest: String,
    /// When it was made; the only part that differs between two runs over the same input.
    pub created_at: Timestamp,
    /// The `--only` pattern, when the plan covers only some addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// What the schemas were compared with instead of Datadog: such a plan cannot be applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// How many changes of each kind there are.
    pub summary: Summary,
    /// Calls to Datadog.
    pub api_calls: ApiCalls,
    /// Custom metrics and their cost.
    pub budget: BudgetLine,
    /// The changes, in the order of display.
    pub changes: Vec<Change>,
    /// Metric configurations that wait until Datadog has seen the metric.
    pub deferred: Vec<Change>,
    /// Fields that were edited in Datadog and are left as they are.
    pub drift: Vec<Drift>,
    /// Guards that keep this plan from being applied.
    pub blocked: Vec<Blocked>,
    /// Warnings about the schemas, and what Datadog says of the changes.
    pub diagnostics: Vec<PlanDiagnostic>,
}

/// How many changes of each kind there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// New resources.
    pub create: u64,
    /// Changed resources.
    pub update: u64,
    /// Resources that go on under another address.
    pub rename: u64,
    /// Monitors found by name and tag.
    pub adopt: u64,
    /// Monitors that cannot be changed in place.
    pub replace: u64,
    /// Resources that go.
    pub delete: u64,
    /// Resources that are as they should be.
    pub unchanged: u64,
    /// Resources with fields that were edited in Datadog.
    pub drifted: u64,
}

impl Summary {
    /// How many changes there are of each kind, as people call it; kinds of which there is none are left out.
    pub fn changes(&self) -> impl Iterator<Item = (u64, &'static str)> {
        [
            (self.create, "create"),
            (self.update, "change"),
            (self.rename, "rename"),
            (self.adopt, "adopt"),
            (self.replace, "replace"),
            (self.delete, "delete"),
        ]
        .into_iter()
        .filter(|(number, _)| *number > 0)
    }
}

/// Calls to Datadog.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiCalls {
    /// Calls that read the live state for this plan.
    pub read: u64,
    /// Calls that an apply of this plan makes to write.
    pub write: u64,
}

/// Custom metrics and their cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct BudgetLine {
    /// The most distinct time series in an hour, all aggregate metrics together.
    pub custom_metrics: u64,
    /// The limit of `[budget]`.
    pub limit: u64,
    /// The difference to what is configured now.
    pub delta: i64,
    /// What they cost in a month, in dollars.
    pub monthly_cost: f64,
}

/// What happens to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It goes on under another address, with id and history.
    Rename,
    /// A monitor with our owner tag and the expected name becomes ours, with id and history.
    Adopt,
    /// It is made anew, since Datadog cannot change a monitor's type in place.
    Replace,
    /// It is removed.
    Delete,
}

impl Action {
    /// The word for it, as in the plan's format.
    pub fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Rename => "rename",
            Self::Adopt => "adopt",
            Self::Replace => "replace",
            Self::Delete => "delete",
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The resource.
    pub address: Address,
    /// What it is.
    pub kind: ResourceKind,
    /// What happens to it.
    pub action: Action,
    /// The live monitor; absent for creates and metrics.
    pub id: Option<MonitorId>,
    /// The former address; for renames.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Address>,
    /// The monitor that was applied here and that somebody deleted in Datadog; for creates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recreates: Option<MonitorId>,
    /// Where the schemas ask for it; for deletes, where they last did, as far as known.
    pub source: Option<SourceReference>,
    /// What differs.
    pub fields: Vec<FieldChange>,
    /// What it means for alerting.
    pub effect: Vec<String>,
    /// What is live, in the fields that we set; a delete has them all.
    pub before: Document,
    /// What is to be live, in the fields that we set; null unsets one.
    pub after: Document,
    /// Changes of this plan that must be done before.
    pub depends_on: Vec<Address>,
    /// The parameters that the annotation or bellwether.toml sets, kept with what is applied.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Value>,
}

/// A place in the project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReference {
    /// The path, relative to the project.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl SourceReference {
    /// Where a span starts.
    pub fn new(sources: &Sources, span: Span) -> Self {
        let position = sources.position(span);
        Self { file: sources.file(span.file).path.clone(), line: position.line, column: position.column }
    }
}

impl std::fmt::Display for SourceReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The path, `options.thresholds.critical`.
    pub path: String,
    /// What is live; null is "not set".
    pub before: Value,
    /// What the schemas ask for; null is "not set".
    pub after: Value,
    /// Who changed it since it was last applied.
    pub changed_by: ChangedBy,
    /// What was last applied, where it is neither of the two.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub base: Option<Value>,
    /// The parameters that it comes from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
}

/// A value that is there, even when it is null.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A parameter that a field comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// Its name.
    pub parameter: String,
    /// Its value when it was last applied, if that is known.
    #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// Its value now.
    pub after: Value,
    /// The layer that sets it; absent when it is the catalog's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_by: Option<SetBy>,
    /// Where it is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceReference>,
}

/// A resource with fields that were edited in Datadog and are left as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// The resource.
    pub address: Address,
    /// What it is.
    pub kind: ResourceKind,
    /// The live monitor.
    pub id: Option<MonitorId>,
    /// Where the schemas ask for it.
    pub source: Option<SourceReference>,
    /// The fields: `before` is live, `after` is what the schemas ask for.
    pub fields: Vec<FieldChange>,
    /// What the edit means for alerting.
    pub effect: Vec<String>,
    /// When the monitor was last modified, as Datadog says.
    pub modified: Option<String>,
}

/// A diagnostic as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlanDiagnostic {
    /// The stable code.
    pub code: String,
    /// `error` or `warning`.
    pub severity: String,
    /// What is wrong.
    pub message: String,
    /// Where.
    pub source: Option<SourceReference>,
    /// What to do.
    pub help: Vec<String>,
}

impl PlanDiagnostic {
    /// The data of a diagnostic.
    pub fn new(diagnostic: &Diagnostic, sources: &Sources) -> Self {
        let severity = match diagnostic.severity() {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Self {
            code: diagnostic.code.as_str().to_owned(),
            severity: severity.to_owned(),
            message: diagnostic.message.clone(),
            source: diagnostic.primary.as_ref().map(|label| SourceReference::new(sources, label.span)),
            help: diagnostic.helps.clone(),
        }
    }
}

/// A guard that holds a plan back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// The guard: `max_deletes`, `conflict`, `referenced`, `claimed`, `foreign_metric`, `operand`, `custom_metrics`, `max_per_event`
    /// or `max_monitors`.
    pub guard: String,
    /// The resource that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// What is wrong.
    pub message: String,
    /// What to do if it is right.
    pub help: String,
}

/// A file that is not a plan, or not one that this version can use.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// The text is not JSON of a plan's shape.
    #[error("it is not a plan: {0}")]
    NotAPlan(String),
    /// It has another format.
    #[error(
        "its format is version {found}, this bellwether reads version {FORMAT_VERSION}; make the plan again"
    )]
    Version {
        /// The version it says it has.
        found: u64,
    },
    /// Its digest is not that of its changes.
    #[error("its digest does not fit its changes: the file was edited; make the plan again")]
    Digest,
}

impl Plan {
    /// What is asked for: what an apply does, and what it would as soon as Datadog knows of the metric.
    pub fn asked_for(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().chain(&self.deferred)
    }

    /// Whether an apply would have nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Whether a diagnostic of the plan is an error.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == "error")
    }

    /// The digest of everything that an apply reads, guards included. No time, no place in a file and no commit is
    /// in it, so that it survives a rebase.
    ///
    /// Numbers are hashed in one notation: a tool that prints `1.0` as `1` does not change it.
    pub fn compute_digest(&self) -> String {
        let paths =
            |fields: &[FieldChange]| -> Value { fields.iter().map(|field| field.path.as_str()).collect() };
        let changes = self.changes.iter().map(|change| {
            let Change {
                address, kind, action, id, from, fields, before, after, depends_on, parameters, ..
            } = change;
            json!([address, kind, action, id, from, paths(fields), before, after, depends_on, parameters])
        });
        let drift = self.drift.iter().map(|drift| {
            let fields = drift
                .fields
                .iter()
                .map(|field| json!([field.path, field.before, field.after, field.changed_by]));
            json!([drift.address, fields.collect::<Vec<_>>()])
        });
        let (changes, drift): (Vec<Value>, Vec<Value>) = (changes.collect(), drift.collect());
        let mut all = vec![
            json!(FORMAT_VERSION),
            json!(self.environment),
            json!(self.organisation),
            json!(self.only),
            json!(changes),
            json!(drift),
            json!(self.blocked),
        ];
        // A plan that can be applied keeps the digest that it had before there were others.
        all.extend(self.against.as_ref().map(|against| json!(against)));
        let all = Value::Array(all);
        hex(&Sha256::digest(plain_numbers(&all).to_string().as_bytes()))
    }

    /// How many monitors would be gone or have a new id.
    pub fn monitor_deletes(&self) -> u64 {
        let gone = |change: &&Change| {
            change.kind == ResourceKind::Monitor && matches!(change.action, Action::Delete | Action::Replace)
        };
        self.changes.iter().filter(gone).count() as u64
    }

    /// The first eight digits of the digest, by which people call a plan.
    pub fn short_digest(&self) -> &str {
        self.digest.get(..8).unwrap_or(&self.digest)
    }

    /// Counts the changes and the calls they take.
    pub fn count(&mut self) {
        let mut summary = Summary { unchanged: self.summary.unchanged, ..Summary::default() };
        for change in &self.changes {
            *match change.action {
                Action::Create => &mut summary.create,
                Action::Update => &mut summary.update,
                Action::Rename => &mut summary.rename,
                Action::Adopt => &mut summary.adopt,
                Action::Replace => &mut summary.replace,
                Action::Delete => &mut summary.delete,
            } += 1;
        }
        summary.drifted = self.drift.len() as u64;
        self.summary = summary;
        self.api_calls.write = self.changes.iter().map(Change::write_calls).sum();
        self.digest = self.compute_digest();
    }

    /// Reads a saved plan.
    ///
    /// # Errors
    ///
    /// When the text is not a plan, is of another version, or was edited.
    pub fn from_json(text: &str) -> Result<Self, PlanFileError> {
        let value: Value = serde_json::from_str(text).map_err(|e| PlanFileError::NotAPlan(e.to_string()))?;
        match value.get("format_version").and_then(Value::as_u64) {
            Some(version) if version == u64::from(FORMAT_VERSION) => {}
            Some(found) => return Err(PlanFileError::Version { found }),
            None => return Err(PlanFileError::NotAPlan("it has no `format_version`".to_owned())),
        }
        let plan: Self = serde_json::from_value(value).map_err(|e| PlanFileError::NotAPlan(e.to_string()))?;
        if plan.digest != plan.compute_digest() {
            return Err(PlanFileError::Digest);
        }
        Ok(plan)
    }
}

impl Change {
    /// Its address, and the one that it had.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        std::iter::once(&self.address).chain(&self.from)
    }

    /// How many calls to Datadog write this change.
    pub fn write_calls(&self) -> u64 {
        match (self.kind, self.action) {
            (ResourceKind::Monitor, Action::Replace) => 2,
            (ResourceKind::Monitor, _) | (ResourceKind::Metric, Action::Delete) => 1,
            (ResourceKind::Metric, _) => {
                let parts: BTreeSet<&str> =
                    self.fields.iter().filter_map(|field| field.path.split('.').next()).collect();
                parts.len() as u64
            }
        }
    }

    /// Whether this makes a monitor again that somebody deleted in Datadog.
    pub fn is_recreated(&self) -> bool {
        self.recreates.is_some()
    }

    /// The part of a conflicting change that was edited in Datadog.
    pub fn live_side(&self) -> Option<Drift> {
        let both = self.fields.iter().filter(|field| field.changed_by == ChangedBy::Both);
        let fields: Vec<FieldChange> = both.cloned().collect();
        (!fields.is_empty()).then(|| Drift {
            address: self.address.clone(),
            kind: self.kind,
            id: self.id,
            source: self.source.clone(),
            fields,
            effect: vec!["changed in the schemas as well".to_owned()],
            modified: None,
        })
    }

    /// The tag with the hash of what is to be applied.
    pub fn rev_tag(&self) -> Option<&str> {
        let tags = self.after.get("tags").and_then(Value::as_array)?;
        tags.iter().filter_map(Value::as_str).find(|tag| tag.starts_with(REV_TAG))
    }

    /// The tags that were ours and are no longer.
    pub fn removed_tags(&self) -> Vec<String> {
        let tags = |document: &Document| -> BTreeSet<String> {
            let tags = document.get("tags").and_then(Value::as_array).into_iter().flatten();
            tags.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        tags(&self.before).difference(&tags(&self.after)).cloned().collect()
    }

    /// The order of display: by action, then by address, so that deletes stand where a terminal stops scrolling.
    pub fn display_order(&self) -> (Action, &Address) {
        (self.action, &self.address)
    }
}
