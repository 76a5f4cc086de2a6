//! `POST /events/<record>`: events from programs that have no DogStatsD client.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde_json::json;

use super::App;
use super::reply::{Cause, and_close, error, json_reply};
use super::site::{Encoding, Refusal};

/// How much of a body that is too large is read all the same. A client that is still writing would see its connection
/// break, and not the reply.
const READ_OVER: usize = 4 << 20;

pub(super) async fn post(
    State(app): State<Arc<App>>,
    record: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match take(&app, record, &headers, body).await {
        Ok(accepted) => json_reply(StatusCode::ACCEPTED, &json!({ "accepted": accepted })),
        Err(reply) => *reply,
    }
}

/// Boxed, as it is larger than what is usual.
type Refused = Box<Response>;

async fn take(
    app: &App,
    record: Result<Path<String>, PathRejection>,
    headers: &HeaderMap,
    body: Body,
) -> Result<u64, Refused> {
    let refuse = |cause, message: &str| Box::new(app.refused.refuse(cause, message));
    let Ok(Path(record)) = record else {
        return Err(refuse(Cause::BadRecord, "the record's name is not UTF-8"));
    };
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(refuse(Cause::ContentEncoding, "send the body as it is, without compression"));
    }
    let encoding = encoding(headers).ok_or_else(|| {
        let known = "application/json, application/x-ndjson and application/vnd.apache.avro+binary";
        refuse(Cause::ContentType, &format!("the types of a body are {known}"))
    })?;
    let limit = app.limits.body_bytes;
    if asks_first(headers) && content_length(headers).is_some_and(|length| length > limit) {
        return Err(Box::new(and_close(*refuse(Cause::TooLarge, &too_large(limit)))));
    }
    let read = tokio::time::timeout(app.limits.body_time, read(body, limit)).await;
    let (cause, message) = match read {
        Ok(Ok(body)) => {
            // Counting a mebibyte takes a few milliseconds: less than handing it to another thread is worth, each of
            // which would keep a table of its own.
            return app
                .site
                .events
                .post(&record, &body, encoding)
                .map_err(|refusal| Box::new(told(app, refusal)));
        }
        Ok(Err(Unread::TooLarge)) => (Cause::TooLarge, too_large(limit)),
        Ok(Err(Unread::Broken)) => (Cause::BrokenBody, "the body did not arrive whole".to_owned()),
        Err(_) => {
            let seconds = app.limits.body_time.as_secs_f64();
            (Cause::SlowBody, format!("the body did not arrive within {seconds} s"))
        }
    };
    Err(Box::new(and_close(*refuse(cause, &message))))
}

fn too_large(limit: usize) -> String {
    format!("the body is larger than {limit} bytes")
}

fn told(app: &App, Refusal { unknown_record, cause, message }: Refusal) -> Response {
    if unknown_record {
        return app.refused.refuse_as(Cause::UnknownRecord, cause, &message);
    }
    error(StatusCode::BAD_REQUEST, cause, &message)
}

/// What the body is. Who says nothing sends JSON.
fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Some(Encoding::Json) };
    let value = value.to_str().ok()?.to_ascii_lowercase();
    let (kind, parameters) = value.split_once(';').unwrap_or((&value, ""));
    let charset = parameters.split(';').filter_map(|part| part.trim().strip_prefix("charset="));
    let is_utf8 = charset.map(|name| name.trim_matches('"')).all(|name| matches!(name, "utf-8" | "utf8"));
    match kind.trim() {
        "application/json" | "application/x-ndjson" if is_utf8 => Some(Encoding::Json),
        "avro/binary"
        | "application/avro"
        | "application/vnd.apache.avro+binary"
        | "application/octet-stream" => Some(Encoding::SingleObject),
        _ => None,
    }
}

/// Whether the client waits for a word before it sends the body.
fn asks_first(headers: &HeaderMap) -> bool {
    headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn content_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Why there is no body.
enum Unread {
    TooLarge,
    Broken,
}

/// Reads a body of at most `limit` bytes.
async fn read(mut body: Body, limit: usize) -> Result<Vec<u8>, Unread> {
    let mut kept = Vec::new();
    let mut seen = 0;
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        seen += data.len();
        if seen <= limit {
            kept.extend_from_slice(&data);
        } else if seen > limit + READ_OVER {
            break;
        } else {
            kept = Vec::new();
        }
    }
    if seen <= limit { Ok(kept) } else { Err(Unread::TooLarge) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_a_body_says_how_it_is_read() {
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, value.parse().unwrap());
            encoding(&headers)
        };
        assert_eq!(encoding(&HeaderMap::new()), Some(Encoding::Json));
        assert_eq!(of("Application/JSON; charset=\"UTF-8\""), Some(Encoding::Json));
        assert_eq!(of("application/json;charset=latin1"), None);
        assert_eq!(of("application/x-ndjson"), Some(Encoding::Json));
        for avro in [
            "avro/binary",
            "application/avro",
            "application/vnd.apache.avro+binary",
            "application/octet-stream",
        ] {
            assert_eq!(of(avro), Some(Encoding::SingleObject), "{avro}");
        }
        for other in
            ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
