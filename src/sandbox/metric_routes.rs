//! The metric endpoints, the intakes of series and events, and the key check.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::http::Shared;
use super::metrics::Sample;
use super::monitor_routes::no_content;
use super::payload::{Params, Payload};
use super::reply::{Refusal, json_reply, typed_reply};

type Reply = Result<Response, Refusal>;

/// Events may be at most this old, in seconds.
const OLDEST_EVENT: i64 = 18 * 3600;
const MAX_EVENT_TEXT: usize = 4000;

pub(super) async fn validate() -> Response {
    json_reply(StatusCode::OK, &json!({ "valid": true }))
}

pub(super) async fn metadata(State(app): Shared, Path(name): Path<String>) -> Reply {
    Ok(json_reply(StatusCode::OK, &app.metrics().metadata(&name)?))
}

pub(super) async fn set_metadata(State(app): Shared, Path(name): Path<String>, payload: Payload) -> Reply {
    let body = payload.object()?;
    let shown = app.metrics_mut().set_metadata(&name, &body, &app.disk)?;
    app.disk.durable().await?;
    Ok(json_reply(StatusCode::OK, &shown))
}

pub(super) async fn configuration(State(app): Shared, Path(name): Path<String>) -> Reply {
    Ok(json_reply(StatusCode::OK, &app.metrics().configuration(&name)?))
}

pub(super) async fn configure(State(app): Shared, Path(name): Path<String>, payload: Payload) -> Reply {
    let body = payload.object()?;
    let shown = app.metrics_mut().configure(&name, &body, &app.disk, app.now())?;
    app.disk.durable().await?;
    Ok(json_reply(StatusCode::CREATED, &shown))
}

pub(super) async fn reconfigure(State(app): Shared, Path(name): Path<String>, payload: Payload) -> Reply {
    let body = payload.object()?;
    let shown = app.metrics_mut().reconfigure(&name, &body, &app.disk, app.now())?;
    app.disk.durable().await?;
    Ok(json_reply(StatusCode::OK, &shown))
}

pub(super) async fn unconfigure(State(app): Shared, Path(name): Path<String>) -> Reply {
    app.metrics_mut().unconfigure(&name, &app.disk)?;
    app.disk.durable().await?;
    Ok(no_content())
}

/// Cursors are the last name of the page, in hex: opaque, as the real ones are.
fn cursor(name: &str) -> String {
    name.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn from_cursor(cursor: &str) -> Option<String> {
    let digits = cursor.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    let bytes = digits.map(|pair| pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()));
    String::from_utf8(bytes.collect::<Option<Vec<_>>>()?).ok()
}

/// The list of metrics. Paged only when a page size is sent; the last page is empty and has no `meta`
/// (Get-a-list-of-metrics-returns-Success-response-with-pagination.json).
pub(super) async fn list(State(app): Shared, params: Params) -> Reply {
    let metrics = app.metrics();
    let items = metrics.items(params.flag("filter[configured]"), params.get("filter[tags]"));
    let Some(size) = params.number("page[size]")? else {
        let items: Vec<Value> = items.into_iter().map(|(_, item)| item).collect();
        return Ok(json_reply(StatusCode::OK, &json!({ "data": items })));
    };
    if !(1..=10_000).contains(&size) {
        return Err(Refusal::bad("page[size] must be between 1 and 10000"));
    }
    let after = match params.get("page[cursor]").filter(|cursor| !cursor.is_empty()) {
        Some(cursor) => Some(from_cursor(cursor).ok_or_else(|| Refusal::bad("invalid page[cursor]"))?),
        None => None,
    };
    let rest = items.into_iter().filter(|(name, _)| after.as_deref().is_none_or(|after| *name > after));
    let page: Vec<(&str, Value)> = rest.take(usize::try_from(size).unwrap_or(usize::MAX)).collect();
    let Some((last, _)) = page.last() else {
        return Ok(json_reply(StatusCode::OK, &json!({ "data": [] })));
    };
    let next = cursor(last);
    // Asked for 2, the recorded answer says 1 throughout: a client must not compute with it.
    let limit = (size - 1).max(1);
    let sent = params.get("page[cursor]").filter(|cursor| !cursor.is_empty());
    let base = format!("{}/api/v2/metrics", app.url());
    let link = |cursor: Option<&str>| match cursor {
        Some(cursor) => format!("{base}?page[cursor]={cursor}&page[size]={limit}"),
        None => format!("{base}?page[size]={limit}"),
    };
    let body = json!({
        "meta": { "pagination": {
            "cursor": sent, "next_cursor": next, "limit": limit, "type": "cursor_limit",
        }},
        "links": {
            "self": link(sent), "next": link(Some(&next)), "first": link(None), "last": null, "prev": null,
        },
        "data": page.into_iter().map(|(_, item)| item).collect::<Vec<_>>(),
    });
    Ok(json_reply(StatusCode::OK, &body))
}

fn about(kind: &str, name: &str, attributes: &Value) -> Response {
    json_reply(StatusCode::OK, &json!({ "data": { "type": kind, "id": name, "attributes": attributes } }))
}

pub(super) async fn estimate(State(app): Shared, Path(name): Path<String>, params: Params) -> Reply {
    let groups = params.list("filter[groups]");
    let exclude = params.flag("filter[exclude_tags_mode]").unwrap_or(false);
    let metrics = app.metrics();
    let distribution = metrics.kind(&name)? == "distribution";
    let attributes = json!({
        "estimated_output_series": metrics.estimate(&name, &groups, exclude)?,
        "estimate_type": if distribution { "distribution" } else { "count_or_gauge" },
        "estimated_at": app.now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
    });
    Ok(about("metric_cardinality_estimate", &name, &attributes))
}

