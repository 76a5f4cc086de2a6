//! What happens to one monitor.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::build::Builder;
use super::matching::{How, Matched, Matching, address_of};
use super::types::{Action, Change, Drift, FieldChange, OWNER_FIELD, REV_FIELD, SourceReference};
use super::{base, effect};
use crate::compile::{Node, ResourceKind, composite};
use crate::diag::{Code, Diagnostic};
use crate::diff::{Base, ChangedBy, FieldDifference, compare};
use crate::model::{Applied, Document, LiveMonitor, MonitorId, Rev};
use crate::normalise::{ADDRESS_TAG, REV_TAG, at, canonical, is_ignored, leaves, pick, put, rev};
use crate::units::plain;

impl Builder<'_> {
    /// Plans one desired monitor.
    pub(super) fn monitor(&mut self, node: &Node, matched: Option<&Matched<'_>>) {
        let desired_rev = rev(&node.document);
        let Some(matched) = matched else {
            let mut addresses = std::iter::once(&node.address).chain(&node.former);
            match addresses.find_map(|address| self.inputs.disowned.get(address)) {
                Some(id) => self.disowned(node, *id),
                None => self.create(node, self.resolved(node, None).into_owned(), &desired_rev),
            }
            return;
        };
        let live = matched.live;
        let document = live.document();
        let desired = self.resolved(node, Some(&document));
        // A renamed monitor's base is kept under its former address.
        let base_address = match &matched.how {
            How::Renamed(from) => from,
            How::Address | How::Name => &node.address,
        };
        let applied = self.inputs.applied.get(base_address);
        let is_tagged = base::live_rev(live).as_ref() == Some(&desired_rev);
        // Where the tag proves that what was applied is what is asked for, its record need not be read.
        let needed = applied.filter(|_| !is_tagged || is_composite(&node.document));
        let applied_document = needed.map(|applied| applied.document.get_or(&node.document));
        let known =
            needed.zip(applied_document.as_deref()).map(|(applied, document)| (&applied.rev, document));
        // An apply may have been cut off after it renamed the operands, and before it renamed this composite.
        let operands = node.needs.iter().filter_map(|(operand, _)| self.inputs.graph.get(operand));
        let formers =
            operands.map(|operand| operand.former.len()).max().filter(|_| is_composite(&node.document));
        let base = std::iter::once(None)
            .chain((0..formers.unwrap_or_default()).map(Some))
            .map(|former| {
                base::of(node, &desired_rev, live, &self.as_compiled(node, &document, former), known)
            })
            .find(|base| !matches!(base, Base::Unknown))
            .unwrap_or(Base::Unknown);
        let resolved_base;
        let base = match base {
            Base::Known(applied) if is_composite(&node.document) => {
                resolved_base = self.resolve_query(applied, Some(&document));
                Base::Known(&resolved_base)
            }
            other => other,
        };
        if matches!(base, Base::Unknown) {
            self.unattributed(node, &desired, &document);
        }
        let mut differences = compare(&desired, &document, base);
        for difference in differences.iter_mut().filter(|d| d.path == "query" && is_composite(&desired)) {
            if operands_are_made_again(difference) {
                difference.changed_by = ChangedBy::Schema;
            }
        }
        let (written, held) = self.written_and_held(differences);
        if !held.is_empty() {
            self.held(node, live, &document, &desired, &held, applied);
        }
        if held.iter().any(|difference| difference.path == "type") {
            // Somebody put a monitor of another type in its place: to be decided by people, and as a whole.
            return;
        }
        let action = match &matched.how {
            _ if matched.is_of_another_type(node) => Action::Replace,
            How::Renamed(_) => Action::Rename,
            How::Name => Action::Adopt,
            How::Address if !written.is_empty() || !is_tagged => Action::Update,
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
        let mut fields = self.fields(node, &written, applied);
        if fields.is_empty() && action == Action::Update {
            fields.push(FieldChange {
                path: REV_FIELD.to_owned(),
                before: base::live_rev(live).map_or(Value::Null, |rev| rev.0.into()),
                after: desired_rev.0.clone().into(),
                changed_by: ChangedBy::Schema,
                base: None,
                causes: Vec::new(),
            });
        }
        let effect = match action {
            Action::Rename => effect::of_move("same monitor: id and history are kept", &before, &after),
            Action::Adopt => effect::of_move("managed from now on: id and history are kept", &before, &after),
            Action::Replace => vec![format!("NEW ID: history and mutes of {} are lost", live.id)],
            _ => effect::of_update(&before, &after),
        };
        let from = match &matched.how {
            How::Renamed(from) => Some(from.clone()),
            How::Address | How::Name => None,
        };
        let change = self.change(node, action, Some(live.id));
        self.changes.push(Change { from, fields, effect, before, after, ..change });
    }

    fn create(&mut self, node: &Node, mut after: Document, desired_rev: &Rev) {
        set_rev(&mut after, desired_rev);
        let is_gone = |id: &MonitorId| self.inputs.snapshot.monitors.iter().all(|live| live.id != *id);
        // Under a former name it was there as well, unless that is the name of another one by now.
        let former = node.former.iter().filter(|former| self.inputs.graph.get(former).is_none());
        let mut applied = std::iter::once(&node.address)
            .chain(former)
            .filter_map(|address| self.inputs.applied.get(address)?.id);
        let recreates = applied.find(is_gone);
        let effect = match recreates {
            Some(id) => format!("deleted in Datadog ({id}): created again, with a new id"),
            None => "new coverage".to_owned(),
        };
        let change = self.change(node, Action::Create, None);
        self.changes.push(Change { effect: vec![effect], after, recreates, ..change });
    }

    /// A monitor that carries the address and no longer the owner tag: not ours to change, and no reason to make a
    /// second one that pages people twice.
    fn disowned(&mut self, node: &Node, id: MonitorId) {
        let message = format!("monitor {id} of {} has lost the environment's tag in Datadog", node.address);
        self.diagnostics.push(Diagnostic::at(Code::OwnerTagRemoved, node.origin, message, "asked for here"));
        self.drift.push(Drift {
            address: node.address.clone(),
            kind: node.kind,
            id: Some(id),
            source: Some(SourceReference::new(self.inputs.sources, node.origin)),
            fields: vec![FieldChange {
                path: OWNER_FIELD.to_owned(),
                before: Value::Null,
                after: node.document.get("tags").and_then(|tags| tags.get(0)).cloned().unwrap_or_default(),
                changed_by: ChangedBy::Datadog,
                base: None,
                causes: Vec::new(),
            }],
            effect: vec![
                "not ours to change any more, and no second one is made".to_owned(),
                "put the tag back in Datadog, or remove its `bellwether:` tag to give it up".to_owned(),
            ],
            modified: None,
        });
    }

    /// Options and tags that nobody can attribute: both sides changed, and the snapshot that would tell is gone.
    fn unattributed(&mut self, node: &Node, desired: &Document, live: &Document) {
        let wanted = leaves(desired);
        let options = leaves(live).into_iter().filter(|(path, _)| {
            path.starts_with("options.")
                && !is_ignored(path)
                && !wanted.contains_key(path)
                && canonical(live, path).is_some()
        });
        let mut found: Vec<String> =
            options.map(|(path, value)| format!("{path} {}", plain(value))).collect();
        let tags = |document: &Document| -> BTreeSet<String> {
            let tags = document.get("tags").and_then(Value::as_array).into_iter().flatten();
            tags.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let foreign = tags(live).difference(&tags(desired)).cloned().collect::<Vec<_>>();
        found.extend(
            foreign.into_iter().filter(|tag| !tag.starts_with(REV_TAG) && !tag.starts_with(ADDRESS_TAG)),
        );
        if found.is_empty() {
            return;
        }
        let message = format!(
            "nobody can tell whose these are on {}, so they stay: {}",
            node.address,
            found.join(", ")
        );
        self.diagnostics.push(
            Diagnostic::at(Code::Unattributed, node.origin, message, "")
                .with_help("if the schemas set them once, remove them in Datadog"),
        );
    }

    /// The desired document with a composite's operands as ids, as far as these exist and stay. A live composite goes
    /// on with an operand that is replaced: Datadog would not let that operand go, which a guard says.
    fn resolved<'n>(&self, node: &'n Node, live: Option<&Document>) -> Cow<'n, Document> {
        if is_composite(&node.document) {
            Cow::Owned(self.resolve_query(&node.document, live))
        } else {
            Cow::Borrowed(&node.document)
        }
    }

    /// A live document in the form in which it was compiled and hashed: a composite's operands as addresses, those that they
    /// carry or their `former` ones.
    fn as_compiled<'d>(&self, node: &Node, live: &'d Document, former: Option<usize>) -> Cow<'d, Document> {
        if !is_composite(&node.document) {
            return Cow::Borrowed(live);
        }
        let monitors = &self.inputs.snapshot.monitors;
        let operand = |id: u64| {
            let found = monitors.iter().find(|live| live.id.0 == id)?;
            let address = address_of(found)?;
            let former = former.and_then(|rank| self.inputs.graph.get(&address)?.former.get(rank));
            Some(former.unwrap_or(&address).to_string())
        };
        let mut document = live.clone();
        if let Some(Value::String(query)) = document.get_mut("query") {
            *query = composite::unresolve(query, operand);
        }
        Cow::Owned(document)
    }

    fn resolve_query(&self, document: &Document, live: Option<&Document>) -> Document {
        let live_query = live.and_then(|live| live.get("query")).and_then(Value::as_str).unwrap_or_default();
        let (_, operands) = composite::shape(live_query);
        let id_of = |address: &str| {
            let id = self.ids.get(address).copied()?;
            let goes_on = !self.replaced.contains(address) || operands.contains(&id.to_string().as_str());
            goes_on.then_some(id)
        };
        let mut document = document.clone();
        if let Some(Value::String(query)) = document.get_mut("query") {
            *query = composite::resolve(query, id_of);
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
        let fields = self.fields(node, held, applied);
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

    /// Plans the deletes of live monitors that nobody asks for any more.
    pub(super) fn orphans(&mut self, matching: &Matching<'_>) {
        for (address, live) in &matching.orphans {
            let document = live.document();
            let is_other = |node: &&Node| {
                node.kind == ResourceKind::Monitor && same_event(node.address.subject(), address.subject())
            };
            let others = self.inputs.graph.nodes().filter(is_other).count();
            let paths = leaves(&document).into_keys().filter(|path| !is_ignored(path));
            let change = self.removal(address, ResourceKind::Monitor);
            self.changes.push(Change {
                id: Some(live.id),
                effect: effect::of_delete(&document, others),
                before: pick(&document, paths),
                ..change
            });
        }
    }
}

/// Whether two queries of a composite differ only in operands that this very plan makes: an operand that was deleted
/// in Datadog gets a new id, and that is no edit of the composite.
fn operands_are_made_again(difference: &FieldDifference) -> bool {
    let (Some(live), Some(desired)) = (difference.live.as_str(), difference.desired.as_str()) else {
        return false;
    };
    let (live_shape, live_operands) = composite::shape(live);
    let (desired_shape, desired_operands) = composite::shape(desired);
    let mut operands = live_operands.iter().zip(&desired_operands);
    live_shape == desired_shape && operands.all(|(live, desired)| live == desired || desired.starts_with('$'))
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
