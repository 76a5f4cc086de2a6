//! The HTTP side: the routes, who may call them, the log of requests, and the state they share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::clock::Clock;
use super::disk::Disk;
use super::faults::{self, Active, Answered, Faults, FaultsError, RequestKind};
use super::metrics::Metrics;
use super::monitors::Monitors;
use super::reply::{Refusal, json_reply};
use super::{metric_routes as metric, monitor_routes as monitor};

/// How many requests are remembered.
const LOG: usize = 100_000;
/// Real event ids have 19 digits, more than a double can hold.
const FIRST_EVENT: u64 = 6_327_818_702_635_911_562;

/// A request the sandbox answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RequestRecord {
    /// `GET`, `POST` and so on.
    pub method: String,
    /// The path and the query; keys in the query are left out.
    pub path: String,
    /// The status of the reply; 0 if a fault closed the connection.
    pub status: u16,
    /// Whether the API was asked: not without keys, nor when a fault or a rate limit answered in its place.
    pub carried_out: bool,
}

/// What all requests share.
pub(super) struct App {
    monitors: RwLock<Monitors>,
    metrics: RwLock<Metrics>,
    pub(super) disk: Disk,
    log: Mutex<VecDeque<RequestRecord>>,
    faults: Mutex<Active>,
    clock: Clock,
    events: AtomicU64,
    url: String,
    /// Tells this server from another that has taken its address.
    pub(super) instance: String,
}

pub(super) type SharedApp = Arc<App>;
pub(super) type Shared = State<SharedApp>;

impl App {
    pub(super) fn new(
        disk: Disk,
        monitors: Monitors,
        metrics: Metrics,
        faults: Active,
        clock: Clock,
        url: String,
        instance: String,
    ) -> Self {
        Self {
            monitors: RwLock::new(monitors),
            metrics: RwLock::new(metrics),
            disk,
            log: Mutex::new(VecDeque::new()),
            faults: Mutex::new(faults),
            clock,
            events: AtomicU64::new(FIRST_EVENT),
            url,
            instance,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn next_event(&self) -> u64 {
        // In steps that survive the rounding to a double.
        self.events.fetch_add(10_007, Ordering::Relaxed)
    }

    /// The monitors, for reading; what has ended since is dropped first.
    pub(super) fn monitors(&self) -> RwLockReadGuard<'_, Monitors> {
        let monitors = self.monitors.read().unwrap_or_else(PoisonError::into_inner);
        if !monitors.is_stale(self.now()) {
            return monitors;
        }
        drop(monitors);
        drop(self.monitors_mut());
        self.monitors.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn monitors_mut(&self) -> RwLockWriteGuard<'_, Monitors> {
        let mut monitors = self.monitors.write().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        if monitors.is_stale(now) {
            monitors.refresh(now);
        }
        monitors
    }

    pub(super) fn metrics(&self) -> RwLockReadGuard<'_, Metrics> {
        self.metrics.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn metrics_mut(&self) -> RwLockWriteGuard<'_, Metrics> {
        self.metrics.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Active> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_faults(&self, faults: Faults) -> Result<(), FaultsError> {
        *self.faults() = Active::new(faults)?;
        Ok(())
    }

    pub(super) fn requests(&self) -> Vec<RequestRecord> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn record(&self, record: RequestRecord) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() >= LOG {
            log.pop_front();
        }
        log.push_back(record);
    }
}

/// Every route of the API.
fn api() -> Vec<(&'static str, MethodRouter<SharedApp>)> {
    vec![
        ("/api/v1/validate", get(metric::validate)),
        ("/api/v1/monitor", get(monitor::list).post(monitor::create)),
        ("/api/v1/monitor/validate", post(monitor::validate)),
        ("/api/v1/monitor/can_delete", get(monitor::can_delete)),
        ("/api/v1/monitor/search", get(monitor::search)),
        ("/api/v1/monitor/groups/search", get(monitor::search_groups)),
        ("/api/v1/monitor/{id}", get(monitor::get).put(monitor::update).delete(monitor::delete)),
        ("/api/v1/monitor/{id}/validate", post(monitor::validate_existing)),
        ("/api/v1/monitor/{id}/mute", post(monitor::mute)),
        ("/api/v1/monitor/{id}/unmute", post(monitor::unmute)),
        ("/api/v1/downtime", get(monitor::list_downtimes).post(monitor::begin_downtime)),
        ("/api/v1/downtime/{id}", get(monitor::get_downtime).delete(monitor::cancel_downtime)),
        ("/api/v1/metrics/{name}", get(metric::metadata).put(metric::set_metadata)),
        ("/api/v1/series", post(metric::series_v1)),
        ("/api/v1/distribution_points", post(metric::distributions)),
        ("/api/v1/events", post(metric::event)),
        ("/api/v2/series", post(metric::series_v2)),
        ("/api/v2/metrics", get(metric::list)),
        (
            "/api/v2/metrics/{name}/tags",
            get(metric::configuration)
                .post(metric::configure)
                .patch(metric::reconfigure)
                .delete(metric::unconfigure),
        ),
        ("/api/v2/metrics/{name}/estimate", get(metric::estimate)),
        ("/api/v2/metrics/{name}/volumes", get(metric::volumes)),
        ("/api/v2/metrics/{name}/all-tags", get(metric::all_tags)),
        ("/api/v2/metrics/{name}/active-configurations", get(metric::active)),
    ]
}

