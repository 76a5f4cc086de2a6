//! The Avro front end.

mod attach;
mod avro_json;
mod cursor;
mod doc;
mod idl;
mod ir;
pub mod json;
mod lexer;
mod literal;
mod model;
mod names;
mod source;

pub use model::{Annotation, Field, Misplaced, Place, Record};
