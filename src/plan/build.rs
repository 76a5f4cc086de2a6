//! Building a plan from the desired graph, the snapshot and what was last applied.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use serde_json::Value;

use super::matching::{Matching, match_monitors};
use super::types::{
    Action, ApiCalls, Blocked, Cause, Change, Drift, FORMAT_VERSION, FieldChange, Plan, PlanDiagnostic,
    SourceReference, Summary,
};
use super::{budget, guard, order};
use crate::catalog::{Builds, Catalog};
use crate::compile::{DesiredGraph, Node, ResourceKind};
use crate::config::{Budget, Guard, OnDrift};
use crate::diag::{Code, Diagnostic, Sources};
use crate::diff::{ChangedBy, FieldDifference};
use crate::model::{Address, Applied, Document, LiveMonitor, MonitorId, Snapshot};
use crate::parallel::in_parts;

/// Everything that a plan is made of.
pub struct Inputs<'a> {
    /// The environment's name.
    pub environment: &'a str,
    /// What the schemas ask for.
    pub graph: &'a DesiredGraph,
    /// The files, for places.
    pub sources: &'a Sources,
    /// The annotation kinds, for causes.
    pub catalog: &'a Catalog,
    /// What Datadog holds.
    pub snapshot: &'a Snapshot,
    /// What was last applied, by address.
    pub applied: &'a BTreeMap<Address, Applied>,
    /// Monitors that carry an address of ours and no longer the owner tag.
    pub disowned: &'a BTreeMap<Address, MonitorId>,
    /// What was deleted at each address, and when.
    pub deleted: &'a BTreeMap<Address, (MonitorId, Timestamp)>,
    /// Limits on what may be created.
    pub budget: &'a Budget,
    /// Brakes.
    pub guard: &'a Guard,
    /// What the user asked for.
    pub options: Options<'a>,
    /// Warnings of the earlier stages.
    pub diagnostics: &'a [Diagnostic],
    /// How many calls read the snapshot.
    pub read_calls: u64,
    /// The time that the plan is dated with.
    pub now: Timestamp,
}

/// A pattern of addresses and its test.
pub type Only<'a> = (&'a str, &'a (dyn Fn(&str) -> bool + Sync));

/// What the user asked for.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Whether edits made in Datadog are overwritten.
    pub reset_drift: bool,
    /// The number of deletes that the user has agreed to.
    pub allow_deletes: Option<u64>,
    /// Whether edits made in Datadog are told as such, whatever `on_drift` makes of them.
    pub report_drift: bool,
    /// Only these addresses: the pattern and its test.
    pub only: Option<Only<'a>>,
}

impl Inputs<'_> {
    /// Whether edits made in Datadog are overwritten.
    fn reverts(&self) -> bool {
        let Options { reset_drift, report_drift, .. } = self.options;
        reset_drift || (self.guard.on_drift == OnDrift::Revert && !report_drift)
    }
}

