//! One change: the look at what is live, the call that makes it, and what is remembered of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::{Context, record};
use crate::compile::{ResourceKind, composite};
use crate::datadog::{ApiError, Deleted};
use crate::diff::write_body;
use crate::model::{Address, Document, LiveMonitor, MonitorId};
use crate::normalise::addresses;
use crate::plan::{Action, Change, Outcome, Plan, Standing, metric_document, standing};
use crate::store::{Ended, Recorded, Step, StoreError};
use crate::text::clean;

type Ids = Mutex<BTreeMap<Address, u64>>;

/// Why it was not written, or not wholly.
enum Unwritten {
    /// Datadog refused, or did not answer.
    Api(ApiError),
    /// The first of two calls was made, as these words say, and the second was not.
    Half(String, ApiError),
    /// Somebody edited it after the plan was made.
    Stale(String),
    /// What a delete would remove cannot be kept.
    Unkept(StoreError),
}

impl From<ApiError> for Unwritten {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

/// Makes one change. The error is about the record only; what Datadog says is the outcome.
pub async fn run(
    change: &Change,
    plan: &Plan,
    context: &Context<'_>,
    ids: &Ids,
) -> (Outcome, Option<StoreError>) {
    let mut step = Step {
        address: change.address.clone(),
        action: change.action.word().to_owned(),
        creates: created_name(change),
        at: (context.now)(),
        ended: None,
    };
    if let Err(error) = context.state.begin_step(&step).await {
        let message = format!("not tried, since it cannot be recorded: {error}");
        return (Outcome::Failed { message, unknown: false }, Some(error));
    }
    let result = match change.kind {
        ResourceKind::Monitor => monitor(change, context, ids).await,
        ResourceKind::Metric => metric(change, context).await,
    };
    step.at = (context.now)();
    let (outcome, ended, recorded) = match result {
        Ok(id) if change.action == Action::Delete => {
            (Outcome::Done { id }, Ended::Done(id), Recorded::Forgotten)
        }
        Ok(id) => {
            let document = with_ids(&change.after, ids);
            let applied = record::applied(change, document, plan, id, step.at);
            let recorded = Recorded::Applied(Box::new(applied), change.from.as_ref());
            (Outcome::Done { id }, Ended::Done(id), recorded)
        }
        Err(unwritten) => {
            let (outcome, ended) = unwritten.outcome();
            (outcome, ended, Recorded::Nothing)
        }
    };
    step.ended = Some(ended);
    match (context.state.end_step(&step, recorded).await, outcome) {
        (Ok(()), outcome) => (outcome, None),
        (Err(error), Outcome::Done { .. }) => {
            // The tags on the monitor say what the record would have said, so nothing is lost.
            (Outcome::HalfDone { message: format!("live, but not recorded: {error}") }, Some(error))
        }
        (Err(error), outcome) => (outcome, Some(error)),
    }
}

impl Unwritten {
    fn outcome(self) -> (Outcome, Ended) {
        match self {
            Self::Stale(what) => (Outcome::Stale { what: what.clone() }, Ended::Failed(what)),
            Self::Unkept(error) => {
                let message = format!("not deleted, since it cannot be kept for later: {error}");
                (Outcome::Failed { message: message.clone(), unknown: false }, Ended::Failed(message))
            }
            Self::Half(done, error) => {
                let message = format!("{done}: {}", clean(&error.to_string()));
                let ended = match error.outcome_unknown() {
                    true => Ended::Unknown(message.clone()),
                    false => Ended::Failed(message.clone()),
                };
                (Outcome::HalfDone { message }, ended)
            }
            Self::Api(ApiError::MetricUnknown { metric }) => {
                (Outcome::Deferred, Ended::Failed(format!("`{metric}` is not known yet")))
            }
            Self::Api(ApiError::Stopped { .. }) => {
                let reason = "stopped before it".to_owned();
                (Outcome::Skipped { reason: reason.clone() }, Ended::Failed(reason))
            }
            Self::Api(error) => {
                let (message, unknown) = (clean(&error.to_string()).into_owned(), error.outcome_unknown());
                let ended =
                    if unknown { Ended::Unknown(message.clone()) } else { Ended::Failed(message.clone()) };
                (Outcome::Failed { message, unknown }, ended)
            }
        }
    }
}

/// The name of the monitor that the change makes, by which it can be found if no answer comes.
fn created_name(change: &Change) -> Option<String> {
    let makes = change.kind == ResourceKind::Monitor
        && (matches!(change.action, Action::Create | Action::Replace) || change.id.is_none());
    makes.then(|| change.after.get("name").and_then(Value::as_str).unwrap_or_default().to_owned())
}

/// Writes a monitor; its id, as far as there is one.
async fn monitor(change: &Change, context: &Context<'_>, ids: &Ids) -> Result<Option<MonitorId>, Unwritten> {
    let after = with_ids(&change.after, ids);
    let live = match change.id {
        None => None,
        Some(id) => match look(change, id, &after, context).await? {
            Look::Settled => return Ok(Some(id)),
            Look::There(live) => Some((id, live)),
            Look::Gone => None,
        },
    };
    let written = match (change.action, live) {
        (Action::Delete, Some((id, document))) => {
            delete(change, &document, context, context.writer.delete_monitor(id)).await?;
            return Ok(Some(id));
        }
        (Action::Delete, None) => return Ok(change.id),
        (Action::Replace, Some((old, document))) => {
            // The old one first: at no time do two monitors page people, and none can be left over. What a create needs
            // has been validated; if it fails all the same, the next run finds the monitor missing and makes it.
            delete(change, &document, context, context.writer.delete_monitor(old)).await?;
            let body = body_of_replace(&after, &document, change);
            let half =
                |error| Unwritten::Half(format!("{old} is deleted, but the new one is not made"), error);
            create(change, &after, &body, context).await.map_err(half)?
        }
        (Action::Create | Action::Replace, _) => {
            create(change, &after, &write_body(&after, None, &[]), context).await?
        }
        (Action::Update | Action::Rename | Action::Adopt, Some((id, document))) => {
            let body = write_body(&after, Some(&document), &change.removed_tags());
            context.writer.update_monitor(id, &body).await?
        }
        (Action::Update | Action::Rename | Action::Adopt, None) => {
            return Err(Unwritten::Stale("it is gone from Datadog".to_owned()));
        }
    };
    ids.lock().unwrap_or_else(PoisonError::into_inner).insert(change.address.clone(), written.id.0);
    Ok(Some(written.id))
}

/// Keeps what is about to be deleted, then makes the call: a crash in between must not lose the only copy.
async fn delete(
    change: &Change,
    document: &Document,
    context: &Context<'_>,
    call: impl Future<Output = Result<Deleted, ApiError>>,
) -> Result<(), Unwritten> {
    let at = (context.now)();
    context.state.keep_removed(&change.address, document, at).await.map_err(Unwritten::Unkept)?;
    call.await.map(drop).map_err(|error| {
        if !error.outcome_unknown() {
            // It is still there. A copy that stays all the same does no harm.
            let _ = context.state.forget_removed(&change.address, at);
        }
        error.into()
    })
}

/// What the last look before a write finds.
enum Look {
    /// The monitor is what the change would make of it.
    Settled,
    /// It is as it was planned from.
    There(Document),
    /// There is none of that id any more.
    Gone,
}

/// Datadog has no conditional write, so this look is the last chance to leave somebody's edit alone; what is edited
/// in the one round trip after it is overwritten.
async fn look(
    change: &Change,
    id: MonitorId,
    after: &Document,
    context: &Context<'_>,
) -> Result<Look, Unwritten> {
    let Some(live) = context.writer.reader().monitor(id).await? else { return Ok(Look::Gone) };
    let document = live.document();
    match standing(change, after, &document) {
        Standing::AsPlannedFrom => Ok(Look::There(document)),
        Standing::AlreadyApplied => Ok(Look::Settled),
        Standing::Changed(what) => Err(Unwritten::Stale(what)),
    }
}

/// The body of a monitor that takes another one's place: the tags that others gave it are kept; its options belonged
/// to another type.
fn body_of_replace(after: &Document, old: &Document, change: &Change) -> Document {
    let mut body = write_body(after, None, &[]);
    let tags = old.get("tags").cloned().unwrap_or_default();
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
    // Two environments of one organisation have the same addresses: only the owner tag tells them apart.
    let ours = |live: &&LiveMonitor| {
        addresses(live).any(|carried| carried == change.address.as_str())
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

async fn metric(change: &Change, context: &Context<'_>) -> Result<Option<MonitorId>, Unwritten> {
    let document = if change.action == Action::Delete { &change.before } else { &change.after };
    let name = document.get("metric").and_then(Value::as_str).unwrap_or_default();
    let live = context.writer.reader().metric(name).await?;
    match standing(change, &change.after, &metric_document(name, &live)) {
        Standing::AsPlannedFrom => {}
        Standing::AlreadyApplied => return Ok(None),
        Standing::Changed(what) => return Err(Unwritten::Stale(what)),
    }
    if change.action == Action::Delete {
        delete(change, document, context, context.writer.delete_tag_configuration(name)).await?;
        return Ok(None);
    }
    let part = |part: &str, key: &str| {
        let touched = change.fields.iter().any(|field| field.path.starts_with(part));
        document.get(key).and_then(Value::as_object).filter(|_| touched)
    };
    let (metadata, configuration) =
        (part("metadata.", "metadata"), part("tag_configuration.", "tag_configuration"));
    let exists = live.tag_configuration.is_some();
    // The metadata carry the mark that says what is applied. It comes last, so that an apply that is killed in between
    // is not taken for done; but first on a metric that is new to us, whose configuration would look like another's.
    let mut done = None;
    let half = |done: Option<&str>, error| match done {
        Some(done) => Unwritten::Half(format!("{done} written, but no more"), error),
        None => error.into(),
    };
    if let (Some(wanted), true) = (configuration, exists) {
        // The type of a metric is fixed by its configuration's create; an update does not take it.
        let mut attributes = wanted.clone();
        attributes.remove("metric_type");
        context.writer.update_tag_configuration(name, &attributes).await?;
        done = Some("its tag configuration is");
    }
    if let Some(metadata) = metadata {
        context.writer.put_metric_metadata(name, metadata).await.map_err(|error| half(done, error))?;
        done = Some("its metadata are");
    }
    if let (Some(wanted), false) = (configuration, exists) {
        context.writer.create_tag_configuration(name, wanted).await.map_err(|error| half(done, error))?;
    }
    Ok(None)
}
