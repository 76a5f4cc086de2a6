//! A single value, and the id that it is.

use std::borrow::Cow;
use std::fmt;

/// The value of a wanted field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Id<'a> {
    /// An `int` or a `long`.
    Integer(i64),
    /// The text of a `string` or an enum's symbol; `true` or `false`; a fixed `uuid` in its canonical form;
    /// other bytes in lower-case hexadecimal digits.
    Text(Cow<'a, str>),
}

impl Id<'_> {
    /// The same id, which borrows nothing.
    pub fn into_owned(self) -> Id<'static> {
        match self {
            Id::Integer(number) => Id::Integer(number),
            Id::Text(text) => Id::Text(Cow::Owned(text.into_owned())),
        }
    }
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// A value that fits its schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Scalar<'a> {
    /// Null, or what is no id: numbers with a fraction, arrays, maps and records.
    Nothing,
    Boolean(bool),
    Integer(i64),
    Text(&'a str),
    Bytes(Cow<'a, [u8]>),
    Guid([u8; 16]),
}

impl<'a> Scalar<'a> {
    /// The id, if it is one.
    pub fn id(self) -> Option<Id<'a>> {
        Some(match self {
            Self::Nothing => return None,
            Self::Boolean(value) => Id::Text(Cow::Borrowed(if value { "true" } else { "false" })),
            Self::Integer(number) => Id::Integer(number),
            Self::Text(text) => Id::Text(Cow::Borrowed(text)),
            Self::Bytes(bytes) => Id::Text(Cow::Owned(hexadecimal(&bytes))),
            Self::Guid(bytes) => Id::Text(Cow::Owned(guid_text(bytes))),
        })
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xF)]).collect()
}

fn guid_text(bytes: [u8; 16]) -> String {
    let mut text = hexadecimal(&bytes);
    // From the back, so that the places in front stay.
    for hyphen in [20, 16, 12, 8] {
        text.insert(hyphen, '-');
    }
    text
}

/// The bytes of a GUID that is written with hyphens, in digits of either case.
pub(super) fn guid(text: &str) -> Option<[u8; 16]> {
    let is_hyphen = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    let fits = |(at, c): (usize, char)| if is_hyphen(at) { c == '-' } else { c.is_ascii_hexdigit() };
    if text.len() != 36 || !text.char_indices().all(fits) {
        return None;
    }
    let number = u128::from_str_radix(&text.replace('-', ""), 16).ok()?;
    Some(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_is_read_and_written() {
        let text = "6f9619ff-8b86-d011-b42d-00c04fc964ff";
        let bytes = guid(&text.to_uppercase()).expect("a GUID");
        assert_eq!(Scalar::Guid(bytes).id(), Some(Id::Text(text.into())));
        for other in ["", "6f9619ff8b86d011b42d00c04fc964ff", "+f9619ff-8b86-d011-b42d-00c04fc964ff"] {
            assert_eq!(guid(other), None, "{other}");
        }
        assert_eq!(guid(&text.replace('-', "é").chars().take(32).collect::<String>()), None);
    }

    #[test]
    fn bytes_are_hexadecimal_digits() {
        let id = Scalar::Bytes(Cow::Borrowed(&[0, 0x7f, 0xab])).id().expect("an id");
        assert_eq!(id.to_string(), "007fab");
    }
}
