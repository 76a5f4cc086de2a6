//! Whether the default of a field fits its type.
//!
//! Follows Java, which accepts any text for bytes and fixed types; where that would go wrong for readers,
//! there is a warning.

use std::collections::HashMap;

use super::ir::{Body, Definition, Kind, Primitive, Type};
use super::json::{Node, Value};
use super::resolve::Names;
use crate::diag::{Code, Diagnostic, Span};

/// Why a value does not fit.
struct Misfit {
    span: Span,
    message: String,
}

struct Fit<'a, 'n> {
    names: &'n Names<'a>,
    /// Questions answered inside unions, by the addresses of type and value: without it, unions of records
    /// that contain unions would be tried over and over again.
    answers: HashMap<(usize, usize), bool>,
    warnings: Vec<Misfit>,
    /// How many unions are around: there a misfit is only a reason to try the next branch.
    trying: usize,
}

/// Reports a default that does not fit.
pub(super) fn check(
    schema: &Type,
    default: &Node,
    field: &str,
    names: &Names<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) {
    let mut fit = Fit { names, answers: HashMap::new(), warnings: Vec::new(), trying: 0 };
    if let Err(Misfit { span, message }) = fit.fits(schema, default) {
        let message = format!("the default of `{field}` does not fit: {message}");
        diagnostics.push(
            Diagnostic::at(Code::DefaultValue, span, message, "").with_secondary(schema.span, "the type"),
        );
    }
    let warn = |Misfit { span, message }| Diagnostic::at(Code::Lost, span, message, "");
    diagnostics.extend(fit.warnings.into_iter().map(warn));
}

impl Fit<'_, '_> {
    fn fits(&mut self, schema: &Type, node: &Node) -> Result<(), Misfit> {
        let misfit = |expected: &str| {
            Err(Misfit {
                span: node.span,
                message: format!("expected {expected}, found {}", node.type_name()),
            })
        };
        match (&schema.kind, &node.value) {
            (Kind::Primitive(primitive, _), _) => self.primitive(*primitive, node),
            (Kind::Array(items), Value::Array(nodes)) => nodes.iter().try_for_each(|n| self.fits(items, n)),
            (Kind::Array(_), _) => misfit("a list"),
            (Kind::Map(values), Value::Object(members)) => {
                members.iter().try_for_each(|member| self.fits(values, &member.value))
            }
            (Kind::Map(_), _) => misfit("an object"),
            (Kind::Optional(_), Value::Null) => Ok(()),
            (Kind::Optional(inner), _) => self.fits(inner, node),
            (Kind::Union(branches), _) => {
                if branches.iter().any(|branch| self.tries(branch, node)) {
                    return Ok(());
                }
                let mut text = schema.describe();
                if let Some((cut, _)) = text.char_indices().nth(80) {
                    text.replace_range(cut.., "…");
                }
                Err(Misfit {
                    span: node.span,
                    message: format!("{} fits no branch of `{text}`", node.type_name()),
                })
            }
            (Kind::Reference(reference), _) => match self.names.resolve(reference) {
                Some(definition) if !definition.broken => self.named(definition, node),
                _ => Ok(()),
            },
        }
    }

    fn tries(&mut self, branch: &Type, node: &Node) -> bool {
        let key = (std::ptr::from_ref(branch) as usize, std::ptr::from_ref(node) as usize);
        if let Some(answer) = self.answers.get(&key) {
            return *answer;
        }
        self.trying += 1;
        let answer = self.fits(branch, node).is_ok();
        self.trying -= 1;
        self.answers.insert(key, answer);
        answer
    }

    fn primitive(&mut self, primitive: Primitive, node: &Node) -> Result<(), Misfit> {
        let fits = match (primitive, &node.value) {
            (Primitive::Null, Value::Null) | (Primitive::Boolean, Value::Bool(_)) => true,
            (Primitive::Int, Value::Int(value)) => {
                if i32::try_from(*value).is_err() {
                    let message = format!("{value} exceeds 32 bits");
                    return Err(Misfit { span: node.span, message });
                }
                true
            }
            (Primitive::Long, Value::Int(_)) => true,
            (Primitive::Float | Primitive::Double, Value::Int(_) | Value::Float(_)) => true,
            (Primitive::Float | Primitive::Double, Value::String(text)) => {
                matches!(text.as_str(), "NaN" | "Infinity" | "-Infinity")
            }
            (Primitive::String, Value::String(_)) => true,
            (Primitive::Bytes, Value::String(text)) => {
                self.check_bytes(text, node.span);
                true
            }
            _ => false,
        };
        if fits {
            return Ok(());
        }
        let message = match (&node.value, primitive) {
            (Value::Float(_), Primitive::Int | Primitive::Long) => {
                format!("`{}` takes whole numbers only", primitive.as_str())
            }
            _ => format!("expected `{}`, found {}", primitive.as_str(), node.type_name()),
        };
        Err(Misfit { span: node.span, message })
    }

    fn named(&mut self, definition: &Definition, node: &Node) -> Result<(), Misfit> {
        let name = &definition.full_name;
        let wrong = |message: String| Err(Misfit { span: node.span, message });
        match (&definition.body, &node.value) {
            (Body::Enum { symbols, .. }, Value::String(text)) => match symbols.contains(text) {
                true => Ok(()),
                false => wrong(format!("`{text}` is not a symbol of `{name}`")),
            },
            (Body::Fixed { size }, Value::String(text)) => {
                self.check_bytes(text, node.span);
                let length = text.chars().count();
                if self.trying == 0 && length != *size as usize {
                    let message = format!("the default has {length} bytes, but `{name}` has {size}");
                    self.warnings.push(Misfit { span: node.span, message });
                }
                Ok(())
            }
            (Body::Enum { .. } | Body::Fixed { .. }, _) => {
                wrong(format!("expected a text for `{name}`, found {}", node.type_name()))
            }
            (Body::Record { fields, .. }, Value::Object(members)) => {
                let given: HashMap<&str, &Node> =
                    members.iter().map(|member| (member.key.as_str(), &member.value)).collect();
                for field in fields {
                    match given.get(field.name.as_str()) {
                        Some(value) => self.fits(&field.schema, value)?,
                        None if field.default.is_some() => {}
                        None => {
                            return wrong(format!(
                                "`{}` of `{name}` is missing and has no default",
                                field.name
                            ));
                        }
                    }
                }
                Ok(())
            }
            (Body::Record { .. }, _) => {
                wrong(format!("expected an object for `{name}`, found {}", node.type_name()))
            }
        }
    }

    /// Bytes are written as text, a character for a byte.
    fn check_bytes(&mut self, text: &str, span: Span) {
        if self.trying > 0 {
            return;
        }
        if let Some(c) = text.chars().find(|c| u32::from(*c) > 0xFF) {
            let message = format!("`{}` is above U+00FF and stands for no byte", c.escape_debug());
            self.warnings.push(Misfit { span, message });
        }
    }
}
