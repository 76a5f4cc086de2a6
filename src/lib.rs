//! bellwether compiles annotated Avro schemas into Datadog monitoring.

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
pub mod store;
pub mod suggest;
pub mod text;
pub mod units;
pub mod value;
