//! What people may mean by the name of a type that nobody declares.

use std::collections::HashMap;

use super::ir::{Primitive, Reference};
use super::{logical, names};
use crate::diag::{Diagnostic, Span};
use crate::suggest;

/// The types that are always there. Those of IDL that JSON does not know have a word only.
fn built_ins(json: bool) -> impl Iterator<Item = &'static str> {
    let words = names::RESERVED_TYPE_NAMES.into_iter().chain(["local_timestamp_ms"]);
    words.filter(move |word| !json || Primitive::parse(word).is_some())
}

/// Each search compares a name with all others; a broken file of many names must not take forever.
const MAX_SEARCHES: usize = 20;

/// The names that are declared, for suggestions.
pub(super) struct Declared<'a> {
    /// Full names by simple name.
    by_simple_name: HashMap<&'a str, &'a str>,
    searches: usize,
}

impl<'a> Declared<'a> {
    pub fn new(full_names: impl Iterator<Item = &'a str>) -> Self {
        // Of several types of one simple name the first in order of names is suggested.
        let mut by_simple_name: HashMap<&str, &str> = HashMap::new();
        for full_name in full_names {
            let kept = by_simple_name.entry(names::split(full_name).1).or_insert(full_name);
            *kept = (*kept).min(full_name);
        }
        Self { by_simple_name, searches: 0 }
    }

    /// Adds to a complaint about `reference`, which stands at `span`, what may be meant.
    pub fn explain(&mut self, diagnostic: Diagnostic, reference: &Reference, span: Span) -> Diagnostic {
        let (namespace, simple) = names::split(&reference.full_name);
        let json = reference.or_null_namespace;
        if let Some(other) = self.by_simple_name.get(simple) {
            return self.declared_elsewhere(diagnostic, other, namespace, span);
        }
        if let Some(word) = built_in(simple, json) {
            return meant(diagnostic, word, span);
        }
        if let Some(base) = logical::base(simple) {
            return match json {
                true => {
                    let object = format!("{{\"type\": \"{base}\", \"logicalType\": \"{simple}\"}}");
                    diagnostic.with_help(format!("write `{object}`"))
                }
                false => {
                    let text = format!("@logicalType(\"{simple}\") {base}");
                    diagnostic.with_help(format!("write `{text}`")).with_fix(span, text)
                }
            };
        }
        if (simple, json) == ("decimal", false) {
            return diagnostic
                .with_help("write `decimal(9, 2)`, with the number of digits and of decimal places");
        }
        if let (true, Some(object)) = (json, object(simple)) {
            return diagnostic.with_help(format!("write `{object}`"));
        }
        match self.closest(simple, json) {
            Some(other) => match self.by_simple_name.get(other) {
                Some(full_name) => self.declared_elsewhere(diagnostic, full_name, namespace, span),
                None => meant(diagnostic, other, span),
            },
            None => diagnostic.with_help("declare it, or import the file that does"),
        }
    }

    fn declared_elsewhere(
        &self,
        diagnostic: Diagnostic,
        full_name: &str,
        namespace: &str,
        span: Span,
    ) -> Diagnostic {
        if full_name.contains('.') || namespace.is_empty() {
            return meant(diagnostic, full_name, span);
        }
        diagnostic
            .with_help(format!("`{full_name}` has no namespace, so it cannot be referred to from inside one"))
    }

    fn closest(&mut self, simple: &str, json: bool) -> Option<&'a str> {
        self.searches += 1;
        if self.searches > MAX_SEARCHES {
            return None;
        }
        suggest::closest(
            simple,
            built_ins(json).map(|word| word as &'a str).chain(self.by_simple_name.keys().copied()),
        )
    }
}

fn meant(diagnostic: Diagnostic, name: &str, span: Span) -> Diagnostic {
    diagnostic.with_help(format!("did you mean `{name}`?")).with_fix(span, name)
}

/// The built-in type that other languages know by that name.
pub(super) fn built_in(word: &str, json: bool) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase();
    let found = match lower.as_str() {
        "str" | "text" | "char" | "varchar" | "charsequence" => "string",
        "bool" => "boolean",
        "integer" | "int32" | "i32" | "short" | "byte" => "int",
        "int64" | "i64" | "bigint" => "long",
        "float32" | "f32" => "float",
        "float64" | "f64" | "number" => "double",
        "binary" | "blob" => "bytes",
        "none" | "nil" => "null",
        "localdate" => "date",
        "time" | "time-millis" => "time_ms",
        "timestamp" | "datetime" | "instant" | "timestamp-millis" => "timestamp_ms",
        "localdatetime" | "local-timestamp-millis" => "local_timestamp_ms",
        "guid" => "uuid",
        lower => built_ins(false).find(|word| *word == lower)?,
    };
    built_ins(json).find(|word| *word == found)
}

/// How a type is written in JSON whose kind is not enough to know it.
fn object(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "array" => r#"{"type": "array", "items": …}"#,
        "map" => r#"{"type": "map", "values": …}"#,
        "record" => r#"{"type": "record", …}"#,
        "error" => r#"{"type": "error", …}"#,
        "enum" => r#"{"type": "enum", …}"#,
        "fixed" => r#"{"type": "fixed", …}"#,
        "decimal" => r#"{"type": "bytes", "logicalType": "decimal", "precision": …, "scale": …}"#,
        "union" => r#"["null", "string"]"#,
        _ => return None,
    })
}
