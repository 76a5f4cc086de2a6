//! bellwether compiles annotated Avro schemas into Datadog monitoring.
//!
//! Data flows one way: [`schema`] reads schema files, [`compile`] makes the desired-state graph of their annotations with the
//! kinds of the [`catalog`], [`plan`] compares it with a snapshot of Datadog, [`render`] tells people, and [`apply`] writes.
//! [`ops`] are the use cases, [`cli`] is the door. `docs/architecture.md` says who may use whom, and a test holds it.

pub mod apply;
pub mod catalog;
pub mod cli;
pub mod compile;
pub mod config;
pub mod datadog;
pub mod diag;
pub mod diff;
pub mod model;
pub mod normalise;
pub mod ops;
pub mod parallel;
pub mod plan;
pub mod project;
pub mod query;
pub mod render;
pub mod sandbox;
pub mod schema;
pub mod stop;
pub mod store;
pub mod suggest;
pub mod text;
pub mod units;
pub mod value;
