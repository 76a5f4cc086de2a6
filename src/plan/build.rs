//! Building a plan from the desired graph, the snapshot and what was last applied.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::matching::{How, Matched, Matching, match_monitors};
use super::types::{
    Action, ApiCalls, Cause, Change, Drift, FORMAT_VERSION, FieldChange, Plan, PlanDiagnostic, RECREATED,
    SourceReference, Summary,
};
use super::{base, budget, effect, guard, order};
use crate::catalog::{Builds, Catalog};
use crate::compile::{DesiredGraph, Node, ResourceKind, composite};
use crate::config::{Budget, Guard, OnDrift};
use crate::diag::{Code, Diagnostic, Sources};
use crate::diff::{Base, ChangedBy, FieldDifference, compare};
use crate::model::{Address, Applied, Document, LiveMetric, LiveMonitor, MonitorId, Rev, Snapshot};
use crate::normalise::{ADDRESS_TAG, REV_TAG, at, is_ignored, leaves, pick, put, rev};
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

/// Whether an address is meant.
pub type Test<'a> = &'a (dyn Fn(&str) -> bool + Sync);

/// What the user asked for.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// Whether edits made in Datadog are overwritten.
    pub reset_drift: bool,
    /// The number of deletes that the user has agreed to.
    pub allow_deletes: Option<u64>,
    /// Only these addresses: the pattern and its test.
    pub only: Option<(&'a str, Test<'a>)>,
}

/// Builds the plan.
pub fn build(inputs: &Inputs<'_>) -> Plan {
    let matching = match_monitors(inputs.graph, &inputs.snapshot.monitors, inputs.applied);
    let managed = (matching.matched.len() + matching.orphans.len()) as u64;
    let ids: HashMap<&str, u64> =
        matching.matched.iter().map(|(address, matched)| (address.as_str(), matched.live.id.0)).collect();
    let nodes: Vec<&Node> = inputs.graph.nodes().collect();
    let parts = in_parts(&nodes, |nodes| {
        let mut builder = Builder::new(inputs, &ids);
        for node in nodes {
            match node.kind {
                ResourceKind::Monitor => builder.monitor(node, matching.matched.get(&node.address)),
                ResourceKind::Metric => builder.metric(node),
            }
        }
        builder
    });
    let mut builder = Builder::new(inputs, &ids);
    for part in parts {
        builder.join(part);
    }
    builder.orphans(&matching);
    builder.orphaned_metrics();
    let Builder { mut changes, mut deferred, mut drift, unchanged, .. } = builder;
    if let Some((_, matches)) = inputs.options.only {
        let kept = |address: &Address, from: Option<&Address>| {
            matches(address.as_str()) || from.is_some_and(|from| matches(from.as_str()))
        };
        changes.retain(|change| kept(&change.address, change.from.as_ref()));
        deferred.retain(|change| kept(&change.address, change.from.as_ref()));
        drift.retain(|drift| kept(&drift.address, None));
    }
    order::connect(&mut changes, inputs.graph);
    changes.sort_by(|a, b| a.display_order().cmp(&b.display_order()));
    let mut plan = Plan {
        format_version: FORMAT_VERSION,
        environment: inputs.environment.to_owned(),
        digest: String::new(),
        created_at: inputs.now,
        only: inputs.options.only.map(|(pattern, _)| pattern.to_owned()),
        summary: Summary { unchanged, ..Summary::default() },
        api_calls: ApiCalls { read: inputs.read_calls, write: 0 },
        budget: budget::line(inputs.graph, inputs.snapshot, inputs.budget),
        changes,
        deferred,
        drift,
        blocked: Vec::new(),
        diagnostics: diagnostics(inputs, &matching),
    };
    plan.count();
    plan.blocked = guard::judge(&plan, inputs.guard, managed, inputs.options.allow_deletes);
    plan.blocked.extend(guard::judge_budget(inputs.graph, inputs.budget));
    plan
}

fn diagnostics(inputs: &Inputs<'_>, matching: &Matching<'_>) -> Vec<PlanDiagnostic> {
    let clones = matching.clones.iter().map(|(address, id)| {
        let message = format!("monitor {id} is a copy of {address}; it is left alone");
        Diagnostic::new(Code::Clone, message)
            .with_help("remove its `bellwether:` tag in Datadog, or delete it there")
    });
    inputs
        .diagnostics
        .iter()
        .cloned()
        .chain(clones)
        .map(|d| PlanDiagnostic::new(&d, inputs.sources))
        .collect()
}

struct Builder<'a> {
    inputs: &'a Inputs<'a>,
    /// The ids of matched monitors, for composites.
    ids: &'a HashMap<&'a str, u64>,
    changes: Vec<Change>,
    deferred: Vec<Change>,
    drift: Vec<Drift>,
    unchanged: u64,
}