pub(super) async fn volumes(State(app): Shared, Path(name): Path<String>) -> Reply {
    let (ingested, indexed) = app.metrics().volumes(&name)?;
    let attributes = json!({ "ingested_volume": ingested, "indexed_volume": indexed });
    Ok(about("metric_volumes", &name, &attributes))
}

pub(super) async fn all_tags(State(app): Shared, Path(name): Path<String>) -> Reply {
    Ok(about("metrics", &name, &json!({ "tags": app.metrics().tags(&name)? })))
}

/// Nothing queries metrics here: always empty.
pub(super) async fn active(State(app): Shared, Path(name): Path<String>) -> Reply {
    app.metrics().kind(&name)?;
    let attributes = json!({ "active_tags": [], "active_aggregations": [] });
    Ok(about("actively_queried_configurations", &name, &attributes))
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = String> + '_ {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned)
}

/// The series of a submission; `kind` reads their type, which differs between v1 and v2.
fn samples(body: &Value, kind: fn(&Value) -> Option<&'static str>) -> Result<Vec<Sample>, Refusal> {
    let series = body.get("series").and_then(Value::as_array);
    let series = series.ok_or_else(|| Refusal::bad("Payload is not in the expected format: no series"))?;
    series
        .iter()
        .map(|item| {
            let metric = item.get("metric").and_then(Value::as_str).filter(|name| !name.is_empty());
            let metric = metric.ok_or_else(|| Refusal::bad("a series needs a metric"))?.to_owned();
            let mut tags: Vec<String> = texts(item.get("tags")).collect();
            let host = item.get("host").and_then(Value::as_str).filter(|host| !host.is_empty());
            tags.extend(host.map(|host| format!("host:{host}")));
            for resource in item.get("resources").and_then(Value::as_array).into_iter().flatten() {
                let text = |key: &str| resource.get(key).and_then(Value::as_str).unwrap_or_default();
                tags.push(format!("{}:{}", text("type"), text("name")));
            }
            Ok(Sample { metric, kind: kind(item.get("type").unwrap_or(&Value::Null)), tags })
        })
        .collect()
}

pub(super) async fn series_v1(State(app): Shared, payload: Payload) -> Reply {
    let samples = samples(&payload.json()?, |kind| match kind.as_str() {
        Some("count" | "counter") => Some("count"),
        Some("rate") => Some("rate"),
        _ => Some("gauge"),
    })?;
    app.metrics_mut().submit(samples, &app.disk)?;
    app.disk.durable().await?;
    Ok(typed_reply(StatusCode::ACCEPTED, "text/json", br#"{"status": "ok"}"#.to_vec()))
}

pub(super) async fn distributions(State(app): Shared, payload: Payload) -> Reply {
    let samples = samples(&payload.json()?, |_| Some("distribution"))?;
    app.metrics_mut().submit(samples, &app.disk)?;
    app.disk.durable().await?;
    Ok(typed_reply(StatusCode::ACCEPTED, "text/json", br#"{"status": "ok"}"#.to_vec()))
}

pub(super) async fn series_v2(State(app): Shared, payload: Payload) -> Reply {
    let samples = samples(&payload.json()?, |kind| match kind.as_u64() {
        Some(1) => Some("count"),
        Some(2) => Some("rate"),
        _ => Some("gauge"),
    })?;
    app.metrics_mut().submit(samples, &app.disk)?;
    app.disk.durable().await?;
    Ok(json_reply(StatusCode::ACCEPTED, &json!({ "errors": [] })))
}

pub(super) async fn event(State(app): Shared, payload: Payload) -> Reply {
    let body: Map<String, Value> = payload.object()?;
    let key = |name: &str| body.get(name).cloned().unwrap_or(Value::Null);
    let (Some(title), Some(text)) =
        (key("title").as_str().map(str::to_owned), key("text").as_str().map(str::to_owned))
    else {
        return Err(Refusal::bad("title and text are required"));
    };
    if text.chars().count() > MAX_EVENT_TEXT {
        return Err(Refusal::bad("text is too long"));
    }
    let now = app.now().as_second();
    let happened = key("date_happened").as_i64().unwrap_or(now);
    if happened < now - OLDEST_EVENT {
        // Post-an-event-in-the-past-returns-Bad-Request-response.json, which is plain text by its header.
        let body = br#"{"errors":["Event too far in the past"]}"#.to_vec();
        return Ok(typed_reply(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", body));
    }
    let id = app.next_event();
    // The recorded `id` has lost precision on its way through a double: `id_str` is the one to use.
    #[allow(clippy::cast_precision_loss)]
    let rounded = format!("{}", id as f64).parse::<u64>().unwrap_or(id);
    let reply = json!({ "status": "ok", "event": {
        "id": rounded, "id_str": id.to_string(), "title": title, "text": text, "date_happened": happened,
        "handle": null, "priority": key("priority"), "related_event_id": key("related_event_id"),
        "tags": match key("tags") { Value::Null => json!([]), tags => tags },
        "url": format!("{}/event/event?id={id}", app.url()),
    }});
    Ok(json_reply(StatusCode::ACCEPTED, &reply))
}
