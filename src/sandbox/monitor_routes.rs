//! The v1 monitor endpoints: they read the request, ask the store, and choose the view of the reply.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::http::Shared;
use super::monitors::Filter;
use super::payload::{Params, Payload};
use super::reply::{Refusal, bytes_reply, json_reply};
use super::search;
use super::view::{Assets, READ, View};

type Reply = Result<Response, Refusal>;

/// A page without a size has this many monitors, and never more than the most.
const PAGE: u64 = 100;
const MOST: u64 = 1000;

fn ok(body: Map<String, Value>) -> Reply {
    Ok(json_reply(StatusCode::OK, &Value::Object(body)))
}

/// An id that is no number names no monitor.
pub(super) fn parse_id(text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| Refusal::no_monitor())
}

/// `group_states`: Get-all-monitors-returns-Bad-Request-response.json.
fn group_states(params: &Params) -> Result<bool, Refusal> {
    let known = |state: &&str| matches!(*state, "all" | "alert" | "warn" | "no data" | "ok");
    let states = params.list("group_states");
    if states.iter().all(known) {
        Ok(!states.is_empty())
    } else {
        Err(Refusal::bad("Invalid group_state filters."))
    }
}

pub(super) async fn list(State(app): Shared, params: Params) -> Reply {
    let groups = group_states(&params)?;
    let owned = |name: &str| params.list(name).into_iter().map(str::to_owned).collect();
    let size = params.number("page_size")?;
    if size == Some(0) {
        return Err(Refusal::parameter("page_size", "not a positive number"));
    }
    let after_id = params.number("id_offset")?;
    let (skip, take) = match params.number("page")? {
        Some(page) => {
            let size = size.unwrap_or(PAGE).min(MOST);
            (page.saturating_mul(size), Some(size))
        }
        // A walk by id is in pages too; without either, everything comes at once.
        None => (0, after_id.map(|_| size.unwrap_or(MOST).min(MOST))),
    };
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let filter = Filter {
        name: params.get("name").map(str::to_lowercase),
        scopes: owned("tags"),
        tags: owned("monitor_tags"),
        after_id,
        skip: count(skip),
        take: take.map(count),
        // Unlike a GET by id, a list has them by default (DataDog/documentation issue 5045).
        downtimes: params.flag("with_downtimes").unwrap_or(true),
        groups,
        hidden: app.faults().hidden(),
    };
    Ok(bytes_reply(StatusCode::OK, app.monitors().list(&filter)))
}

pub(super) async fn create(State(app): Shared, payload: Payload) -> Reply {
    let body = payload.object()?;
    let created = app.monitors_mut().create(&body, &app.disk, app.now())?;
    app.disk.durable().await?;
    ok(created)
}

pub(super) async fn get(State(app): Shared, Path(id): Path<String>, params: Params) -> Reply {
    let id = parse_id(&id)?;
    let view = View {
        groups: group_states(&params)?,
        downtimes: params.flag("with_downtimes").unwrap_or(false),
        assets: if params.flag("with_assets").unwrap_or(false) { Assets::Read } else { Assets::Absent },
        restriction_policy: params.flag("with_restriction_policy").unwrap_or(false),
        restricted_roles: params.flag("with_restricted_roles").unwrap_or(true),
        ..READ
    };
    let now = app.now();
    ok(app.monitors().get(id, &view, now)?)
}

pub(super) async fn update(State(app): Shared, Path(id): Path<String>, payload: Payload) -> Reply {
    let id = parse_id(&id)?;
    let body = payload.object()?;
    let updated = app.monitors_mut().update(id, &body, &app.disk, app.now())?;
    app.disk.durable().await?;
    ok(updated)
}

pub(super) async fn delete(State(app): Shared, Path(id): Path<String>, params: Params) -> Reply {
    let id = parse_id(&id)?;
    let force = params.flag("force").unwrap_or(false);
    app.monitors_mut().delete(id, force, &app.disk)?;
    app.disk.durable().await?;
    Ok(json_reply(StatusCode::OK, &json!({ "deleted_monitor_id": id })))
}

pub(super) async fn validate(State(app): Shared, payload: Payload) -> Reply {
    app.monitors().validate(None, &payload.object()?)?;
    ok(Map::new())
}