impl<'a> Builder<'a> {
    fn new(inputs: &'a Inputs<'a>, ids: &'a HashMap<&'a str, u64>) -> Self {
        Self { inputs, ids, changes: Vec::new(), deferred: Vec::new(), drift: Vec::new(), unchanged: 0 }
    }

    /// Adds what another one has found.
    fn join(&mut self, mut other: Self) {
        self.changes.append(&mut other.changes);
        self.deferred.append(&mut other.deferred);
        self.drift.append(&mut other.drift);
        self.unchanged += other.unchanged;
    }

    fn monitor(&mut self, node: &Node, matched: Option<&Matched<'_>>) {
        let desired = self.resolved(node);
        let desired_rev = rev(&node.document);
        let Some(matched) = matched else {
            self.create(node, desired.into_owned(), &desired_rev);
            return;
        };
        let live = matched.live;
        let document = live.document();
        // A renamed monitor's base is kept under its former address.
        let base_address = match &matched.how {
            How::Renamed(from) => from,
            How::Address | How::Name => &node.address,
        };
        let applied = self.inputs.applied.get(base_address);
        let applied_document = applied.map(|applied| applied.document.get_or(&node.document));
        let known =
            applied.zip(applied_document.as_deref()).map(|(applied, document)| (&applied.rev, document));
        let base = base::of(node, &desired_rev, live, &document, known);
        let base_document;
        let base = match base {
            Base::Known(applied) if is_composite(&node.document) => {
                base_document = self.resolve_query(applied);
                Base::Known(&base_document)
            }
            other => other,
        };
        let differences = compare(&desired, &document, base);
        let revert = self.inputs.options.reset_drift || self.inputs.guard.on_drift == OnDrift::Revert;
        let (written, held): (Vec<_>, Vec<_>) =
            differences.into_iter().partition(|d| revert || d.changed_by != ChangedBy::Datadog);
        if !held.is_empty() {
            self.held(node, live, &document, &desired, &held, applied);
        }
        let tagged = base::live_rev(live).as_ref() == Some(&desired_rev);
        let action = match &matched.how {
            How::Renamed(_) => Action::Rename,
            How::Name => Action::Adopt,
            How::Address if written.iter().any(|d| d.path == "type") => Action::Replace,
            How::Address if !written.is_empty() || !tagged => Action::Update,
            How::Address => {
                self.unchanged += u64::from(held.is_empty());
                return;
            }
        };
        let mut after = desired.into_owned();
        for difference in &held {
            hold(&mut after, difference);
        }
        for difference in &written {
            if at(&after, &difference.path).is_none() {
                put(&mut after, &difference.path, Value::Null);
            }
        }
        set_rev(&mut after, &desired_rev);
        let before = own_part(&document, &after, &written);
        let mut fields: Vec<FieldChange> = written.iter().map(|d| self.field(node, d, applied)).collect();
        if fields.is_empty() && action == Action::Update {
            fields.push(FieldChange {
                path: "tags.bellwether_rev".to_owned(),
                before: base::live_rev(live).map_or(Value::Null, |rev| rev.0.into()),
                after: desired_rev.0.clone().into(),
                changed_by: ChangedBy::Schema,
                base: None,
                causes: Vec::new(),
            });
        }
        let effect = match action {
            Action::Rename => {
                let mut effects = vec!["same monitor: id and history are kept".to_owned()];
                effects.extend(
                    effect::of_update(&before, &after)
                        .into_iter()
                        .filter(|e| e != "alerting is unchanged" && e != "watches something else"),
                );
                effects
            }
            Action::Adopt => {
                let mut effects = vec!["managed from now on: id and history are kept".to_owned()];
                effects.extend(
                    effect::of_update(&before, &after).into_iter().filter(|e| e != "alerting is unchanged"),
                );
                effects
            }
            Action::Replace => vec![format!("NEW ID: history and mutes of {} are lost", live.id)],
            _ => effect::of_update(&before, &after),
        };
        let from = match &matched.how {
            How::Renamed(from) => Some(from.clone()),
            _ => None,
        };
        self.changes.push(Change {
            from,
            fields,
            effect,
            before,
            after,
            ..self.change(node, action, Some(live.id))
        });
    }

    fn change(&self, node: &Node, action: Action, id: Option<MonitorId>) -> Change {
        Change {
            address: node.address.clone(),
            kind: node.kind,
            action,
            id,
            from: None,
            source: Some(SourceReference::new(self.inputs.sources, node.origin)),
            fields: Vec::new(),
            effect: Vec::new(),
            before: Document::new(),
            after: Document::new(),
            depends_on: Vec::new(),
            parameters: node.parameters.iter().map(|(name, p)| (name.clone(), p.value.clone())).collect(),
        }
    }

