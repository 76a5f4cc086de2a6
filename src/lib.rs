//! bellwether compiles annotated Avro schemas into Datadog monitoring.

pub mod datadog;
pub mod diag;
pub mod model;
pub mod schema;
pub mod store;
