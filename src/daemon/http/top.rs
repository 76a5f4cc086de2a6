//! `GET /api/top` and `GET /health`: what the page shows, for programs.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

use super::App;
use super::reply::{error, json_reply};
use crate::daemon::status::{Shown, ShownBudget, ShownFleet, ShownRule};
use crate::publisher::Clock;

/// Everything, at one moment.
#[derive(Debug, Serialize)]
struct Top {
    /// 1
    format_version: u32,
    /// The program's version.
    version: &'static str,
    /// When this was asked, in seconds since 1970.
    now: u64,
    health: Health,
    traffic: Traffic,
    /// What was dropped since the start, by cause.
    drops: BTreeMap<String, u64>,
    /// The requests that the server has refused since the start, by cause.
    refused_requests: BTreeMap<&'static str, u64>,
    environment: String,
    agent: String,
    budget: ShownBudget,
    fleet: Option<ShownFleet>,
    reload_error: Option<String>,
    rules: BTreeMap<String, ShownRule>,
}

#[derive(Debug, Serialize)]
struct Health {
    /// `ok` or `failing`.
    status: &'static str,
    /// Why it is failing.
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct Traffic {
    received: u64,
    counted: u64,
    forwarded: u64,
    events: u64,
}

impl Health {
    fn of(app: &App) -> Self {
        let reason = app.site.health.pulse().illness();
        Self { status: if reason.is_none() { "ok" } else { "failing" }, reason }
    }
}

pub(super) async fn show(State(app): State<Arc<App>>) -> Response {
    let counters = (app.site.counters)();
    let mut drops = BTreeMap::new();
    for (cause, count) in counters.drops {
        *drops.entry(cause).or_default() += count;
    }
    // A copy: the thread that publishes is not to wait for a client.
    let Shown { environment, agent, rules, budget, fleet, reload_error } = app.site.status.lock().clone();
    let top = Top {
        format_version: 1,
        version: env!("CARGO_PKG_VERSION"),
        now: Clock::default().now().unix.as_secs(),
        health: Health::of(&app),
        traffic: Traffic {
            received: counters.received,
            counted: counters.counted,
            forwarded: counters.forwarded,
            events: counters.events,
        },
        drops,
        refused_requests: app.refused.counts(),
        environment,
        agent,
        budget,
        fleet,
        reload_error,
        rules,
    };
    match serde_json::to_vec(&top) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(cause) => error(StatusCode::INTERNAL_SERVER_ERROR, "internal", &cause.to_string()),
    }
}

pub(super) async fn health(State(app): State<Arc<App>>) -> Response {
    let Health { status, reason } = Health::of(&app);
    let code = if reason.is_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let silent = app.site.health.pulse().silent_for.as_secs();
    json_reply(code, &json!({ "status": status, "reason": reason, "silent_seconds": silent }))
}
