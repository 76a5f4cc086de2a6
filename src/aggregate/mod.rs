//! Counting per id inside, to publish a few bounded series instead of a tag per id.

mod rule;

pub use rule::{Per, Rule};
