//! The Avro front end: schema files in, records with their annotations and exact places out.
//!
//! `source` and `lexer` turn bytes into tokens, `idl` and `avro_json` turn tokens into the common
//! representation `ir`, `project` follows imports, `resolve`, `defaults` and `logical` check what was
//! declared, `undefined` guesses what a wrong name means, `set` hands out records and `emit` writes Avro
//! JSON. `types` resolves what the records hold for those who read events, and `canonical` names it by a
//! fingerprint. What an annotation means to Datadog is not known here.

mod attach;
mod avro_json;
mod canonical;
mod cursor;
mod defaults;
mod doc;
mod emit;
mod idl;
mod ir;
mod json;
mod lexer;
mod literal;
mod logical;
mod model;
mod names;
mod project;
mod reach;
mod resolve;
mod set;
mod source;
#[cfg(test)]
mod tests;
mod types;
mod undefined;
mod writer;

pub use canonical::rabin;
pub use model::{Annotation, Field, Misplaced, Place, Record};
pub use project::{InputFile, LoadError, Loader, ParseOptions};
pub use set::{Parsed, SchemaSet, avro_json, parse_project};
pub use types::{DataType, EnumType, FixedType, RecordField, RecordType, TypeId, Types, Undefined};
