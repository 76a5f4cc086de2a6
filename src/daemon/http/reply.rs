//! Replies in JSON, and a count of those that are refusals.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::text::clean;

/// A reply with a JSON body.
pub(super) fn json_reply(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// A refusal: a cause for programs and a message for people.
pub(super) fn error(status: StatusCode, cause: &str, message: &str) -> Response {
    json_reply(status, &json!({ "error": { "cause": cause, "message": clean(message) } }))
}

/// Ends the connection after this reply: what is left of the request is not worth reading.
pub(super) fn and_close(mut reply: Response) -> Response {
    reply.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// Why the server itself refuses a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    WrongHost,
    OtherSite,
    LongPath,
    Busy,
    BadRecord,
    UnknownRecord,
    ContentType,
    ContentEncoding,
    TooLarge,
    SlowBody,
    BrokenBody,
}

impl Cause {
    const ALL: [Self; 11] = [
        Self::WrongHost,
        Self::OtherSite,
        Self::LongPath,
        Self::Busy,
        Self::BadRecord,
        Self::UnknownRecord,
        Self::ContentType,
        Self::ContentEncoding,
        Self::TooLarge,
        Self::SlowBody,
        Self::BrokenBody,
    ];

    /// The cause in a word, and the status that goes with it.
    fn told(self) -> (&'static str, StatusCode) {
        match self {
            Self::WrongHost => ("wrong_host", StatusCode::MISDIRECTED_REQUEST),
            Self::OtherSite => ("other_site", StatusCode::FORBIDDEN),
            Self::LongPath => ("long_path", StatusCode::URI_TOO_LONG),
            Self::Busy => ("busy", StatusCode::SERVICE_UNAVAILABLE),
            Self::BadRecord => ("bad_record", StatusCode::BAD_REQUEST),
            Self::UnknownRecord => ("unknown_record", StatusCode::NOT_FOUND),
            Self::ContentType => ("content_type", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::ContentEncoding => ("content_encoding", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Self::TooLarge => ("too_large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::SlowBody => ("slow_body", StatusCode::REQUEST_TIMEOUT),
            Self::BrokenBody => ("broken_body", StatusCode::BAD_REQUEST),
        }
    }
}

/// How often the server has refused a request, by cause.
#[derive(Debug, Default)]
pub(super) struct Refused([AtomicU64; Cause::ALL.len()]);

impl Refused {
    /// The refusal of a request, counted.
    pub(super) fn refuse(&self, cause: Cause, message: &str) -> Response {
        self.refuse_as(cause, cause.told().0, message)
    }

    /// The same, told in another's word.
    pub(super) fn refuse_as(&self, cause: Cause, word: &str, message: &str) -> Response {
        self.0[cause as usize].fetch_add(1, Ordering::Relaxed);
        error(cause.told().1, word, message)
    }

    /// The counts as they are now.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, u64> {
        let count = |cause: Cause| (cause.told().0, self.0[cause as usize].load(Ordering::Relaxed));
        Cause::ALL.into_iter().map(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_stand_in_their_order() {
        for (at, cause) in Cause::ALL.into_iter().enumerate() {
            assert_eq!(at, cause as usize);
        }
    }
}
