//! Carries out what was decided: the answer that is sent, and what was done before it.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use serde_json::Value;

use super::super::http::App;
use super::super::reply::Refusal;
use super::decide::{Answer, Decision, Fault, RequestKind, Standing};

/// How much of a request's body is read when nothing is done with it.
const UNREAD: usize = 64 << 20;

/// An answer, with what the log says of it.
pub(in super::super) struct Answered {
    pub(in super::super) reply: Response,
    /// 0 for a closed connection.
    pub(in super::super) status: u16,
    pub(in super::super) carried_out: bool,
    /// How much later it is to be sent.
    pub(in super::super) delay: Duration,
}

/// Answers a request, with the fault that it meets.
pub(in super::super) async fn answer(
    app: &App,
    kind: RequestKind<'_>,
    request: Request,
    next: Next,
) -> Answered {
    let Decision { standing, fault } = app.faults().decide(kind, app.now());
    let exceeded = standing.as_ref().filter(|standing| standing.exceeded);
    let mut answered = match (exceeded, fault) {
        (Some(standing), _) => {
            receive(request).await;
            Answered::new(too_many(standing), false)
        }
        (None, Some(fault)) => meet(app, fault, request, next).await,
        (None, None) => Answered::new(next.run(request).await, true),
    };
    if let Some(standing) = &standing {
        describe(&mut answered.reply, standing);
    }
    answered
}

impl Answered {
    pub(in super::super) fn new(reply: Response, carried_out: bool) -> Self {
        Self { status: reply.status().as_u16(), reply, carried_out, delay: Duration::ZERO }
    }
}

async fn meet(app: &App, fault: Fault, request: Request, next: Next) -> Answered {
    let own = if fault.carried_out {
        let mut own = next.run(request).await;
        if fault.hold > 0 {
            own = hold(app, own, fault.hold).await;
        }
        own
    } else {
        receive(request).await;
        Response::default()
    };
    let is_closed = fault.answer == Answer::Closed;
    let mut answered = Answered::new(send(fault.answer, own).await, fault.carried_out);
    if is_closed {
        answered.status = 0;
    }
    answered.delay = fault.delay;
    answered
}

/// Reads a request that nothing is done with: a client that is still writing would see a broken pipe.
async fn receive(request: Request) {
    drop(to_bytes(request.into_body(), UNREAD).await);
}

/// Hides the monitor that an answer is about.
async fn hold(app: &App, own: Response, lists: u32) -> Response {
    let is_success = own.status().is_success();
    let (parts, body) = own.into_parts();
    let body = whole(body).await;
    let id = serde_json::from_slice::<Value>(&body).ok().and_then(|body| body.get("id")?.as_u64());
    if let Some(id) = id.filter(|_| is_success) {
        app.faults().hold(id, lists);
    }
    Response::from_parts(parts, Body::from(body))
}

/// A body that the sandbox made, which is in memory.
async fn whole(body: Body) -> Bytes {
    to_bytes(body, usize::MAX).await.unwrap_or_default()
}

async fn send(answer: Answer, own: Response) -> Response {
    let (mut parts, body) = match answer {
        Answer::Own => return own,
        Answer::Instead { status, headers, body } => {
            let mut reply = Response::new(Body::from(body));
            *reply.status_mut() = status;
            *reply.headers_mut() = headers;
            return reply;
        }
        Answer::Closed => return Response::new(broken(Bytes::new())),
        Answer::BrokenOff(_) | Answer::Cut(_) | Answer::Shortened(_) => own.into_parts(),
    };
    let body = whole(body).await;
    parts.headers.remove(header::CONTENT_LENGTH);
    let body = match answer {
        Answer::BrokenOff(bytes) if bytes < body.len() => {
            parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
            broken(body.slice(..bytes))
        }
        Answer::Cut(bytes) => Body::from(body.slice(..bytes.min(body.len()))),
        Answer::Shortened(entries) => Body::from(shortened(&body, entries)),
        _ => Body::from(body),
    };
    Response::from_parts(parts, body)
}

/// A body that fails after `start`, on which the server closes the connection. If it fails before anything was
/// sent, not even the status is.
fn broken(start: Bytes) -> Body {
    let failure = || Err(io::Error::other("closed on purpose"));
    if start.is_empty() {
        return Body::from_stream(stream::once(async move { failure() }));
    }
    let end = stream::once(async move {
        // The server sends what it has when it has to wait, and drops it on a failure.
        tokio::task::yield_now().await;
        failure()
    });
    Body::from_stream(stream::once(async move { Ok(start) }).chain(end))
}

/// A JSON list without its last entries. What is no list, such as an error, stays as it is.
fn shortened(body: &Bytes, entries: usize) -> Bytes {
    match serde_json::from_slice(body) {
        Ok(Value::Array(mut list)) => {
            list.truncate(list.len().saturating_sub(entries));
            Value::Array(list).to_string().into()
        }
        _ => body.clone(),
    }
}

fn too_many(standing: &Standing) -> Response {
    let limit = &standing.limit;
    let message = format!(
        "Rate limit of {} requests in {} seconds reached. Please try again later.",
        limit.limit, limit.period
    );
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, message).into_response()
}

/// Adds the headers of a limit; those that a rule has set stay.
fn describe(reply: &mut Response, standing: &Standing) {
    let limit = &standing.limit;
    let headers = [
        ("x-ratelimit-limit", HeaderValue::from(limit.limit)),
        ("x-ratelimit-period", HeaderValue::from(limit.period)),
        ("x-ratelimit-remaining", HeaderValue::from(standing.remaining)),
        ("x-ratelimit-reset", HeaderValue::from(standing.reset)),
        ("x-ratelimit-name", HeaderValue::from_str(&limit.name).unwrap_or(HeaderValue::from_static(""))),
    ];
    for (name, value) in headers {
        reply.headers_mut().entry(name).or_insert(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_lose_their_last_entries_and_nothing_else_does() {
        let after = |body: &'static str, entries| shortened(&Bytes::from_static(body.as_bytes()), entries);
        assert_eq!(after("[1,2,3]", 1), "[1,2]");
        assert_eq!(after("[1,2,3]", 9), "[]");
        assert_eq!(after("{\"errors\":[]}", 1), "{\"errors\":[]}");
    }
}
