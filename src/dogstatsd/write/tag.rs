//! Tags from outside: what would end a tag, a field or a line cannot stand in one.

use std::borrow::Cow;

/// A tag's value as it can be written. What came out owned was changed: each `|`, comma and control character is a `_`
/// now. Ordinary ids come out as they went in.
pub fn tag_value(text: &str) -> Cow<'_, str> {
    replaced(text, |c| matches!(c, '|' | ',') || c.is_control())
}

/// A tag's key, likewise; it has no colon either.
pub fn tag_key(text: &str) -> Cow<'_, str> {
    replaced(text, |c| matches!(c, '|' | ',' | ':') || c.is_control())
}

/// A field of an event, likewise.
pub(super) fn field(text: &str) -> Cow<'_, str> {
    replaced(text, |c| c == '|' || c.is_control())
}

fn replaced(text: &str, is_bad: impl Fn(char) -> bool) -> Cow<'_, str> {
    match text.contains(&is_bad) {
        true => Cow::Owned(text.replace(is_bad, "_")),
        false => Cow::Borrowed(text),
    }
}

/// The tags of a line under construction.
#[derive(Debug, Clone, Default)]
pub(super) struct TagList(String);

impl TagList {
    pub(super) fn push(&mut self, key: &str, value: &str) {
        self.0.push_str(if self.0.is_empty() { "|#" } else { "," });
        self.0.push_str(&tag_key(key));
        self.0.push(':');
        self.0.push_str(&tag_value(value));
    }

    /// Adds tags of the form `key:value`.
    pub(super) fn extend(&mut self, tags: &[String]) {
        for tag in tags {
            let (key, value) = tag.split_once(':').unwrap_or((tag, ""));
            self.push(key, value);
        }
    }

    /// With what leads them; nothing if there are none.
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}
