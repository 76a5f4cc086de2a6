//! Lines of events.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::Refused;
use super::tag::{TagList, field};

/// The most characters that Datadog takes of a title and of a text.
const TITLE_CHARACTERS: usize = 100;
const TEXT_CHARACTERS: usize = 4_000;

/// How an event is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlertType {
    /// As bad.
    Error,
    /// As worth a look.
    Warning,
    /// As neither good nor bad.
    Info,
    /// As good.
    Success,
}

impl AlertType {
    fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Info => "info",
            Self::Success => "success",
        }
    }
}

/// An event under construction.
#[derive(Debug, Clone)]
pub struct EventLine {
    head: String,
    fields: String,
    tags: TagList,
    has_origin: bool,
    was_cut: bool,
}

impl EventLine {
    /// An event of this title and text, each cut to what Datadog takes.
    pub fn new(title: &str, text: &str) -> Result<Self, Refused> {
        if title.is_empty() || text.is_empty() {
            return Err(Refused::EmptyEvent);
        }
        let (short_title, short_text) = (cut(title, TITLE_CHARACTERS), cut(text, TEXT_CHARACTERS));
        let was_cut = short_title.len() < title.len() || short_text.len() < text.len();
        let (title, text) = (escaped(short_title), escaped(short_text));
        let head = format!("_e{{{},{}}}:{title}|{text}", title.len(), text.len());
        Ok(Self { head, fields: String::new(), tags: TagList::default(), has_origin: true, was_cut })
    }

    /// Whether Datadog's limits took a part of the title or text.
    pub fn was_cut(&self) -> bool {
        self.was_cut
    }

    fn field(mut self, name: char, value: &str) -> Self {
        // Writing into a String cannot fail.
        let _ = write!(self.fields, "|{name}:{}", field(value));
        self
    }

    /// When it happened, in seconds since 1970.
    pub fn at(self, unix_seconds: u64) -> Self {
        self.field('d', &unix_seconds.to_string())
    }

    /// Events of one key are shown together.
    pub fn aggregation_key(self, key: &str) -> Self {
        self.field('k', key)
    }

    /// Makes its priority low instead of normal.
    pub fn low_priority(self) -> Self {
        self.field('p', "low")
    }

    /// Names what it comes from.
    pub fn source(self, source: &str) -> Self {
        self.field('s', source)
    }

    /// How it is shown.
    pub fn alert_type(self, alert_type: AlertType) -> Self {
        self.field('t', alert_type.word())
    }

    /// Adds a tag, changed as [`tag_key`](super::tag_key) and [`tag_value`](super::tag_value) say.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push(key, value);
        self
    }

    /// Adds tags of the form `key:value`, likewise.
    pub fn tags(mut self, tags: &[String]) -> Self {
        self.tags.extend(tags);
        self
    }

    /// Makes the Agent leave out its host.
    pub fn without_host(self) -> Self {
        self.tag("host", "")
    }

    /// Keeps the Agent from adding the tags of the sender's container.
    pub fn without_origin(mut self) -> Self {
        self.has_origin = false;
        self
    }

    /// The line, without a line break.
    pub fn line(&self) -> String {
        let cardinality = if self.has_origin { "" } else { "|card:none" };
        [&self.head, &self.fields, self.tags.text(), cardinality].concat()
    }
}

fn cut(text: &str, characters: usize) -> &str {
    text.char_indices().nth(characters).map_or(text, |(end, _)| &text[..end])
}

/// A line break is a backslash and an `n`; no other control character has business in an event, but for the tab.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let is_bad = |c: char| c.is_control() && c != '\n' && c != '\t';
    Cow::Owned(text.replace("\r\n", "\n").replace(is_bad, "_").replace('\n', "\\n"))
}
