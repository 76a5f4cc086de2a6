//! The sandbox over real sockets: each rewrite and each refusal, with small fixtures of its own.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod client;
mod faults;
mod hostile;
mod life;
mod metrics;
mod refusals;
mod rewrites;
mod routes;
