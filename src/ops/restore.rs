//! Making again what a delete removed.

use serde_json::Value;

use super::Failure;
use super::complete::same_organisation;
use crate::compile::DesiredGraph;
use crate::config::Environment;
use crate::datadog::{ApiError, Writer};
use crate::diff::write_body;
use crate::model::{Document, LiveMonitor, MonitorId};
use crate::normalise::{ADDRESS_TAG, REV_TAG, is_ignored};
use crate::store::{self, Removed};
use crate::suggest::closest;

/// What the last delete at `address` removed.
///
/// # Errors
///
/// When nothing was removed there, or the schemas ask for it again: then `apply` makes it.
pub fn removed(address: &str, graph: &DesiredGraph, state: &store::Environment) -> Result<Removed, Failure> {
    let removed = state.removed()?;
    let Some(last) = removed.iter().rev().find(|removed| removed.address.as_str() == address) else {
        let known = removed.iter().map(|removed| removed.address.as_str());
        let hint = match closest(address, known) {
            Some(other) => format!("did you mean `{other}`?"),
            None => "`bellwether state show` lists what is kept".to_owned(),
        };
        return Err(Failure::Message(format!("no delete of {address} is kept here; {hint}")));
    };
    if graph.get(&last.address).is_some() {
        return Err(Failure::Message(format!("the schemas ask for {address}: `bellwether apply` makes it")));
    }
    Ok(last.clone())
}

/// Makes it again, under a new id. It keeps the owner tag but not its address: no apply deletes it, and if the annotation
/// comes back it is taken over with its history.
///
/// # Errors
///
/// When Datadog refuses, and when the keys are those of another organisation.
pub async fn restore(
    removed: &Removed,
    environment: &Environment,
    state: &store::Environment,
    writer: &Writer,
) -> Result<Option<MonitorId>, Failure> {
    let organisation = match removed.document.get("org_id").and_then(Value::as_u64) {
        Some(organisation) => Some(organisation),
        None => state.snapshot_ids()?.1.as_ref().and_then(LiveMonitor::organisation),
    };
    same_organisation(organisation, writer.reader().any_monitor().await?.as_ref())?;
    if let Some(name) = removed.document.get("metric").and_then(Value::as_str) {
        restore_metric(name, &removed.document, writer).await?;
        return Ok(None);
    }
    let body = body(&removed.document, &environment.tag);
    match writer.create_monitor(&body).await {
        Ok(live) => Ok(Some(live.id)),
        Err(error) => Err(match error.duplicate_of() {
            Some(id) => {
                Failure::Message(format!("a monitor of the same name, query and message is there: {id}"))
            }
            None => error.into(),
        }),
    }
}

fn body(document: &Document, owner_tag: &str) -> Document {
    let mut body = write_body(document, None, &[]);
    if let Some(Value::Object(options)) = body.get_mut("options") {
        options.retain(|key, _| !is_ignored(&format!("options.{key}")));
    }
    if let Some(Value::Array(tags)) = body.get_mut("tags") {
        tags.retain(|tag| {
            let tag = tag.as_str().unwrap_or_default();
            !tag.starts_with(ADDRESS_TAG) && !tag.starts_with(REV_TAG)
        });
        if !tags.iter().any(|tag| tag == owner_tag) {
            tags.push(owner_tag.into());
        }
    }
    body
}

async fn restore_metric(name: &str, document: &Document, writer: &Writer) -> Result<(), ApiError> {
    if let Some(Value::Object(configuration)) = document.get("tag_configuration") {
        writer.create_tag_configuration(name, configuration).await?;
    }
    Ok(())
}
