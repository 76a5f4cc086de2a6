//! Which lines are counted, and by which rules.
//!
//! A rule counts two kinds of lines:
//!
//! - the pipeline's own count of events, with the id as a tag named as the field:
//!   `events.received:1|c|#event:addtocartevent,cartId:11092`. It goes on to the Agent without that tag;
//! - a count named as the rule's metric: `add_to_cart_event.cart_id.top_rate:1|c|#id:11092`. It goes no further.

use std::collections::BTreeMap;

use crate::aggregate::{Aggregator, Handle, event_tag};
use crate::dogstatsd::{Kind, Metric};

/// The rules by what they are counted from. There are a few: comparing names is faster than hashing one.
#[derive(Debug, Default)]
pub struct Routes {
    received: String,
    /// By the record's name in lower case, without its namespace.
    events: BTreeMap<String, Vec<Field>>,
    /// By the rule's metric.
    metrics: BTreeMap<String, Handle>,
    /// By the record's full name.
    records: BTreeMap<String, Vec<Field>>,
}

/// An id field of an event.
#[derive(Debug, Clone)]
pub struct Field {
    /// The field's name, and the key of its tag.
    pub name: String,
    /// Counts its ids.
    pub handle: Handle,
}

/// What a line is for the rules.
#[derive(Debug, Clone, Copy)]
pub enum Matched<'r> {
    /// No rule counts it.
    Nothing,
    /// It is an event that some rules count by one of its tags.
    Event(&'r [Field]),
    /// It is for one rule alone.
    Direct(&'r Handle),
}

impl Routes {
    /// The routes of all rules that are counted now; `received` is the pipeline's own count of events.
    pub fn new(aggregator: &Aggregator, received: &str) -> Self {
        let mut routes = Self { received: received.to_owned(), ..Self::default() };
        for rule in aggregator.rules() {
            let Some(handle) = aggregator.handle(rule.address.as_str()) else { continue };
            let field = Field { name: rule.field.clone(), handle: handle.clone() };
            let event = event_tag(&rule.record);
            routes.events.entry(event).or_default().push(field.clone());
            routes.records.entry(rule.record.clone()).or_default().push(field);
            routes.metrics.insert(rule.metric.clone(), handle);
        }
        routes
    }

    /// What the rules make of a line.
    #[inline]
    pub fn of(&self, metric: &Metric<'_>) -> Matched<'_> {
        if metric.kind != Kind::Count {
            return Matched::Nothing;
        }
        if metric.name == self.received {
            let fields = metric.tags.get("event").and_then(|event| self.event(event));
            return fields.map_or(Matched::Nothing, Matched::Event);
        }
        self.metrics.get(metric.name).map_or(Matched::Nothing, Matched::Direct)
    }

    fn event(&self, name: &str) -> Option<&[Field]> {
        let found = self.events.get(name);
        let found = found.or_else(|| {
            // Only who does not write the name as Datadog keeps it pays for this.
            let has_capitals = name.bytes().any(|byte| byte.is_ascii_uppercase());
            has_capitals.then(|| self.events.get(&name.to_ascii_lowercase())).flatten()
        });
        found.map(Vec::as_slice)
    }

    /// The id fields of a record, by its full name.
    pub fn record(&self, full_name: &str) -> &[Field] {
        self.records.get(full_name).map_or(&[], Vec::as_slice)
    }
}
