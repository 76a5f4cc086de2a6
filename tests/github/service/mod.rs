//! The webhook service, between a GitHub double and a Datadog sandbox.

mod life;
mod support;
