//! bellwether compiles annotated Avro schemas into Datadog monitoring.
//!
//! Data flows one way: [`schema`] reads schema files, [`compile`] makes the desired-state graph of their annotations with the
//! kinds of the [`catalog`], [`plan`] compares it with a snapshot of Datadog, [`render`] tells people, and [`apply`] writes.
//! [`ops`] are the use cases, [`cli`] is the door. `docs/architecture.md` says who may use whom, and a test holds it.

pub mod aggregate;
#[cfg(feature = "cli")]
pub mod apply;
#[cfg(feature = "cli")]
pub mod catalog;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod compile;
#[cfg(feature = "cli")]
pub mod config;
#[cfg(all(feature = "cli", unix))]
pub mod daemon;
#[cfg(feature = "cli")]
pub mod datadog;
#[cfg(feature = "cli")]
pub mod diag;
#[cfg(feature = "cli")]
pub mod diff;
pub mod dogstatsd;
#[cfg(feature = "cli")]
pub mod event;
#[cfg(feature = "cli")]
pub mod fleet;
#[cfg(feature = "cli")]
pub mod github;
pub mod model;
#[cfg(feature = "cli")]
pub mod normalise;
#[cfg(feature = "cli")]
pub mod ops;
#[cfg(feature = "cli")]
pub mod parallel;
#[cfg(feature = "cli")]
pub mod plan;
#[cfg(feature = "cli")]
pub mod project;
pub mod publisher;
#[cfg(feature = "cli")]
pub mod query;
#[cfg(feature = "cli")]
pub mod render;
#[cfg(feature = "cli")]
pub mod retry;
#[cfg(feature = "cli")]
pub mod review;
#[cfg(feature = "cli")]
pub mod sandbox;
#[cfg(feature = "cli")]
pub mod schema;
#[cfg(feature = "cli")]
pub mod secret;
#[cfg(feature = "cli")]
pub mod serve;
#[cfg(feature = "cli")]
pub mod stop;
#[cfg(feature = "cli")]
pub mod store;
#[cfg(feature = "cli")]
pub mod suggest;
#[cfg(feature = "cli")]
pub mod text;
#[cfg(feature = "cli")]
pub mod units;
#[cfg(feature = "cli")]
pub mod value;