    fn create(&mut self, node: &Node, mut after: Document, desired_rev: &Rev) {
        set_rev(&mut after, desired_rev);
        let known = self.inputs.applied.get(&node.address);
        let effect = match known.and_then(|applied| applied.id) {
            Some(id) => format!("{RECREATED} ({id}): created again, with a new id"),
            None => "new coverage".to_owned(),
        };
        self.changes.push(Change { effect: vec![effect], after, ..self.change(node, Action::Create, None) });
    }

    /// The desired document with a composite's operands as ids, as far as these exist.
    fn resolved<'n>(&self, node: &'n Node) -> Cow<'n, Document> {
        if is_composite(&node.document) {
            Cow::Owned(self.resolve_query(&node.document))
        } else {
            Cow::Borrowed(&node.document)
        }
    }

    fn resolve_query(&self, document: &Document) -> Document {
        let mut document = document.clone();
        if let Some(Value::String(query)) = document.get_mut("query") {
            *query = composite::resolve(query, |address| self.ids.get(address).copied());
        }
        document
    }

    fn held(
        &mut self,
        node: &Node,
        live: &LiveMonitor,
        document: &Document,
        desired: &Document,
        held: &[FieldDifference],
        applied: Option<&Applied>,
    ) {
        let mut edited = desired.clone();
        for difference in held {
            hold(&mut edited, difference);
        }
        let fields = held.iter().map(|difference| self.field(node, difference, applied)).collect();
        self.drift.push(Drift {
            address: node.address.clone(),
            kind: node.kind,
            id: Some(live.id),
            source: Some(SourceReference::new(self.inputs.sources, node.origin)),
            fields,
            effect: effect::of_update(desired, &edited),
            modified: document.get("modified").and_then(Value::as_str).map(str::to_owned),
        });
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

    fn metric(&mut self, node: &Node) {
        let name = node.document.get("metric").and_then(Value::as_str).unwrap_or_default();
        let empty = LiveMetric::default();
        let live = self.inputs.snapshot.metrics.get(name).unwrap_or(&empty);
        let document = metric_document(name, live);
        let applied = self.inputs.applied.get(&node.address);
        // A metric has no tag for a rev: without the snapshot, the schemas win.
        let applied_document = applied.map(|applied| applied.document.get_or(&node.document));
        let base = applied_document.as_deref().map_or(Base::LiveInOurFields, Base::Known);
        let differences = compare(&node.document, &document, base);
        let revert = self.inputs.options.reset_drift || self.inputs.guard.on_drift == OnDrift::Revert;
        let (written, held): (Vec<_>, Vec<_>) =
            differences.into_iter().partition(|d| revert || d.changed_by != ChangedBy::Datadog);
        let series = node.rule.as_ref().map_or(0, |rule| rule.series_per_hour);
        let was = budget::live_series(live);
        let effect = match was {
            Some(was) if was == series => "the number of series is unchanged".to_owned(),
            was => format!("{:+} custom metrics an hour at most", series as i64 - was.unwrap_or(0) as i64),
        };
        let action = if was.is_some() { Action::Update } else { Action::Create };
        let change = Change {
            fields: written.iter().map(|difference| self.field(node, difference, applied)).collect(),
            effect: vec![effect],
            before: if was.is_some() {
                pick(&document, leaves(&node.document).into_keys())
            } else {
                Document::new()
            },
            after: node.document.clone(),
            ..self.change(node, action, None)
        };
        if live.metadata.is_none() {
            self.deferred.push(change);
            return;
        }
        if !held.is_empty() && was.is_some() {
            let fields = held.iter().map(|difference| self.field(node, difference, applied)).collect();
            self.drift.push(Drift {
                address: node.address.clone(),
                kind: node.kind,
                id: None,
                source: change.source.clone(),
                fields,
                effect: vec!["the metric's configuration differs from the schemas".to_owned()],
                modified: None,
            });
        }
        if written.is_empty() {
            self.unchanged += u64::from(held.is_empty());
        } else {
            let mut change = change;
            for difference in &held {
                put(&mut change.after, &difference.path, difference.live.clone());
            }
            self.changes.push(change);
        }
    }

    fn orphans(&mut self, matching: &Matching<'_>) {
        for (address, live) in &matching.orphans {
            let document = live.document();
            let others = self
                .inputs
                .graph
                .nodes()
                .filter(|node| {
                    node.kind == ResourceKind::Monitor
                        && same_event(node.address.subject(), address.subject())
                })
                .count();
            let paths = leaves(&document).into_keys().filter(|path| !is_ignored(path));
            self.changes.push(Change {
                address: address.clone(),
                kind: ResourceKind::Monitor,
                action: Action::Delete,
                id: Some(live.id),
                from: None,
                source: self.last_source(address),
                fields: Vec::new(),
                effect: effect::of_delete(&document, others),
                before: pick(&document, paths),
                after: Document::new(),
                depends_on: Vec::new(),
                parameters: BTreeMap::new(),
            });
        }
    }

    /// Metrics that were configured and that nobody asks for any more. Their metadata cannot be deleted; their tag
    /// configuration can.
    fn orphaned_metrics(&mut self) {
        let name_of = |document: &Document| document.get("metric").and_then(Value::as_str).map(str::to_owned);
        let wanted: BTreeSet<String> =
            self.inputs.graph.nodes().filter_map(|node| name_of(&node.document)).collect();
        // A monitor has an id.
        for (address, applied) in self.inputs.applied.iter().filter(|(_, applied)| applied.id.is_none()) {
            let document = applied.document.get();
            let Some(name) = name_of(&document).filter(|name| !wanted.contains(name)) else {
                continue;
            };
            if self.inputs.graph.get(address).is_some_and(|node| node.document == document) {
                continue;
            }
            let live = self.inputs.snapshot.metrics.get(&name);
            let Some(live) = live.filter(|live| live.tag_configuration.is_some()) else { continue };
            let series = budget::live_series(live).unwrap_or(0);
            self.changes.push(Change {
                address: address.clone(),
                kind: ResourceKind::Metric,
                action: Action::Delete,
                id: None,
                from: None,
                source: self.last_source(address),
                fields: Vec::new(),
                effect: vec![format!("-{series} custom metrics; the tag configuration of {name} is removed")],
                before: metric_document(&name, live),
                after: Document::new(),
                depends_on: Vec::new(),
                parameters: BTreeMap::new(),
            });
        }
    }

    fn last_source(&self, address: &Address) -> Option<SourceReference> {
        let text = self.inputs.applied.get(address)?.source.as_deref()?;
        let (file, line) = text.rsplit_once(':')?;
        Some(SourceReference { file: file.to_owned(), line: line.parse().ok()?, column: 1 })
    }
}

