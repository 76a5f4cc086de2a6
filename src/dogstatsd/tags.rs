//! The tags of a line.

use super::fields::split;

/// The tags of a line, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tags<'l>(&'l str);

/// One tag: `key:value`, or a key alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'l> {
    /// What stands before the first colon.
    pub key: &'l str,
    /// What stands after it, if there is one.
    pub value: Option<&'l str>,
}

/// What the Agent does with a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role<'l> {
    /// It keeps it.
    Plain,
    /// `host:`: it takes it for the host; an empty one clears the host.
    Host(&'l str),
    /// `dd.internal.entity_id:`: it asks for the tags of that entity; `none` for those of nobody.
    Entity(&'l str),
    /// `dd.internal.card:`: the cardinality of these.
    Cardinality(&'l str),
}

impl<'l> Tag<'l> {
    fn read(text: &'l str) -> Self {
        let (key, value) = split(text, b':');
        Self { key, value }
    }

    /// What the Agent does with it.
    pub fn role(self) -> Role<'l> {
        match (self.key, self.value) {
            ("host", Some(value)) => Role::Host(value),
            ("dd.internal.entity_id", Some(value)) => Role::Entity(value),
            ("dd.internal.card", Some(value)) => Role::Cardinality(value),
            _ => Role::Plain,
        }
    }
}

impl<'l> Tags<'l> {
    pub(super) fn new(text: &'l str) -> Self {
        Self(text)
    }

    /// The tags as they stand in the line, joined by commas.
    pub fn text(self) -> &'l str {
        self.0
    }

    /// The texts of the tags in order; empty ones are left out.
    pub fn texts(self) -> impl Iterator<Item = &'l str> {
        let mut rest = Some(self.0);
        std::iter::from_fn(move || {
            loop {
                let (text, tail) = split(rest?, b',');
                rest = tail;
                if !text.is_empty() {
                    return Some(text);
                }
            }
        })
    }

    /// The tags in order, also those that the Agent takes out.
    pub fn iter(self) -> impl Iterator<Item = Tag<'l>> {
        self.texts().map(Tag::read)
    }

    /// The tags that the Agent keeps.
    pub fn plain(self) -> impl Iterator<Item = Tag<'l>> {
        self.iter().filter(|tag| tag.role() == Role::Plain)
    }

    /// The value of the first tag of this key.
    pub fn get(self, key: &str) -> Option<&'l str> {
        // The colon first: it tells most tags apart without comparing their keys.
        let is_it = |text: &&str| text.as_bytes().get(key.len()) == Some(&b':') && text.starts_with(key);
        self.texts().find(is_it).map(|text| &text[key.len() + 1..])
    }

    /// The host that the tags name: empty if they clear it, none if they say nothing. The last one counts.
    pub fn host(self) -> Option<&'l str> {
        let hosts = self.iter().filter_map(|tag| match tag.role() {
            Role::Host(host) => Some(host),
            _ => None,
        });
        hosts.last()
    }

    /// Whether the tags say that the sender's own container adds none.
    pub fn refuse_origin(self) -> bool {
        self.iter().any(|tag| tag.role() == Role::Entity("none"))
    }
}
