//! `/_sandbox/faults`: what is in force, something else, or nothing.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::super::http::Shared;
use super::super::payload::Payload;
use super::super::reply::{Refusal, json_reply};
use super::decide::Active;
use super::settings::Faults;

/// The faults as one would send them, and beside them what was counted for each rule.
pub(in super::super) async fn show(State(app): Shared) -> Response {
    let active = app.faults();
    json_reply(StatusCode::OK, &json!({ "faults": active.settings(), "counts": active.counts() }))
}

/// Puts other faults in force; all counts begin anew.
pub(in super::super) async fn replace(state: Shared, payload: Payload) -> Result<Response, Refusal> {
    let faults = Faults::from_json(payload.json()?);
    faults.and_then(|faults| state.set_faults(faults)).map_err(|error| Refusal::bad(error.to_string()))?;
    Ok(show(state).await)
}

/// Ends all faults.
pub(in super::super) async fn clear(state: Shared) -> Response {
    *state.faults() = Active::default();
    show(state).await
}
