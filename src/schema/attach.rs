//! What annotations mean to Avro itself, by the place where they stand.
//!
//! Takes the few special ones (`namespace`, `aliases`, `order`) away, refuses the reserved names and leaves
//! the rest as properties. Knows nothing of monitors.

use super::ir::Order;
use super::json::{Node, Value};
use super::model::Annotation;
use super::names;
use crate::diag::{Code, Diagnostic, Span};

/// What an annotation stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Protocol,
    /// A record, error or fixed.
    Named,
    Enum,
    /// A type that is used, not declared.
    Type,
    /// A field or a parameter.
    Field,
    Message,
}

impl Target {
    pub fn is_reserved(self, name: &str) -> bool {
        let names: &[&str] = match self {
            Self::Protocol => &["namespace", "protocol", "doc", "messages", "types", "errors"],
            Self::Enum => return name == "default" || Self::Named.is_reserved(name),
            Self::Named | Self::Type => &[
                "doc",
                "fields",
                "items",
                "name",
                "namespace",
                "size",
                "symbols",
                "values",
                "type",
                "aliases",
            ],
            Self::Field => &["default", "doc", "name", "order", "type", "aliases"],
            Self::Message => &["doc", "response", "request", "errors", "one-way"],
        };
        names.contains(&name)
    }

    fn is_special(self, name: &str) -> bool {
        match name {
            "namespace" => matches!(self, Self::Protocol | Self::Named | Self::Enum),
            "aliases" => matches!(self, Self::Named | Self::Enum | Self::Field),
            "order" => self == Self::Field,
            _ => false,
        }
    }
}

/// The annotations of one place, sorted out.
#[derive(Debug, Default)]
pub(super) struct Attached {
    pub namespace: Option<(String, Span)>,
    pub aliases: Vec<(String, Span)>,
    pub order: Order,
    pub properties: Vec<Annotation>,
}

/// Sorts out what stands before a declaration, a type, a field's name or a message in IDL.
pub(super) fn attach(
    annotations: Vec<Annotation>,
    target: Target,
    diagnostics: &mut Vec<Diagnostic>,
) -> Attached {
    warn_repetitions(&annotations, diagnostics);
    let mut attached = Attached::default();
    if annotations.iter().all(|a| !target.is_special(&a.name) && !target.is_reserved(&a.name)) {
        attached.properties = annotations;
        return attached;
    }
    for annotation in annotations {
        if target.is_special(&annotation.name) {
            special(annotation, &mut attached, diagnostics);
        } else if target.is_reserved(&annotation.name) {
            let message = format!("`@{}` is reserved by Avro at this place", annotation.name);
            diagnostics.push(
                Diagnostic::at(Code::Invalid, annotation.name_span, message, "")
                    .with_help("choose another name for the annotation"),
            );
        } else {
            attached.properties.push(annotation);
        }
    }
    attached
}

fn special(annotation: Annotation, attached: &mut Attached, diagnostics: &mut Vec<Diagnostic>) {
    let Node { value, span } = annotation.value;
    let mut wrong = |what: &str| {
        let message = format!("`@{}` takes {what}", annotation.name);
        diagnostics.push(Diagnostic::at(Code::Invalid, span, message, ""));
    };
    match (annotation.name.as_str(), value) {
        ("namespace", Value::String(text)) => attached.namespace = Some((text, span)),
        ("namespace", _) => wrong("a text, as in `@namespace(\"com.example\")`"),
        ("order", value) => {
            let order = match &value {
                Value::String(text) => Order::parse(text),
                _ => None,
            };
            match order {
                Some(order) => attached.order = order,
                None => wrong("\"ascending\", \"descending\" or \"ignore\""),
            }
        }
        (_, value) => match texts(value) {
            Some(aliases) => attached.aliases = aliases,
            None => wrong("a list of texts, as in `@aliases([\"OldName\"])`"),
        },
    }
}

/// The elements of a list of texts.
pub(super) fn texts(value: Value) -> Option<Vec<(String, Span)>> {
    let Value::Array(elements) = value else { return None };
    let text = |node: Node| match node.value {
        Value::String(text) => Some((text, node.span)),
        _ => None,
    };
    elements.into_iter().map(text).collect()
}

/// The full names of a type's aliases. Odd ones are kept, as the specification allows any text.
pub(super) fn type_aliases(
    aliases: Vec<(String, Span)>,
    namespace: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<String> {
    let full = |(alias, span): (String, Span)| {
        if let Err(reason) = alias.split('.').try_for_each(names::check) {
            let message = format!("the alias `{alias}` can never match a type: {reason}");
            diagnostics.push(Diagnostic::at(Code::Lost, span, message, ""));
        }
        names::qualify(&alias, namespace)
    };
    aliases.into_iter().map(full).collect()
}

fn warn_repetitions(annotations: &[Annotation], diagnostics: &mut Vec<Diagnostic>) {
    for (earlier, annotation) in names::repetitions(annotations, |annotation| &annotation.name) {
        let message = format!("`@{}` is given twice; Avro keeps only the last one", annotation.name);
        diagnostics.push(
            Diagnostic::at(Code::Lost, annotation.name_span, message, "this one counts")
                .with_secondary(earlier.name_span, "this one is lost"),
        );
    }
}
