//! What differs between what the schemas ask for, what Datadog holds, and what was last applied.
//!
//! Synchronous and pure: documents in, differences out.

mod fields;
mod merge;
mod text;

pub use fields::{Base, ChangedBy, FieldDifference, compare};
pub use merge::write_body;
pub use text::{LineChange, lines, marked_tokens};
