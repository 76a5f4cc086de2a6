//! TOML text as spanned values, and a reader that notices every key nobody asked for.
//!
//! Annotations and TOML files end in one value type, so a parameter is checked by one piece of code
//! wherever it was written.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diag::{Code, Diagnostic, FileId, Span};
use crate::suggest::closest;
use crate::value::{Member, Node, Value};

/// Parses a TOML file.
///
/// # Errors
///
/// A diagnostic of `code` at the place where the text stops being TOML.
pub fn parse(file: FileId, text: &str, code: Code) -> Result<Node, Box<Diagnostic>> {
    match DeTable::parse(text) {
        Ok(table) => {
            let span = span_of(file, &table.span());
            Ok(Node { span, value: object(file, table.get_ref()) })
        }
        Err(error) => {
            let range = error.span().unwrap_or(0..0);
            Err(Box::new(Diagnostic::at(code, span_of(file, &range), first_line(error.message()), "")))
        }
    }
}

fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or("not valid TOML")
}

fn span_of(file: FileId, range: &std::ops::Range<usize>) -> Span {
    Span::new(file, range.start as u32, range.end as u32)
}

fn object(file: FileId, table: &DeTable<'_>) -> Value {
    let members = table.iter().map(|(key, value)| Member {
        key: key.get_ref().to_string(),
        key_span: span_of(file, &key.span()),
        value: node(file, value),
        lost: None,
    });
    Value::Object(members.collect())
}

fn node(file: FileId, value: &Spanned<DeValue<'_>>) -> Node {
    let span = span_of(file, &value.span());
    let value = match value.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Int(number),
            Err(_) => Value::Float(number.as_str().parse().unwrap_or(f64::INFINITY)),
        },
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Datetime(moment) => Value::String(moment.to_string()),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| node(file, item)).collect()),
        DeValue::Table(table) => object(file, table),
    };
    Node { span, value }
}

/// Reads the members of one table; [`Table::finish`] reports those that nobody read.
pub struct Table<'a> {
    members: &'a [Member],
    known: Vec<&'static str>,
    what: String,
    code: Code,
}

impl<'a> Table<'a> {
    /// Reads `node`, which is called `what` in messages.
    pub fn new(node: &'a Node, what: &str, code: Code, out: &mut Vec<Diagnostic>) -> Self {
        let members = match &node.value {
            Value::Object(members) => members.as_slice(),
            _ => {
                out.push(Diagnostic::at(code, node.span, format!("`{what}` must be a table"), ""));
                &[]
            }
        };
        Self { members, known: Vec::new(), what: what.to_owned(), code }
    }

    /// The member of that name.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        self.known.push(key);
        self.members.iter().find(|member| member.key == key).map(|member| &member.value)
    }

    /// A text.
    pub fn string(&mut self, key: &'static str, out: &mut Vec<Diagnostic>) -> Option<String> {
        self.typed(key, "a text", out, |value| match value {
            Value::String(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// `true` or `false`.
    pub fn boolean(&mut self, key: &'static str, out: &mut Vec<Diagnostic>) -> Option<bool> {
        self.typed(key, "true or false", out, |value| match value {
            Value::Bool(flag) => Some(*flag),
            _ => None,
        })
    }

    /// A finite number.
    pub fn number(&mut self, key: &'static str, out: &mut Vec<Diagnostic>) -> Option<f64> {
        self.typed(key, "a number", out, |value| match value {
            Value::Int(number) => Some(*number as f64),
            Value::Float(number) if number.is_finite() => Some(*number),
            _ => None,
        })
    }

    /// A whole number that is not negative.
    pub fn count(&mut self, key: &'static str, out: &mut Vec<Diagnostic>) -> Option<u64> {
        self.typed(key, "a whole number, 0 or more", out, |value| match value {
            Value::Int(number) => u64::try_from(*number).ok(),
            _ => None,
        })
    }

    /// A list of texts.
    pub fn strings(&mut self, key: &'static str, out: &mut Vec<Diagnostic>) -> Option<Vec<String>> {
        self.typed(key, "a list of texts", out, |value| match value {
            Value::Array(items) => items
                .iter()
                .map(|item| match &item.value {
                    Value::String(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            _ => None,
        })
    }

    fn typed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        out: &mut Vec<Diagnostic>,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let node = self.get(key)?;
        let value = read(&node.value);
        if value.is_none() {
            let message = format!("`{key}` of {} must be {expected}", self.what);
            out.push(Diagnostic::at(self.code, node.span, message, ""));
        }
        value
    }

    /// Reports every key that was not asked for.
    pub fn finish(self, out: &mut Vec<Diagnostic>) {
        for member in self.members.iter().filter(|member| !self.known.contains(&member.key.as_str())) {
            let message = format!("unknown key `{}` in {}", member.key, self.what);
            let mut diagnostic = Diagnostic::at(self.code, member.key_span, message, "");
            if let Some(meant) = closest(&member.key, self.known.iter().copied()) {
                diagnostic =
                    diagnostic.with_help(format!("did you mean `{meant}`?")).with_fix(member.key_span, meant);
            } else {
                let known: Vec<String> = self.known.iter().map(|key| format!("`{key}`")).collect();
                diagnostic = diagnostic.with_help(format!("the keys here are {}", known.join(", ")));
            }
            out.push(diagnostic);
        }
    }
}
