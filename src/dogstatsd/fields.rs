//! The fields of a line: what stands between its `|`.

use memchr::memchr;

/// The fields that follow the fixed part of a line. An empty one ends them, as in the Agent's successor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fields<'l>(&'l str);

impl<'l> Fields<'l> {
    pub(super) fn new(text: &'l str) -> Self {
        Self(text)
    }

    /// The fields in order, whatever they are.
    pub fn iter(self) -> impl Iterator<Item = &'l str> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (field, tail) = split(rest, b'|');
            rest = tail.unwrap_or_default();
            (!field.is_empty()).then_some(field)
        })
    }
}

/// What stands before the first `end`, and what after it, if there is one.
pub(super) fn split(text: &str, end: u8) -> (&str, Option<&str>) {
    match memchr(end, text.as_bytes()) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// The same where `end` is but a few bytes away, which a plain loop finds sooner.
pub(super) fn split_near(text: &str, end: u8) -> (&str, Option<&str>) {
    match text.bytes().position(|byte| byte == end) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}
