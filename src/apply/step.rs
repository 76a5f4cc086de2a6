//! One change: the call that makes it, and what is remembered of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::{Context, record};
use crate::compile::{ResourceKind, composite};
use crate::datadog::ApiError;
use crate::diff::write_body;
use crate::model::{Address, Document, LiveMonitor, MonitorId};
use crate::normalise::ADDRESS_TAG;
use crate::plan::{Action, Change, Outcome, Plan};
use crate::store::StoreError;
use crate::text::clean;

type Ids = Mutex<BTreeMap<Address, u64>>;

/// Makes one change. An error is about the record only; what Datadog says is the outcome.
pub async fn run(
    change: &Change,
    plan: &Plan,
    context: &Context<'_>,
    ids: &Ids,
) -> Result<Outcome, StoreError> {
    if matches!(change.action, Action::Delete | Action::Replace) {
        // Before the call: a crash in between must not lose the only copy of what was there.
        let kept = context.state.record_removed(&change.address, &removed(change, context), (context.now)());
        if let Err(error) = kept {
            let message = format!("not deleted, since it cannot be kept for later: {error}");
            return Ok(Outcome::Failed { message, unknown: false });
        }
    }
    let result = match change.kind {
        ResourceKind::Monitor => monitor(change, context, ids).await,
        ResourceKind::Metric => metric(change, context).await.map(|()| None),
    };
    let now = (context.now)();
    match result {
        Ok(id) => {
            if change.action == Action::Delete {
                context.state.forget_applied(&change.address)?;
            } else {
                let applied = with_ids(&change.after, ids);
                context
                    .state
                    .record_applied(&change.address, &record::applied(change, applied, plan, id, now))?;
                if let Some(from) = &change.from {
                    context.state.forget_applied(from)?;
                }
            }
            Ok(Outcome::Done { id })
        }
        Err(ApiError::MetricUnknown { .. }) => Ok(Outcome::Deferred),
        Err(error) => {
            let message = clean(&error.to_string()).into_owned();
            Ok(Outcome::Failed { message, unknown: error.outcome_unknown() })
        }
    }
}

/// Everything that a deleted monitor was, for a later restore.
fn removed(change: &Change, context: &Context<'_>) -> Document {
    let live = change.id.and_then(|id| context.live.get(&id));
    live.unwrap_or(&change.before).clone()
}

async fn monitor(change: &Change, context: &Context<'_>, ids: &Ids) -> Result<Option<MonitorId>, ApiError> {
    let after = with_ids(&change.after, ids);
    let written = match (change.action, change.id) {
        (Action::Delete, Some(id)) => {
            context.writer.delete_monitor(id).await?;
            return Ok(Some(id));
        }
        (Action::Delete, None) => return Ok(None),
        (Action::Replace, Some(old)) => {
            // The old one first: at no time do two monitors page people, and none can be left over. What a create needs
            // has been validated; if it fails all the same, the next run finds the monitor missing and makes it.
            context.writer.delete_monitor(old).await?;
            create(change, &after, &body_of_replace(&after, context.live.get(&old), change), context).await?
        }
        (Action::Create | Action::Replace, _) | (_, None) => {
            create(change, &after, &write_body(&after, None, &[]), context).await?
        }
        (Action::Update | Action::Rename | Action::Adopt, Some(id)) => {
            let body = write_body(&after, context.live.get(&id), &change.removed_tags());
            context.writer.update_monitor(id, &body).await?
        }
    };
    ids.lock().unwrap_or_else(PoisonError::into_inner).insert(change.address.clone(), written.id.0);
    Ok(Some(written.id))
}

/// The body of a monitor that takes another one's place: the tags that others gave it are kept; its options belonged
/// to another type.
fn body_of_replace(after: &Document, old: Option<&Document>, change: &Change) -> Document {
    let mut body = write_body(after, None, &[]);
    let tags = old.and_then(|old| old.get("tags")).cloned().unwrap_or_default();
    let with_tags = Document::from_iter([("tags".to_owned(), tags)]);
    if let Some(tags) = write_body(after, Some(&with_tags), &change.removed_tags()).remove("tags") {
        body.insert("tags".to_owned(), tags);
    }
    body
}

/// A create is never sent twice blindly. When its reply is lost, or Datadog says that such a monitor exists, the
/// monitor is looked up, and is ours if it carries the address.
async fn create(
    change: &Change,
    after: &Document,
    body: &Document,
    context: &Context<'_>,
) -> Result<LiveMonitor, ApiError> {
    let error = match context.writer.create_monitor(body).await {
        Ok(created) => return Ok(created),
        Err(error) => error,
    };
    let reader = context.writer.reader();
    let candidates = match error.duplicate_of() {
        Some(id) => reader.monitor(id).await?.into_iter().collect(),
        None if error.outcome_unknown() => {
            let name = body.get("name").and_then(Value::as_str).unwrap_or_default();
            reader.monitors_named(name).await?
        }
        None => Vec::new(),
    };
    let address = format!("{ADDRESS_TAG}{}", change.address);
    // Two environments of one organisation have the same addresses: only the owner tag tells them apart.
    let ours = |live: &&LiveMonitor| {
        live.tags.contains(&address)
            && live.tags.iter().any(|tag| tag == context.owner_tag)
            && Some(live.id) != change.id
    };
    let Some(live) = candidates.iter().find(ours) else { return Err(error) };
    let has_rev = change.rev_tag().is_some_and(|rev| live.tags.iter().any(|tag| tag == rev));
    if has_rev {
        return Ok(live.clone());
    }
    // It is ours, and older than what is asked for.
    context.writer.update_monitor(live.id, &write_body(after, Some(&live.document()), &[])).await
}

/// A composite's query with the ids of its operands, those made a moment ago included.
fn with_ids(after: &Document, ids: &Ids) -> Document {
    let mut after = after.clone();
    if after.get("type").and_then(Value::as_str) == Some("composite")
        && let Some(Value::String(query)) = after.get_mut("query")
    {
        let ids = ids.lock().unwrap_or_else(PoisonError::into_inner);
        *query = composite::resolve(query, |address| ids.get(address).copied());
    }
    after
}

async fn metric(change: &Change, context: &Context<'_>) -> Result<(), ApiError> {
    let document = if change.action == Action::Delete { &change.before } else { &change.after };
    let name = document.get("metric").and_then(Value::as_str).unwrap_or_default();
    if change.action == Action::Delete {
        context.writer.delete_tag_configuration(name).await?;
        return Ok(());
    }
    let touches = |part: &str| change.fields.iter().any(|field| field.path.starts_with(part));
    if touches("metadata.")
        && let Some(Value::Object(metadata)) = document.get("metadata")
    {
        context.writer.put_metric_metadata(name, metadata).await?;
    }
    if touches("tag_configuration.")
        && let Some(Value::Object(wanted)) = document.get("tag_configuration")
    {
        let exists = context.metrics.get(name).is_some_and(|metric| metric.tag_configuration.is_some());
        if exists {
            // The type of a metric is fixed by its configuration's create; an update does not take it.
            let mut attributes = wanted.clone();
            attributes.remove("metric_type");
            context.writer.update_tag_configuration(name, &attributes).await?;
        } else {
            context.writer.create_tag_configuration(name, wanted).await?;
        }
    }
    Ok(())
}
