//! What happens to the configuration of one aggregate metric.
//!
//! A metric has no tags of its own: its description carries the address and the rev.

use std::collections::BTreeSet;

use serde_json::Value;

use super::build::Builder;
use super::mark::{Mark, mark_of, metric_document};
use super::types::{Action, Blocked, Change, Drift};
use crate::compile::{Node, ResourceKind};
use crate::diff::{Base, compare};
use crate::model::{Document, LiveMetric};
use crate::normalise::{leaves, pick, put};

impl Builder<'_> {
    /// Plans one desired metric.
    pub(super) fn metric(&mut self, node: &Node) {
        let name = node.document.get("metric").and_then(Value::as_str).unwrap_or_default();
        let empty = LiveMetric::default();
        let live = self.inputs.snapshot.metrics.get(name).unwrap_or(&empty);
        let document = metric_document(name, live);
        // What was applied to another metric at the same address says nothing of this one.
        let records = std::iter::once(&node.address).chain(&node.former);
        let mut records = records.filter_map(|address| self.inputs.applied.get(address));
        let applied = records.find(|applied| applied.metric().as_deref() == Some(name));
        let mark = mark_of(&document);
        let owner = mark_of(&node.document).map(|mark| mark.owner.to_owned());
        if mark.as_ref().is_some_and(|mark| self.is_known(node, mark) && Some(mark.owner) != owner.as_deref())
        {
            // Another environment of this organisation has configured the metric that both publish: one is enough.
            self.unchanged += 1;
            return;
        }
        let ours =
            applied.is_some() || mark.as_ref().is_some_and(|mark| Some(mark.owner) == owner.as_deref());
        let applied_document = applied.map(|applied| applied.document.get_or(&node.document));
        let base = base(node, mark.as_ref(), applied_document.as_deref());
        let (mut written, mut held) = self.written_and_held(compare(&node.document, &document, base));
        if live.tag_configuration.is_none() {
            // What is missing as a whole is made again, like a monitor. It may be that an apply was killed before it.
            written
                .extend(held.extract_if(.., |difference| difference.path.starts_with("tag_configuration.")));
        }
        let series = node.rule.as_ref().map_or(0, |rule| rule.series_per_hour);
        let was = mark.as_ref().map(|mark| mark.series);
        let mut effect = vec![match was {
            Some(was) if was == series => "the number of series is unchanged".to_owned(),
            was => format!("{:+} custom metrics an hour at most", series as i64 - was.unwrap_or(0) as i64),
        }];
        if let Some(unit) = written.iter().find(|d| d.path == "metadata.per_unit" && ours) {
            // Thresholds are thought in the metric's unit: the same number now means something else.
            let unit_of = |value: &Value| value.as_str().unwrap_or("?").to_owned();
            let (from, to) = (unit_of(&unit.live), unit_of(&unit.desired));
            effect.push(format!("RATES ARE PER {to} NOW, were per {from}: check every threshold on it"));
        }
        let action = if ours { Action::Update } else { Action::Create };
        let mut change = Change {
            fields: self.fields(node, &written, applied),
            effect,
            before: pick(&document, leaves(&node.document).into_keys()),
            after: node.document.clone(),
            ..self.change(node, action, None)
        };
        if live.metadata.is_none() {
            change.action = Action::Create;
            self.deferred.push(change);
            return;
        }
        if !held.is_empty() {
            self.drift.push(Drift {
                address: node.address.clone(),
                kind: node.kind,
                id: None,
                source: change.source.clone(),
                fields: self.fields(node, &held, applied),
                effect: vec!["the metric's configuration differs from the schemas".to_owned()],
                modified: None,
            });
        }
        if written.is_empty() {
            self.unchanged += u64::from(held.is_empty());
            return;
        }
        if !ours && is_configured(live) {
            self.blocked.push(Blocked {
                guard: "foreign_metric".to_owned(),
                address: Some(node.address.clone()),
                message: format!("{name} of {} is configured already, and not by bellwether", node.address),
                help: "give it another `metric`, or clear its description and tag configuration in Datadog to hand it over"
                    .to_owned(),
            });
        }
        for difference in &held {
            put(&mut change.after, &difference.path, difference.live.clone());
        }
        self.changes.push(change);
    }

    /// Whether a live mark is that of this metric, under its present or a former address.
    fn is_known(&self, node: &Node, mark: &Mark<'_>) -> bool {
        let is = |address: &crate::model::Address| address.as_str() == mark.address;
        is(&node.address) || node.former.iter().any(is) || self.inputs.applied.keys().any(is)
    }

    /// Plans the removal of tag configurations that nobody asks for any more. Metadata cannot be deleted.
    pub(super) fn orphaned_metrics(&mut self) {
        let name_of = |document: &Document| document.get("metric").and_then(Value::as_str).map(str::to_owned);
        let wanted: BTreeSet<String> =
            self.inputs.graph.nodes().filter_map(|node| name_of(&node.document)).collect();
        for (address, applied) in self.inputs.applied {
            let Some(name) = applied.metric().filter(|name| !wanted.contains(name)) else {
                continue;
            };
            // Where the address goes on with another metric, the old configuration stays: it costs nothing once
            // nobody publishes the metric.
            if self.inputs.graph.get(address).is_some() {
                continue;
            }
            let live = self.inputs.snapshot.metrics.get(&name);
            let Some(live) = live.filter(|live| live.tag_configuration.is_some()) else { continue };
            let document = metric_document(&name, live);
            // By now it may be somebody else's.
            let recorded = applied.document.get();
            let owner = mark_of(&recorded).map(|mark| mark.owner);
            let is_ours = |mark: &Mark<'_>| mark.address == address.as_str() && Some(mark.owner) == owner;
            let Some(mark) = mark_of(&document).filter(is_ours) else { continue };
            let series = mark.series;
            let change = self.removal(address, ResourceKind::Metric);
            self.changes.push(Change {
                effect: vec![format!("-{series} custom metrics; the tag configuration of {name} is removed")],
                before: document,
                ..change
            });
        }
    }
}

/// The base of the three-way comparison: what was applied, if the mark says that it is still what was written last.
fn base<'d>(node: &Node, live: Option<&Mark<'_>>, applied: Option<&'d Document>) -> Base<'d> {
    let rev_of = |document: &Document| mark_of(document).map(|mark| mark.rev.to_owned());
    let applied_rev = applied.and_then(rev_of);
    match (live, applied) {
        (Some(mark), _) if rev_of(&node.document).as_deref() == Some(mark.rev) => Base::Desired,
        (Some(mark), Some(applied)) if applied_rev.as_deref() == Some(mark.rev) => Base::Known(applied),
        // Somebody removed the mark.
        (None, Some(applied)) => Base::Known(applied),
        // Another machine applied since, or nobody did: the schemas win.
        (Some(_), _) | (None, None) => Base::LiveInOurFields,
    }
}

/// Whether somebody has configured the metric: Datadog itself gives it no description.
fn is_configured(live: &LiveMetric) -> bool {
    let description =
        live.metadata.as_ref().and_then(|metadata| metadata.get("description")).and_then(Value::as_str);
    live.tag_configuration.is_some() || description.is_some_and(|text| !text.trim().is_empty())
}
