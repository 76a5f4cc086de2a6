//! The daemon's HTTP side: its page, the same as JSON, its health, its metrics, and events by `POST`.
//!
//! It is for people and programs of the same machine or network and has no passwords, so it shows nothing secret,
//! changes nothing but counts, and lets no other web site speak through a visitor's browser (`guard`). All that it
//! holds is bounded: connections, requests at a time, bodies, and how long each may take.

mod connections;
mod events;
mod guard;
mod metrics;
mod page;
mod reply;
mod site;
mod top;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};

use connections::Connections;
use guard::Hosts;
use reply::Refused;
pub use site::{Counters, Encoding, EventSink, HealthSource, Pulse, Refusal, Site};

/// What is done at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The bytes of a body.
    pub body_bytes: usize,
    /// How long a body may take to arrive.
    pub body_time: Duration,
    /// Requests at a time; `/health` is answered above it too.
    pub requests: usize,
    /// Connections at a time; more have to wait to be accepted.
    pub connections: usize,
    /// How long a connection may be without a byte of a reply, be it idle or slow.
    pub silence: Duration,
    /// How long open requests may take when the server stops.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 1 << 20,
            body_time: Duration::from_secs(10),
            requests: 64,
            connections: 256,
            silence: Duration::from_secs(60),
            drain: Duration::from_secs(5),
        }
    }
}

/// The server.
pub struct Http {
    listener: TcpListener,
    site: Arc<Site>,
    limits: Limits,
}

/// What all requests share.
struct App {
    site: Arc<Site>,
    limits: Limits,
    refused: Refused,
    /// The names that a request may call this server; any, if other machines reach it.
    hosts: Hosts,
    turns: Semaphore,
}

impl Http {
    /// A server of this site, with the default limits. The caller says where it listens: on the loopback, unless people
    /// want otherwise.
    pub fn new(listener: TcpListener, site: Arc<Site>) -> Self {
        Self { listener, site, limits: Limits::default() }
    }

    /// The same with other limits.
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Serves until `until` is done, then answers the open requests, as long as the limits let it.
    ///
    /// # Errors
    ///
    /// When the listener has no address, or accepts no longer.
    pub async fn serve(self, until: impl Future<Output = ()> + Send + 'static) -> io::Result<()> {
        let Self { listener, site, limits } = self;
        let hosts = Hosts::of(listener.local_addr()?);
        let turns = Semaphore::new(limits.requests);
        let app = Arc::new(App { site, limits, refused: Refused::default(), hosts, turns });
        let (stopping, stopped) = oneshot::channel::<()>();
        let until = async move {
            until.await;
            drop(stopping);
        };
        let connections = Connections::new(listener, limits);
        let server = axum::serve(connections, router(app)).with_graceful_shutdown(until);
        let patience = async move {
            drop(stopped.await);
            tokio::time::sleep(limits.drain).await;
        };
        tokio::select! {
            served = server => served,
            () = patience => Ok(()),
        }
    }
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Http").field("listener", &self.listener).finish_non_exhaustive()
    }
}

fn router(app: Arc<App>) -> Router {
    let pages = page::FILES.iter().fold(Router::new(), |router, file| {
        router.route(file.path, get(move || async move { file.response() }))
    });
    pages
        .route("/api/top", get(top::show))
        .route("/health", get(top::health))
        .route("/metrics", get(metrics::show))
        .route("/events/{record}", post(events::post))
        .fallback(unknown)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(Arc::clone(&app), guard::front))
        .with_state(app)
}

async fn unknown(uri: Uri) -> Response {
    let help = match uri.path().starts_with("/events") {
        true => "events are posted to /events/<the record's full name>",
        false => "there are /, /api/top, /health, /metrics and /events/<record>",
    };
    reply::error(StatusCode::NOT_FOUND, "no_such_path", help)
}

async fn not_allowed() -> Response {
    reply::error(
        StatusCode::METHOD_NOT_ALLOWED,
        "method",
        "this path has no such method; see the header Allow",
    )
}