/// Builds the plan.
pub fn build(inputs: &Inputs<'_>) -> Plan {
    let mut matching = match_monitors(inputs.graph, &inputs.snapshot.monitors, inputs.applied);
    matching.set_copies_apart(inputs.graph, inputs.deleted, inputs.applied);
    let managed = (matching.matched.len() + matching.orphans.len()) as u64;
    let nodes: Vec<&Node> = inputs.graph.nodes().collect();
    // A monitor that lost its owner tag is still the operand that it was.
    let matched = matching.matched.iter().map(|(address, matched)| (address.as_str(), matched.live.id.0));
    let disowned = inputs.disowned.iter().map(|(address, id)| (address.as_str(), id.0));
    let ids: HashMap<&str, u64> = disowned.chain(matched).collect();
    // Who newly refers to a monitor that is replaced has to wait for its new id.
    let is_replaced =
        |node: &&&Node| matching.matched.get(&node.address).is_some_and(|m| m.is_of_another_type(node));
    let replaced: HashSet<&str> =
        nodes.iter().filter(is_replaced).map(|node| node.address.as_str()).collect();
    let parts = in_parts(&nodes, |nodes| {
        let mut builder = Builder::new(inputs, &ids, &replaced);
        for node in nodes {
            match node.kind {
                ResourceKind::Monitor => builder.monitor(node, matching.matched.get(&node.address)),
                ResourceKind::Metric => builder.metric(node),
            }
        }
        builder
    });
    let mut builder = Builder::new(inputs, &ids, &replaced);
    for part in parts {
        builder.join(part);
    }
    builder.orphans(&matching);
    builder.orphaned_metrics();
    let Builder { mut changes, mut deferred, mut drift, unchanged, mut blocked, diagnostics, .. } = builder;
    if let Some((_, matches)) = inputs.options.only {
        let kept = |address: &Address, from: Option<&Address>| {
            matches(address.as_str()) || from.is_some_and(|from| matches(from.as_str()))
        };
        changes.retain(|change| kept(&change.address, change.from.as_ref()));
        deferred.retain(|change| kept(&change.address, change.from.as_ref()));
        // A change is recorded with what it leaves as it was edited.
        let is_changed = |address: &Address| changes.iter().any(|change| change.address == *address);
        drift.retain(|drift| kept(&drift.address, None) || is_changed(&drift.address));
    }
    order::connect(&mut changes, inputs.graph);
    blocked.retain(|blocked| {
        let planned = |address: &Address| changes.iter().any(|change| change.address == *address);
        blocked.address.as_ref().is_none_or(planned)
    });
    blocked.extend(guard::judge_operands(&changes));
    changes.sort_by(|a, b| a.display_order().cmp(&b.display_order()));
    let mut plan = Plan {
        format_version: FORMAT_VERSION,
        environment: inputs.environment.to_owned(),
        organisation: inputs.snapshot.monitors.first().and_then(LiveMonitor::organisation),
        digest: String::new(),
        created_at: inputs.now,
        only: inputs.options.only.map(|(pattern, _)| pattern.to_owned()),
        against: None,
        summary: Summary { unchanged, ..Summary::default() },
        api_calls: ApiCalls { read: inputs.read_calls, write: 0 },
        budget: budget::line(inputs.graph, inputs.snapshot, inputs.budget),
        changes,
        deferred,
        drift,
        blocked,
        diagnostics: told(inputs, &matching, &diagnostics),
    };
    plan.blocked.extend(guard::judge(&plan, inputs.guard, managed, inputs.options.allow_deletes));
    if !inputs.reverts() {
        plan.blocked.extend(guard::judge_conflicts(&plan));
    }
    plan.blocked.extend(guard::judge_budget(inputs.graph, inputs.budget));
    plan.count();
    plan
}

fn told(inputs: &Inputs<'_>, matching: &Matching<'_>, found: &[Diagnostic]) -> Vec<PlanDiagnostic> {
    let clones = matching.clones.iter().map(|(address, id)| {
        let message = format!("monitor {id} is a copy of {address}; it is left alone");
        Diagnostic::new(Code::Clone, message)
            .with_help("remove its `bellwether:` tag in Datadog, or delete it there")
    });
    inputs
        .diagnostics
        .iter()
        .chain(found)
        .cloned()
        .chain(clones)
        .map(|d| PlanDiagnostic::new(&d, inputs.sources))
        .collect()
}

/// Collects what happens to each resource. What happens to a monitor stands in `monitor`, to a metric in `metric`.
pub(super) struct Builder<'a> {
    pub inputs: &'a Inputs<'a>,
    /// The ids of monitors that exist, by address, for composites.
    pub ids: &'a HashMap<&'a str, u64>,
    /// The addresses of monitors that are replaced, and so get another id.
    pub replaced: &'a HashSet<&'a str>,
    pub changes: Vec<Change>,
    pub deferred: Vec<Change>,
    pub drift: Vec<Drift>,
    pub blocked: Vec<Blocked>,
    pub diagnostics: Vec<Diagnostic>,
    pub unchanged: u64,
}

impl<'a> Builder<'a> {
    fn new(inputs: &'a Inputs<'a>, ids: &'a HashMap<&'a str, u64>, replaced: &'a HashSet<&'a str>) -> Self {
        Self {
            inputs,
            ids,
            replaced,
            changes: Vec::new(),
            deferred: Vec::new(),
            drift: Vec::new(),
            blocked: Vec::new(),
            diagnostics: Vec::new(),
            unchanged: 0,
        }
    }

    /// Adds what another one has found.
    fn join(&mut self, mut other: Self) {
        self.changes.append(&mut other.changes);
        self.deferred.append(&mut other.deferred);
        self.drift.append(&mut other.drift);
        self.blocked.append(&mut other.blocked);
        self.diagnostics.append(&mut other.diagnostics);
        self.unchanged += other.unchanged;
    }

