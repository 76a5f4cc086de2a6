//! bellwether compiles annotated Avro schemas into Datadog monitoring.

pub mod catalog;
pub mod compile;
pub mod config;
pub mod diag;
pub mod model;
pub mod query;
pub mod schema;
pub mod suggest;
