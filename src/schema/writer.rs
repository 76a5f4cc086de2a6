//! JSON text, written member by member, so that keys come in the order in which they are written.
//!
//! Knows nothing of schemas.

use super::json::{Node, Value, non_finite};

/// Writes one JSON value, indented by two blanks.
#[derive(Default)]
pub(super) struct Writer {
    text: String,
    depth: usize,
    /// Whether something stands before the next value on this level.
    comma: bool,
    /// Whether a key was written whose value comes next.
    after_key: bool,
}

impl Writer {
    pub fn finish(mut self) -> String {
        self.text.push('\n');
        self.text
    }

    pub fn depth(&self) -> usize {
        self.depth
    }

    fn next(&mut self) {
        if std::mem::take(&mut self.after_key) {
            return;
        }
        if self.comma {
            self.text.push(',');
        }
        if self.depth > 0 {
            self.line();
        }
        self.comma = true;
    }

    fn line(&mut self) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n("  ", self.depth));
    }

    pub fn open(&mut self, bracket: char) {
        self.next();
        self.text.push(bracket);
        self.depth += 1;
        self.comma = false;
    }

    pub fn close(&mut self, bracket: char) {
        self.depth = self.depth.saturating_sub(1);
        if self.comma {
            self.line();
        }
        self.text.push(bracket);
        self.comma = true;
    }

    pub fn key(&mut self, key: &str) {
        self.next();
        self.quote(key);
        self.text.push_str(": ");
        self.after_key = true;
    }

    pub fn string(&mut self, text: &str) {
        self.next();
        self.quote(text);
    }

    /// A number, `true`, `false` or `null`.
    pub fn raw(&mut self, value: impl std::fmt::Display) {
        use std::fmt::Write;
        self.next();
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{value}");
    }

    pub fn node(&mut self, node: &Node) {
        match &node.value {
            Value::Null => self.raw("null"),
            Value::Bool(value) => self.raw(value),
            Value::Int(value) => self.raw(value),
            Value::Float(value) if value.is_finite() => self.raw(java_double(*value)),
            Value::Float(value) => self.string(non_finite(*value)),
            Value::String(text) => self.string(text),
            Value::Array(nodes) => {
                self.open('[');
                nodes.iter().for_each(|node| self.node(node));
                self.close(']');
            }
            Value::Object(members) => {
                self.open('{');
                for member in members {
                    self.key(&member.key);
                    self.node(&member.value);
                }
                self.close('}');
            }
        }
    }

    fn quote(&mut self, text: &str) {
        use std::fmt::Write;
        self.text.push('"');
        for c in text.chars() {
            match c {
                '"' => self.text.push_str("\\\""),
                '\\' => self.text.push_str("\\\\"),
                '\n' => self.text.push_str("\\n"),
                '\r' => self.text.push_str("\\r"),
                '\t' => self.text.push_str("\\t"),
                c if c < ' ' => {
                    let _ = write!(self.text, "\\u{:04x}", c as u32);
                }
                c => self.text.push(c),
            }
        }
        self.text.push('"');
    }
}

/// The notation of Java's `Double.toString`, which always has a point.
fn java_double(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_java_writes_them() {
        let values = [0.0, -0.0, 1.5, 0.001, 9999999.0, 1e7, -1e12, 0.0005, 1.25e-9];
        let texts = values.map(java_double);
        assert_eq!(
            texts,
            ["0.0", "-0.0", "1.5", "0.001", "9999999.0", "1.0E7", "-1.0E12", "5.0E-4", "1.25E-9"]
        );
    }

    #[test]
    fn keys_keep_their_order_and_empty_values_their_line() {
        let mut writer = Writer::default();
        writer.open('{');
        writer.key("b");
        writer.open('[');
        writer.close(']');
        writer.key("a");
        writer.open('[');
        writer.raw(1);
        writer.string("x\"\u{1}");
        writer.close(']');
        writer.close('}');
        assert_eq!(writer.finish(), "{\n  \"b\": [],\n  \"a\": [\n    1,\n    \"x\\\"\\u0001\"\n  ]\n}\n");
    }
}
