//! One line of a payload, and why a line is none.

use std::fmt;

use memchr::memchr;

use super::{Event, Metric, ServiceCheck};

/// A line, read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Line<'l> {
    /// Values of a metric.
    Metric(Metric<'l>),
    /// `_e{…}`
    Event(Event<'l>),
    /// `_sc|…`
    ServiceCheck(ServiceCheck<'l>),
}

/// Why a line cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Malformed {
    /// It is not UTF-8.
    NotUtf8,
    /// The metric's name is empty, or not printable ASCII.
    BadName,
    /// There is no value after the name.
    NoValue,
    /// There is no type after the values.
    NoType,
    /// The type is none of `c`, `g`, `ms`, `h`, `s` and `d`.
    UnknownType,
    /// A value is not a number.
    BadValue,
    /// The sample rate is not a number from 0 to 1.
    BadRate,
    /// The timestamp is not a positive whole number.
    BadTimestamp,
    /// The lengths of an event do not fit its title and text, or one of these is empty.
    BadEvent,
    /// A service check has no name, or no status from 0 to 3.
    BadServiceCheck,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "not UTF-8",
            Self::BadName => "the name is empty or not printable ASCII",
            Self::NoValue => "no value after the name",
            Self::NoType => "no type after the value",
            Self::UnknownType => "an unknown type",
            Self::BadValue => "a value that is not a number",
            Self::BadRate => "a sample rate that is not from 0 to 1",
            Self::BadTimestamp => "a timestamp that is not a positive whole number",
            Self::BadEvent => "an event whose lengths do not fit its title and text",
            Self::BadServiceCheck => "a service check without name or status",
        })
    }
}

impl std::error::Error for Malformed {}

/// The lines of a payload. Empty ones are left out.
pub fn lines(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = payload;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            if !line.is_empty() {
                return Some(line);
            }
        }
    })
}

/// Reads one line, without its line break. A carriage return before that belongs to it, as the Agent has it.
#[inline]
pub fn parse(line: &[u8]) -> Result<Line<'_>, Malformed> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = std::str::from_utf8(line).map_err(|_| Malformed::NotUtf8)?;
    if let Some(rest) = text.strip_prefix("_e{") {
        return Event::read(rest).map(Line::Event);
    }
    if let Some(rest) = text.strip_prefix("_sc|") {
        return ServiceCheck::read(rest).map(Line::ServiceCheck);
    }
    Metric::read(text).map(Line::Metric)
}
