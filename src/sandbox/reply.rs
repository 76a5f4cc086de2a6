//! Replies: JSON bodies, and refusals in the two shapes the real API uses.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A request that is answered with an error.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    body: Value,
}

impl Refusal {
    /// The shape of every recorded v1 error and most v2 errors: `{"errors":[text]}`.
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, body: json!({ "errors": [message.into()] }) }
    }

    /// An error whose body has its own shape (`can_delete`).
    pub(super) fn with_body(status: StatusCode, body: Value) -> Self {
        Self { status, body }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// The wording of `Create-a-monitor-returns-Bad-Request-response.json`.
    pub(super) fn parameter(name: &str, detail: impl std::fmt::Display) -> Self {
        Self::bad(format!("The value provided for parameter '{name}' is invalid: {detail}"))
    }

    /// `Get-a-monitor-s-details-returns-Monitor-Not-Found-error-response.json`.
    pub(super) fn no_monitor() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Monitor not found")
    }

    pub(super) fn internal(detail: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, format!("sandbox storage failed: {detail}"))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        json_reply(self.status, &self.body)
    }
}

/// A JSON reply from a value.
pub(super) fn json_reply(status: StatusCode, body: &Value) -> Response {
    bytes_reply(status, body.to_string().into_bytes())
}

/// A JSON reply from bytes that are JSON already.
pub(super) fn bytes_reply(status: StatusCode, body: Vec<u8>) -> Response {
    typed_reply(status, "application/json", body)
}

/// A reply of another content type; the v1 series intake answers `text/json` (recorded).
pub(super) fn typed_reply(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Response {
    let mut reply = Response::new(Body::from(body));
    *reply.status_mut() = status;
    reply.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}
