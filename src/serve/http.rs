//! The door: `POST /webhook`, and what people and their monitoring ask for.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::counters::DELIVERIES;
use super::event::{self, Meaning};
use super::job::Job;
use super::log::Level;
use super::{Service, queue};
use crate::stop;

/// GitHub sends no more.
const LARGEST_BODY: usize = 25 << 20;
/// How long a body may take to arrive. GitHub itself gives up after ten seconds.
const BODY_TIME: Duration = Duration::from_secs(10);
/// Bodies that are read at a time.
const TURNS: usize = 16;
/// The longest guid that is taken for one.
const LONGEST_GUID: usize = 64;

struct App {
    service: Arc<Service>,
    turns: Semaphore,
}

/// Serves until the service stops.
pub async fn serve(listener: TcpListener, service: Arc<Service>) {
    let stop = service.stop.clone();
    let app = Arc::new(App { service, turns: Semaphore::new(TURNS) });
    let router = Router::new()
        .route("/webhook", post(webhook))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .with_state(app);
    let until = async move { stop.reached(stop::Level::Drain).await };
    // The only errors are those of accepting, which axum retries by itself.
    drop(axum::serve(listener, router).with_graceful_shutdown(until).await);
}

async fn health(State(app): State<Arc<App>>) -> Response {
    let waiting = app.service.ledger.waiting();
    reply(StatusCode::OK, "application/json", format!("{{\"status\":\"ok\",\"queue\":{waiting}}}\n"))
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let service = &app.service;
    let page = service.counters.page(service.ledger.waiting(), service.calls_left());
    reply(StatusCode::OK, "text/plain; version=0.0.4", page)
}

fn reply(status: StatusCode, kind: &'static str, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, kind)], text).into_response()
}

/// What was made of a delivery: the status, the word for logs and metrics, and details.
type Taken = (StatusCode, &'static str, String);

async fn webhook(State(app): State<Arc<App>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let delivery = guid(&parts.headers).unwrap_or_default().to_owned();
    let event = text(&parts.headers, "x-github-event").unwrap_or_default().to_owned();
    let (status, result, detail) = match take(&app, &parts.headers, body, &delivery, &event).await {
        Ok(taken) | Err(taken) => taken,
    };
    app.service.counters.add(DELIVERIES, result);
    let level = if status.is_success() { Level::Info } else { Level::Warn };
    let fields = [("delivery", &*delivery), ("kind", &*event), ("result", result), ("detail", &*detail)];
    let told: Vec<(&str, &str)> = fields.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    app.service.settings.log.line(level, "delivery", &told);
    reply(status, "text/plain; charset=utf-8", format!("{result}\n"))
}

async fn take(app: &App, headers: &HeaderMap, body: Body, guid: &str, event: &str) -> Result<Taken, Taken> {
    let service = &app.service;
    let refused = |status: StatusCode, result: &'static str| (status, result, String::new());
    let signature = text(headers, "x-hub-signature-256")
        .ok_or_else(|| refused(StatusCode::UNAUTHORIZED, "no signature"))?;
    let body = read(app, headers, body).await?;
    if !service.settings.secrets.verify(&body, signature) {
        return Err(refused(StatusCode::UNAUTHORIZED, "wrong signature"));
    }
    if guid.is_empty() {
        return Err(refused(StatusCode::BAD_REQUEST, "no delivery"));
    }
    let (repository, task) = match event::read(event, &body, &service.settings.words) {
        Meaning::Ping => return Ok((StatusCode::OK, "pong", String::new())),
        Meaning::Nothing(reason) => return Ok((StatusCode::ACCEPTED, "ignored", reason.to_owned())),
        Meaning::Unreadable(reason) => return Err((StatusCode::BAD_REQUEST, "unreadable", reason)),
        Meaning::Task { repository, task } => (repository, task),
    };
    let Some(watched) = service.watched(&repository) else {
        return Ok((StatusCode::ACCEPTED, "ignored", "repository".to_owned()));
    };
    // The name as it is set up: GitHub ignores case, and what is kept is found by it.
    let repository = watched.repository.clone();
    let job = Job::new(repository, guid.to_owned(), task);
    match service.ledger.take(&job, (service.settings.now)()) {
        Ok(Some(id)) => {
            queue::enqueue(service, id, &job);
            Ok((StatusCode::ACCEPTED, "accepted", String::new()))
        }
        Ok(None) => Ok((StatusCode::ACCEPTED, "duplicate", String::new())),
        // GitHub shows it as failed, and it can be delivered again.
        Err(error) => Err((StatusCode::SERVICE_UNAVAILABLE, "not kept", error.to_string())),
    }
}

async fn read(app: &App, headers: &HeaderMap, body: Body) -> Result<Bytes, Taken> {
    let too_large = || (StatusCode::PAYLOAD_TOO_LARGE, "too large", String::new());
    let length = text(headers, "content-length").and_then(|text| text.parse::<u64>().ok());
    if length.is_some_and(|length| length > LARGEST_BODY as u64) {
        return Err(too_large());
    }
    let reading = async {
        // Never closed.
        let _turn = app.turns.acquire().await;
        to_bytes(body, LARGEST_BODY).await
    };
    match tokio::time::timeout(BODY_TIME, reading).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // Longer than it may be, or broken off: then nobody reads the answer.
        Ok(Err(_)) => Err(too_large()),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "too slow", String::new())),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The delivery's guid. It is not signed, so that only what looks like one is kept.
fn guid(headers: &HeaderMap) -> Option<&str> {
    let guid = text(headers, "x-github-delivery")?;
    let is_one = (1..=LONGEST_GUID).contains(&guid.len())
        && guid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_one.then_some(guid)
}
