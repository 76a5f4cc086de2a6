//! The DogStatsD protocol, versions 1.0 to 1.6: reading lines without copying them, and writing lines within a byte budget.
//!
//! Bytes in, bytes out: sockets, clocks and what a line is counted for are others' business.

mod fields;
mod metric;
mod notice;
mod parse;
mod tags;
#[cfg(test)]
mod tests;
pub mod write;

pub use fields::Fields;
pub use metric::{Cardinality, Kind, Metric, Numbers, Values};
pub use notice::{Event, ServiceCheck};
pub use parse::{Line, Malformed, lines, parse};
pub use tags::{Role, Tag, Tags};
