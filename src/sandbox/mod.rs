//! A stateful Datadog double over HTTP: monitors, metrics and what surrounds them, with the rewrites,
//! defaults and refusals of the real API as its recordings show them.
//!
//! It serves `sandbox = true` environments, the `sandbox` command and the tests. It works on raw JSON and
//! uses no other part of bellwether: what it believes about Datadog, it believes by itself.

mod check;
mod clock;
mod disk;
mod downtimes;
mod error;
mod faults;
mod http;
mod lex;
mod metric_routes;
mod metrics;
mod monitor_routes;
mod monitors;
mod payload;
mod query;
mod reply;
mod rewrite;
mod search;
mod server;
mod view;

pub use clock::Clock;
pub use error::SandboxError;
pub use faults::{Faults, FaultsError, Limit, Rule, RuleCount};
pub use http::RequestRecord;
pub use server::{Attached, Options, Running, Sandbox, Storage};
