//! Events and service checks. They are passed on as they are, so only what frames them is read.

use super::fields::{Fields, split};
use super::{Malformed, Tags};

/// An event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'l> {
    /// The title as sent: a line break is a backslash and an `n`.
    pub title: &'l str,
    /// The text, likewise.
    pub text: &'l str,
    /// What follows: `d:`, `h:`, `k:`, `p:`, `s:`, `t:`, `#` and so on.
    pub fields: Fields<'l>,
}

impl<'l> Event<'l> {
    /// Reads what follows `_e{`.
    pub(super) fn read(rest: &'l str) -> Result<Self, Malformed> {
        Self::framed(rest).ok_or(Malformed::BadEvent)
    }

    fn framed(rest: &'l str) -> Option<Self> {
        let (lengths, rest) = rest.split_once("}:")?;
        let (title, text) = lengths.split_once(',')?;
        let (title, text) = (length(title)?, length(text)?);
        // A length that ends inside a character fails here too.
        let (title, rest) = rest.split_at_checked(title)?;
        let (text, rest) = rest.strip_prefix('|')?.split_at_checked(text)?;
        let fields = if rest.is_empty() { rest } else { rest.strip_prefix('|')? };
        Some(Self { title, text, fields: Fields::new(fields) })
    }

    /// Its tags.
    pub fn tags(&self) -> Tags<'l> {
        tags(self.fields)
    }
}

/// A service check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceCheck<'l> {
    /// Its name.
    pub name: &'l str,
    /// 0 ok, 1 warning, 2 critical, 3 unknown.
    pub status: u8,
    /// What follows: `d:`, `h:`, `#`, `m:`, and, in spite of the documentation, more after the message.
    pub fields: Fields<'l>,
}

impl<'l> ServiceCheck<'l> {
    /// Reads what follows `_sc|`.
    pub(super) fn read(rest: &'l str) -> Result<Self, Malformed> {
        let (name, rest) = split(rest, b'|');
        let (status, rest) = split(rest.ok_or(Malformed::BadServiceCheck)?, b'|');
        let status = match status.as_bytes() {
            [digit @ b'0'..=b'3'] if !name.is_empty() => digit - b'0',
            _ => return Err(Malformed::BadServiceCheck),
        };
        Ok(Self { name, status, fields: Fields::new(rest.unwrap_or_default()) })
    }

    /// Its message, without the fields that clients write after it.
    pub fn message(&self) -> Option<&'l str> {
        self.fields.iter().find_map(|field| field.strip_prefix("m:"))
    }

    /// Its tags.
    pub fn tags(&self) -> Tags<'l> {
        tags(self.fields)
    }
}

fn length(text: &str) -> Option<usize> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|length| is_number && *length > 0)
}

fn tags(fields: Fields<'_>) -> Tags<'_> {
    fields.iter().find_map(|field| field.strip_prefix('#')).map(Tags::new).unwrap_or_default()
}