    /// Divides differences into those that an apply writes and those that it leaves as somebody set them in Datadog.
    pub fn written_and_held(
        &self,
        differences: Vec<FieldDifference>,
    ) -> (Vec<FieldDifference>, Vec<FieldDifference>) {
        let reverts = self.inputs.reverts();
        differences.into_iter().partition(|d| reverts || d.changed_by != ChangedBy::Datadog)
    }

    /// A change of a desired resource without its content.
    pub fn change(&self, node: &Node, action: Action, id: Option<MonitorId>) -> Change {
        Change {
            address: node.address.clone(),
            kind: node.kind,
            action,
            id,
            from: None,
            recreates: None,
            source: Some(SourceReference::new(self.inputs.sources, node.origin)),
            fields: Vec::new(),
            effect: Vec::new(),
            before: Document::new(),
            after: Document::new(),
            depends_on: Vec::new(),
            parameters: node.parameters.iter().map(|(name, p)| (name.clone(), p.value.clone())).collect(),
        }
    }

    /// A delete without its content.
    pub fn removal(&self, address: &Address, kind: ResourceKind) -> Change {
        Change {
            address: address.clone(),
            kind,
            action: Action::Delete,
            id: None,
            from: None,
            recreates: None,
            source: self.last_source(address),
            fields: Vec::new(),
            effect: Vec::new(),
            before: Document::new(),
            after: Document::new(),
            depends_on: Vec::new(),
            parameters: BTreeMap::new(),
        }
    }

    /// The fields of a change, in the order in which people read them.
    pub fn fields(
        &self,
        node: &Node,
        differences: &[FieldDifference],
        applied: Option<&Applied>,
    ) -> Vec<FieldChange> {
        let mut fields: Vec<FieldChange> = differences.iter().map(|d| self.field(node, d, applied)).collect();
        fields.sort_by(|a, b| reading_order(&a.path).cmp(&reading_order(&b.path)));
        fields
    }

    fn field(&self, node: &Node, difference: &FieldDifference, applied: Option<&Applied>) -> FieldChange {
        let FieldDifference { path, base, live, desired, changed_by } = difference;
        FieldChange {
            path: path.clone(),
            before: live.clone(),
            after: desired.clone(),
            changed_by: *changed_by,
            base: base.clone().filter(|base| base != live && base != desired),
            causes: self.causes(node, path, applied),
        }
    }

    /// The parameters behind a field: those that changed since the last apply if that is known, else those that
    /// somebody set.
    fn causes(&self, node: &Node, path: &str, applied: Option<&Applied>) -> Vec<Cause> {
        let Some(kind) = self.inputs.catalog.kind(node.address.kind()) else { return Vec::new() };
        let names: Vec<&str> = match &kind.builds {
            Builds::Monitor(template) => {
                template.made_of.get(path).into_iter().flatten().map(String::as_str).collect()
            }
            Builds::Metric => kind.parameters.keys().map(String::as_str).collect(),
            Builds::RawMonitor => return Vec::new(),
        };
        let cause = |name: &str, before: Option<Value>| {
            let set = node.parameters.get(name);
            Cause {
                parameter: name.to_owned(),
                before,
                after: set.map_or_else(|| kind.default(name), |parameter| parameter.value.clone()),
                set_by: set.map(|parameter| parameter.set_by),
                source: set.map(|parameter| SourceReference::new(self.inputs.sources, parameter.span)),
            }
        };
        match applied.map(|applied| applied.parameters.get()) {
            Some(applied) => names
                .into_iter()
                .filter_map(|name| {
                    let before = applied.get(name).cloned().unwrap_or_else(|| kind.default(name));
                    let cause = cause(name, Some(before.clone()));
                    (cause.after != before).then_some(cause)
                })
                .collect(),
            None => names
                .into_iter()
                .filter(|name| node.parameters.contains_key(*name))
                .map(|name| cause(name, None))
                .collect(),
        }
    }

    fn last_source(&self, address: &Address) -> Option<SourceReference> {
        let text = self.inputs.applied.get(address)?.source.as_deref()?;
        let (file, line) = text.rsplit_once(':')?;
        Some(SourceReference { file: file.to_owned(), line: line.parse().ok()?, column: 1 })
    }
}

/// What a monitor watches comes before how it tells; its text comes last.
fn reading_order(path: &str) -> (usize, &str) {
    let first = ["type", "name", "query"];
    let rank = match path {
        "message" => 9,
        "tags" => 8,
        _ => first.iter().position(|known| *known == path).unwrap_or(5),
    };
    (rank, path)
}
