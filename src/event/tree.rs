//! JSON as it was written, within limits: numbers exact, repeated keys still there.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::Limits;
use super::error::{EventError, shown};
use crate::value::{Node, Value};

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json<'b> {
    Null,
    Bool(bool),
    Integer(i64),
    /// A whole number above those of an `i64`.
    Large(u64),
    /// Any other number.
    Float(f64),
    String(Cow<'b, str>),
    Array(Vec<Json<'b>>),
    Object(Vec<(Cow<'b, str>, Json<'b>)>),
}

impl<'b> Json<'b> {
    /// The default of a field.
    pub fn of_default(node: &'b Node) -> Self {
        match &node.value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Integer(*value),
            Value::Float(value) => Self::Float(*value),
            Value::String(text) => Self::String(Cow::Borrowed(text)),
            Value::Array(nodes) => Self::Array(nodes.iter().map(Self::of_default).collect()),
            Value::Object(members) => {
                let members = members.iter();
                Self::Object(members.map(|m| (m.key.as_str().into(), Self::of_default(&m.value))).collect())
            }
        }
    }

    /// The value in words.
    pub fn described(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(number) => format!("the number {number}"),
            Self::Large(number) => format!("the number {number}"),
            Self::Float(number) => format!("the number {number:?}"),
            Self::String(text) => format!("the text `{}`", shown(text)),
            Self::Array(_) => "an array".into(),
            Self::Object(_) => "an object".into(),
        }
    }

    /// The number, if it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Large(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            _ => None,
        }
    }
}

/// The events of a body: a single value, the items of an array, or values one after the other.
pub(super) fn parse<'b>(body: &'b [u8], limits: &Limits) -> Result<Vec<Json<'b>>, EventError> {
    let text = std::str::from_utf8(body).map_err(|error| EventError::NotJson(error.to_string()))?;
    let budget = Budget { values: Cell::new(limits.values), exceeded: Cell::new(None) };
    // An array around the events is no level of theirs.
    let around = usize::from(text.trim_start().starts_with('['));
    let mut reader = serde_json::Deserializer::from_str(text);
    let mut events = Vec::new();
    loop {
        let seed = Seed { budget: &budget, depth: limits.depth + around };
        let value = seed.deserialize(&mut reader).map_err(|error| budget.explain(&error, limits))?;
        // What follows, if anything, is left for the next round.
        let rest = reader.end();
        match (value, &rest) {
            (Json::Array(items), Ok(())) if events.is_empty() => events = items,
            (Json::Array(_), Err(error)) if events.is_empty() => return Err(budget.explain(error, limits)),
            (event, _) => events.push(event),
        }
        if events.len() > limits.events {
            return Err(EventError::TooLarge { what: "events", limit: limits.events });
        }
        if rest.is_ok() {
            return Ok(events);
        }
    }
}

/// What is left of the limits, and which one was exceeded.
struct Budget {
    values: Cell<usize>,
    exceeded: Cell<Option<Exceeded>>,
}

#[derive(Clone, Copy)]
enum Exceeded {
    Values,
    Depth,
}

impl Budget {
    fn explain(&self, error: &serde_json::Error, limits: &Limits) -> EventError {
        match self.exceeded.get() {
            Some(Exceeded::Values) => EventError::TooLarge { what: "values", limit: limits.values },
            Some(Exceeded::Depth) => EventError::TooDeep { limit: limits.depth },
            None => EventError::NotJson(shown(&error.to_string())),
        }
    }

    fn exceed<E: serde::de::Error>(&self, what: Exceeded) -> E {
        self.exceeded.set(Some(what));
        E::custom("a limit is exceeded")
    }
}

#[derive(Clone, Copy)]
struct Seed<'l> {
    budget: &'l Budget,
    /// How many arrays and objects may still be opened in each other.
    depth: usize,
}

impl Seed<'_> {
    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => Err(self.budget.exceed(Exceeded::Depth)),
        }
    }
}

impl<'b> DeserializeSeed<'b> for Seed<'_> {
    type Value = Json<'b>;

    fn deserialize<D: serde::Deserializer<'b>>(self, deserializer: D) -> Result<Json<'b>, D::Error> {
        match self.budget.values.get().checked_sub(1) {
            Some(left) => self.budget.values.set(left),
            None => return Err(self.budget.exceed(Exceeded::Values)),
        }
        deserializer.deserialize_any(self)
    }
}

/// A key, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Key<'b>(#[serde(borrow)] Cow<'b, str>);

impl<'b> Visitor<'b> for Seed<'_> {
    type Value = Json<'b>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'b>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json<'b>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json<'b>, E> {
        Ok(Json::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'b>, E> {
        Ok(i64::try_from(number).map_or(Json::Large(number), Json::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json<'b>, E> {
        Ok(Json::Float(number))
    }

    fn visit_borrowed_str<E>(self, text: &'b str) -> Result<Json<'b>, E> {
        Ok(Json::String(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'b>, E> {
        Ok(Json::String(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'b>>(self, mut items: A) -> Result<Json<'b>, A::Error> {
        let inside = self.inside()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inside)? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'b>>(self, mut members: A) -> Result<Json<'b>, A::Error> {
        let inside = self.inside()?;
        let mut object = Vec::new();
        while let Some(Key(key)) = members.next_key()? {
            object.push((key, members.next_value_seed(inside)?));
        }
        Ok(Json::Object(object))
    }
}
