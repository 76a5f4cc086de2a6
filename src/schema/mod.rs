//! The Avro front end.

pub mod json;
mod model;

pub use model::{Annotation, Field, Misplaced, Place, Record};
