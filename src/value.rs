//! Values that know where they stand in a file.
//!
//! Annotations, Avro JSON and TOML all end in this one type, so a parameter is checked by one piece of code
//! wherever it was written. Plain data: reading it from text is the work of `schema` and `config`.

use crate::diag::Span;

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The bytes of the value.
    pub span: Span,
    /// The value.
    pub value: Value,
}

/// A JSON value; the members of an object keep their order.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number that fits an `i64`.
    Int(i64),
    /// Any other number, NaN and the infinities included.
    Float(f64),
    /// A text, escapes resolved.
    String(String),
    /// A list.
    Array(Vec<Node>),
    /// An object. Of several members with one key only the last is kept, at the place of the first.
    Object(Vec<Member>),
}

/// One member of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The key, escapes resolved.
    pub key: String,
    /// The bytes of the key, quotes included.
    pub key_span: Span,
    /// The value.
    pub value: Node,
    /// The bytes of the same key earlier in the object, whose value is lost.
    pub lost: Option<Span>,
}

impl Node {
    /// The members of an object; none of anything else.
    pub fn members(&self) -> &[Member] {
        match &self.value {
            Value::Object(members) => members,
            _ => &[],
        }
    }

    /// The elements, if this is a list.
    pub fn elements(&self) -> Option<&[Node]> {
        match &self.value {
            Value::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a member, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.members().iter().find(|member| member.key == key).map(|member| &member.value)
    }

    /// What kind of value it is, with an article: `a string`.
    pub fn type_name(&self) -> &'static str {
        match &self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Float(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        }
    }

    /// The value without its places. NaN and the infinities become texts, as Java prints them.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match &self.value {
            Value::Null => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Int(value) => Json::from(*value),
            Value::Float(value) => match serde_json::Number::from_f64(*value) {
                Some(number) => Json::Number(number),
                None => Json::String(non_finite(*value).into()),
            },
            Value::String(text) => Json::String(text.clone()),
            Value::Array(elements) => Json::Array(elements.iter().map(Node::to_json).collect()),
            Value::Object(members) => {
                Json::Object(members.iter().map(|m| (m.key.clone(), m.value.to_json())).collect())
            }
        }
    }

    /// Whether two values are the same, wherever they stand. The order of members does not matter.
    pub fn same_as(&self, other: &Node) -> bool {
        match (&self.value, &other.value) {
            // NaN is the same default as NaN.
            (Value::Float(a), Value::Float(b)) => a.to_bits() == b.to_bits() || a == b,
            (Value::Array(a), Value::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_as(b))
            }
            (Value::Object(a), Value::Object(b)) => {
                let sorted = |members: &[Member]| {
                    let mut order: Vec<usize> = (0..members.len()).collect();
                    order.sort_by(|i, j| {
                        members.get(*i).map(|m| &m.key).cmp(&members.get(*j).map(|m| &m.key))
                    });
                    order
                };
                a.len() == b.len()
                    && sorted(a).into_iter().zip(sorted(b)).all(|(i, j)| match (a.get(i), b.get(j)) {
                        (Some(a), Some(b)) => a.key == b.key && a.value.same_as(&b.value),
                        _ => false,
                    })
            }
            (a, b) => a == b,
        }
    }
}

/// How Java writes a double that JSON has no number for.
pub fn non_finite(value: f64) -> &'static str {
    match (value.is_nan(), value > 0.0) {
        (true, _) => "NaN",
        (false, true) => "Infinity",
        (false, false) => "-Infinity",
    }
}
