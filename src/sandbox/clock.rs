//! The sandbox's time: a function, so that tests can stand still or jump.

use std::sync::Arc;

use jiff::Timestamp;

/// Tells the sandbox what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The system's clock.
pub fn system() -> Clock {
    Arc::new(Timestamp::now)
}

/// The form of `created` and `modified` in every recording: microseconds and `+00:00`, never `Z`.
pub(super) fn rfc3339(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}
