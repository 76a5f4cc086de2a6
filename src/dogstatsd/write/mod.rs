//! Writing lines: gauges, counts and events, and payloads that never exceed their budget of bytes.
//!
//! What is written is what [`parse`](super::parse) reads. Nothing is cut silently: what does not fit is refused.

mod event;
mod packets;
mod sample;
mod tag;

use std::fmt;

pub use event::{AlertType, EventLine};
pub use packets::Packets;
pub use sample::Sample;
pub use tag::{tag_key, tag_value};

/// Why something is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The metric's name is empty, or has other than letters, digits, `_` and `.`.
    BadName,
    /// The value is infinite or not a number.
    NotFinite,
    /// An event without title or text.
    EmptyEvent,
    /// A line that holds a line break, or nothing.
    NotALine,
    /// A line that is longer than a payload may be.
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The most that a payload may have.
        max: usize,
    },
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName => f.write_str("the metric's name has other than letters, digits, `_` and `.`"),
            Self::NotFinite => f.write_str("the value is not finite"),
            Self::EmptyEvent => f.write_str("the event has no title or no text"),
            Self::NotALine => f.write_str("the line is empty or holds a line break"),
            Self::TooLong { length, max } => {
                write!(f, "the line has {length} bytes, and a payload may have {max}")
            }
        }
    }
}

impl std::error::Error for Refused {}
