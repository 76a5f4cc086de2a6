//! What is checked of every request, and said with every reply.
//!
//! A page of any web site can send requests to a visitor's own machine. It cannot read the replies, as there are no
//! CORS headers, unless its name leads to this machine too ("DNS rebinding"): so on the loopback, only loopback names
//! are answered. And it may post without being asked, which only the browser's own headers tell.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::App;
use super::reply::{Cause, and_close};

/// The longest path with its query. A record's name is far shorter.
const LONGEST_PATH: usize = 2048;

/// Only this server's own files are loaded and asked, no text becomes code, and nobody puts the page in a frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// The names that a request may call the server.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hosts {
    /// It listens for other machines, which may know it by any name.
    Any,
    /// It listens on this address of the loopback.
    Loopback(IpAddr),
}

impl Hosts {
    pub(super) fn of(bound: SocketAddr) -> Self {
        let address = bound.ip().to_canonical();
        if address.is_loopback() { Self::Loopback(address) } else { Self::Any }
    }

    fn know(self, host: &str) -> bool {
        let Self::Loopback(bound) = self else { return true };
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host();
        let address = name.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_ours = |address: IpAddr| address.is_loopback() || address == bound;
        address.map_or_else(|_| is_localhost(name), |address| is_ours(address.to_canonical()))
            // `user@localhost` is nobody's way to call a server.
            && !host.contains('@')
    }
}

fn is_localhost(name: &str) -> bool {
    name.strip_suffix('.').unwrap_or(name).eq_ignore_ascii_case("localhost")
}

/// Checks a request, waits for nothing, and adds the headers of all replies.
pub(super) async fn front(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let is_probe = request.uri().path() == "/health";
    let mut reply = match refusal(&app, &request) {
        Some((cause, message)) => and_close(app.refused.refuse(cause, message)),
        None if is_probe => next.run(request).await,
        None => match app.turns.try_acquire() {
            Ok(_turn) => next.run(request).await,
            Err(_) => busy(&app),
        },
    };
    for (name, value) in HEADERS {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    reply
}

fn busy(app: &App) -> Response {
    let mut reply = and_close(app.refused.refuse(Cause::Busy, "too many requests at a time; try again"));
    reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    reply
}

fn refusal(app: &App, request: &Request) -> Option<(Cause, &'static str)> {
    let (uri, headers) = (request.uri(), request.headers());
    if uri.path().len() + uri.query().map_or(0, str::len) > LONGEST_PATH {
        return Some((Cause::LongPath, "the path is longer than any of this server"));
    }
    if !names(uri, headers).all(|name| name.is_some_and(|name| app.hosts.know(name))) {
        let message = "this server is for its own machine: call it localhost, or by a loopback address";
        return Some((Cause::WrongHost, message));
    }
    if *request.method() != Method::GET && *request.method() != Method::HEAD && is_other_site(headers) {
        return Some((Cause::OtherSite, "a page of another web site may not send this"));
    }
    None
}

/// What the request calls the server, at least one name: a header that is missing or no text counts as none.
fn names<'r>(uri: &'r Uri, headers: &'r HeaderMap) -> impl Iterator<Item = Option<&'r str>> {
    let of_headers = headers.get_all(header::HOST).iter().map(|value| value.to_str().ok());
    let of_uri = uri.authority().map(|authority| Some(authority.as_str()));
    let missing = (!headers.contains_key(header::HOST) && of_uri.is_none()).then_some(Some(""));
    of_headers.chain(of_uri).chain(missing)
}

/// Whether a browser says that another site is behind the request. Other programs say nothing of the kind.
fn is_other_site(headers: &HeaderMap) -> bool {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let site = text(HeaderName::from_static("sec-fetch-site"));
    let comes_from_elsewhere = site.is_some_and(|site| !matches!(site, "same-origin" | "none"));
    let host = text(header::HOST).unwrap_or_default();
    let is_foreign = |origin: &str| origin.split_once("://").is_none_or(|(_, name)| name != host);
    comes_from_elsewhere || text(header::ORIGIN).is_some_and(is_foreign)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_the_loopback_knows_its_names() {
        let hosts = Hosts::of(([127, 0, 0, 1], 8126).into());
        let known =
            ["localhost", "LOCALHOST.:80", "127.0.0.1:8126", "127.9.9.9", "[::1]:8126", "[::ffff:127.0.0.1]"];
        let unknown = [
            "",
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "a@localhost",
        ];
        assert!(known.iter().all(|name| hosts.know(name)), "{known:?}");
        for name in unknown {
            assert!(!hosts.know(name), "{name}");
        }
        assert!(Hosts::of(([0, 0, 0, 0], 8126).into()).know("aggregator.example"));
    }
}
