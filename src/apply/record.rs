//! What is remembered of an applied change.

use serde_json::Value;

use crate::compile::ResourceKind;
use crate::diff::ChangedBy;
use crate::model::{Applied, Document, Lazy, MonitorId, Rev};
use crate::normalise::{ADDRESS_TAG, REV_TAG, put, rev};
use crate::plan::{Change, Plan};

/// The record of a change that is live: the document as it was compiled, not as it was merged with what others
/// had edited. Otherwise the next plan would take a held edit for a change of the schemas, and undo it.
///
/// `document` is what the change asks for, a composite's operands as ids.
pub fn applied(
    change: &Change,
    mut document: Document,
    plan: &Plan,
    id: Option<MonitorId>,
    now: jiff::Timestamp,
) -> Applied {
    let held =
        plan.drift.iter().filter(|drift| drift.address == change.address).flat_map(|drift| &drift.fields);
    for field in held.filter(|field| field.changed_by == ChangedBy::Datadog) {
        if field.path == "tags" {
            let mut tags: Vec<Value> = field.after.as_array().cloned().unwrap_or_default();
            tags.extend(tags_with(change, ADDRESS_TAG));
            document.insert("tags".to_owned(), Value::Array(tags));
        } else {
            put(&mut document, &field.path, field.after.clone());
        }
    }
    let tagged = tags_with(change, REV_TAG).find_map(|tag| {
        tag.as_str().and_then(|tag| tag.strip_prefix(REV_TAG)).map(|rev| Rev(rev.to_owned()))
    });
    if let Some(Value::Array(tags)) = document.get_mut("tags") {
        tags.retain(|tag| !tag.as_str().is_some_and(|tag| tag.starts_with(REV_TAG)));
    }
    Applied {
        id: id.filter(|_| change.kind == ResourceKind::Monitor),
        rev: tagged.unwrap_or_else(|| rev(&document)),
        document: Lazy::new(&document),
        parameters: Lazy::new(&change.parameters),
        applied_at: now,
        source: change.source.as_ref().map(ToString::to_string),
    }
}

fn tags_with<'c>(change: &'c Change, prefix: &'c str) -> impl Iterator<Item = Value> + 'c {
    let tags = change.after.get("tags").and_then(Value::as_array).into_iter().flatten();
    tags.filter(move |tag| tag.as_str().is_some_and(|tag| tag.starts_with(prefix))).cloned()
}
