//! The sandbox over real sockets: each rewrite and each refusal, with small fixtures of its own.

mod client;
mod life;
mod metrics;
mod refusals;
mod rewrites;
mod routes;