pub(super) async fn validate_existing(State(app): Shared, Path(id): Path<String>, payload: Payload) -> Reply {
    app.monitors().validate(Some(parse_id(&id)?), &payload.object()?)?;
    ok(Map::new())
}

pub(super) async fn can_delete(State(app): Shared, params: Params) -> Reply {
    let ids = params.list("monitor_ids").into_iter().map(str::parse::<u64>).collect::<Result<Vec<_>, _>>();
    match ids {
        Ok(ids) if !ids.is_empty() => Ok(json_reply(StatusCode::OK, &app.monitors().can_delete(&ids)?)),
        _ => Err(Refusal::parameter("monitor_ids", "not a list of monitor ids")),
    }
}

pub(super) async fn search(State(app): Shared, params: Params) -> Reply {
    let body = search::monitors(app.monitors().all(app.now()), &params)?;
    Ok(json_reply(StatusCode::OK, &body))
}

pub(super) async fn search_groups(State(app): Shared, params: Params) -> Reply {
    let now = app.now();
    let body = search::groups(app.monitors().all(now), &params, now.as_second())?;
    Ok(json_reply(StatusCode::OK, &body))
}

/// The parameters of a mute come in the body or, from older clients, in the query.
fn either<'a>(body: &'a Map<String, Value>, params: &'a Params, name: &str) -> Option<&'a str> {
    body.get(name).and_then(Value::as_str).or_else(|| params.get(name))
}

pub(super) async fn mute(
    State(app): Shared,
    Path(id): Path<String>,
    params: Params,
    payload: Payload,
) -> Reply {
    let id = parse_id(&id)?;
    let body = payload.object_or_empty()?;
    let sent = body.get("end").filter(|end| !end.is_null());
    let end = match sent.map(|end| end.as_i64().or_else(|| end.as_str().and_then(|text| text.parse().ok()))) {
        Some(None) => return Err(Refusal::parameter("end", "not a time in seconds")),
        Some(end) => end,
        None => params.number("end")?.and_then(|end| i64::try_from(end).ok()),
    };
    let scope = either(&body, &params, "scope").unwrap_or("*");
    let muted = app.monitors_mut().mute(id, scope, end, &app.disk, app.now())?;
    app.disk.durable().await?;
    ok(muted)
}

pub(super) async fn unmute(
    State(app): Shared,
    Path(id): Path<String>,
    params: Params,
    payload: Payload,
) -> Reply {
    let id = parse_id(&id)?;
    let body = payload.object_or_empty()?;
    let all = body.get("all_scopes") == Some(&json!(true)) || params.flag("all_scopes") == Some(true);
    let scope = (!all).then(|| either(&body, &params, "scope").unwrap_or("*"));
    let unmuted = app.monitors_mut().unmute(id, scope, &app.disk, app.now())?;
    app.disk.durable().await?;
    ok(unmuted)
}

pub(super) async fn begin_downtime(State(app): Shared, payload: Payload) -> Reply {
    let body = payload.object()?;
    let now = app.now();
    let downtime = app.monitors_mut().begin(&body, now)?;
    Ok(json_reply(StatusCode::OK, &downtime.reply(now, super::monitors::ORG)))
}

pub(super) async fn list_downtimes(State(app): Shared) -> Reply {
    let now = app.now();
    let monitors = app.monitors();
    let all = monitors.downtimes().all().map(|downtime| downtime.reply(now, super::monitors::ORG));
    Ok(json_reply(StatusCode::OK, &Value::Array(all.collect())))
}

pub(super) async fn get_downtime(State(app): Shared, Path(id): Path<String>) -> Reply {
    let missing = || Refusal::new(StatusCode::NOT_FOUND, "Downtime not found");
    let id = id.parse().map_err(|_| missing())?;
    let now = app.now();
    let monitors = app.monitors();
    let downtime = monitors.downtimes().get(id).ok_or_else(missing)?;
    Ok(json_reply(StatusCode::OK, &downtime.reply(now, super::monitors::ORG)))
}

/// Answers 204 without a body (Get-a-monitor-s-details-with-downtime), also when repeated.
pub(super) async fn cancel_downtime(State(app): Shared, Path(id): Path<String>) -> Reply {
    if let Ok(id) = id.parse() {
        app.monitors_mut().cancel(id, app.now());
    }
    Ok(no_content())
}

/// A reply without a body.
pub(super) fn no_content() -> Response {
    let mut reply = Response::default();
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}