/// The API's routes as they are written in the router.
pub(super) fn patterns() -> Vec<&'static str> {
    api().into_iter().map(|(pattern, _)| pattern).collect()
}

/// Every route of the sandbox.
pub(super) fn router(app: SharedApp) -> Router {
    let add = |router: Router<SharedApp>, (pattern, methods)| router.route(pattern, methods);
    let api = api()
        .into_iter()
        .fold(Router::new(), add)
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .layer(from_fn_with_state(Arc::clone(&app), front));
    // The sandbox's own routes are outside the log and need no keys.
    let own = Router::new()
        .route("/_sandbox/instance", get(instance))
        .route("/_sandbox/requests", get(requests))
        .route("/_sandbox/faults", get(faults::show).put(faults::replace).delete(faults::clear))
        .route("/_sandbox/reset", post(reset));
    api.merge(own).with_state(app)
}

async fn unknown() -> Response {
    Refusal::new(StatusCode::NOT_FOUND, "Not found").into_response()
}

async fn instance(State(app): Shared) -> Response {
    json_reply(StatusCode::OK, &json!({ "instance": app.instance }))
}

async fn requests(State(app): Shared) -> Response {
    json_reply(StatusCode::OK, &json!(app.requests()))
}

/// Forgets all monitors, metrics and requests.
async fn reset(State(app): Shared) -> Result<Response, Refusal> {
    {
        let mut monitors = app.monitors_mut();
        let mut metrics = app.metrics_mut();
        app.disk.apply(app.disk.wipe().map_err(Refusal::internal)?)?;
        monitors.reset();
        metrics.reset();
    }
    app.log.lock().unwrap_or_else(PoisonError::into_inner).clear();
    app.disk.durable().await?;
    Ok(json_reply(StatusCode::OK, &json!({})))
}

/// Checks the keys, lets faults have their way and writes the log.
async fn front(State(app): Shared, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = logged(request.uri());
    let pattern = request.extensions().get::<MatchedPath>().cloned();
    let route = pattern.as_ref().map_or(request.uri().path(), MatchedPath::as_str).to_owned();
    let answered = match authorise(&method, request.uri(), request.headers()) {
        Ok(()) => {
            let kind = RequestKind { method: method.as_str(), route: &route };
            faults::answer(&app, kind, request, next).await
        }
        Err(refusal) => Answered::new(refusal.into_response(), false),
    };
    let Answered { reply, status, carried_out, delay } = answered;
    app.record(RequestRecord { method: method.to_string(), path, status, carried_out });
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    reply
}

/// The path and query without keys: some clients still send them there.
fn logged(uri: &Uri) -> String {
    let Some(query) = uri.query() else { return uri.path().to_owned() };
    let secret = |pair: &&str| !pair.starts_with("api_key=") && !pair.starts_with("application_key=");
    let kept: Vec<&str> = query.split('&').filter(secret).collect();
    if kept.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), kept.join("&")) }
}

/// The intakes and the key check take the API key alone; all else needs both keys, or a bearer token.
/// Any key that is not empty will do.
fn authorise(method: &Method, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    let header = |name: &str| headers.get(name).is_some_and(|value| !value.is_empty());
    let query = |name: &str| {
        let pairs = uri.query().unwrap_or_default().split('&');
        pairs.filter_map(|pair| pair.split_once('=')).any(|(key, value)| key == name && !value.is_empty())
    };
    let bearer = headers.get("authorization").and_then(|value| value.to_str().ok()).is_some_and(|value| {
        value
            .split_once(' ')
            .is_some_and(|(kind, token)| kind.eq_ignore_ascii_case("bearer") && !token.trim().is_empty())
    });
    let api = bearer || header("dd-api-key") || query("api_key");
    let application = bearer || header("dd-application-key") || query("application_key");
    let checks_key = uri.path() == "/api/v1/validate";
    let intake = *method == Method::POST
        && matches!(
            uri.path(),
            "/api/v1/series" | "/api/v1/distribution_points" | "/api/v1/events" | "/api/v2/series"
        );
    if api && (application || checks_key || intake) {
        return Ok(());
    }
    // Validate-API-key-returns-Forbidden-response.json; the other endpoints' words are not recorded.
    let message = if checks_key { "API key required" } else { "Forbidden" };
    Err(Refusal::new(StatusCode::FORBIDDEN, message))
}