/// Whether two subjects belong to one event: they are equal, or one is a field of the other.
fn same_event(one: &str, other: &str) -> bool {
    let field_of = |long: &str, short: &str| {
        long.strip_prefix(short)
            .and_then(|rest| rest.strip_prefix('.'))
            .is_some_and(|field| !field.contains('.'))
    };
    one == other || field_of(one, other) || field_of(other, one)
}

fn is_composite(document: &Document) -> bool {
    document.get("type").and_then(Value::as_str) == Some("composite")
}

/// Puts the live value of a held field in place of the schemas'.
fn hold(after: &mut Document, difference: &FieldDifference) {
    if difference.path == "tags" {
        let mut tags: Vec<Value> = difference.live.as_array().cloned().unwrap_or_default();
        let own = after.get("tags").and_then(Value::as_array).into_iter().flatten();
        tags.extend(own.filter(|tag| tag.as_str().is_some_and(|tag| tag.starts_with(ADDRESS_TAG))).cloned());
        after.insert("tags".to_owned(), Value::Array(tags));
    } else {
        put(after, &difference.path, difference.live.clone());
    }
}

fn set_rev(after: &mut Document, rev: &Rev) {
    let tags = after.entry("tags").or_insert_with(|| json!([]));
    if let Value::Array(tags) = tags {
        tags.push(format!("{REV_TAG}{rev}").into());
    }
}

/// The part of the live document that `after` speaks of. Of the tags, those that are or were ours.
fn own_part(live: &Document, after: &Document, written: &[FieldDifference]) -> Document {
    let mut before = pick(live, leaves(after).into_keys());
    let ours: BTreeSet<&str> = {
        let after_tags = after.get("tags").and_then(Value::as_array).into_iter().flatten();
        let live_tags =
            written.iter().filter(|d| d.path == "tags").filter_map(|d| d.live.as_array()).flatten();
        after_tags.chain(live_tags).filter_map(Value::as_str).collect()
    };
    if let Some(Value::Array(tags)) = before.get_mut("tags") {
        tags.retain(|tag| {
            tag.as_str().is_some_and(|tag| {
                ours.contains(tag) || tag.starts_with(ADDRESS_TAG) || tag.starts_with(REV_TAG)
            })
        });
    }
    before
}

/// A live metric in the shape of a compiled one.
pub fn metric_document(name: &str, live: &LiveMetric) -> Document {
    let mut document = Document::new();
    document.insert("metric".to_owned(), name.into());
    if let Some(metadata) = &live.metadata {
        document.insert("metadata".to_owned(), Value::Object(metadata.clone()));
    }
    if let Some(configuration) = &live.tag_configuration {
        document.insert("tag_configuration".to_owned(), Value::Object(configuration.clone()));
    }
    document
}
