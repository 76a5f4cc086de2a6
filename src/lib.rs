//! bellwether compiles annotated Avro schemas into Datadog monitoring.

pub mod diag;
pub mod model;
pub mod sandbox;
pub mod schema;
