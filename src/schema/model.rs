//! What the rest of bellwether sees of a schema: events, their fields and their annotations.

use std::sync::Arc;

use super::ir::{Kind, Type};
use super::json::Node;
use crate::diag::Span;

/// `@name(value)`, or in JSON a property that Avro does not reserve.
#[derive(Debug, Clone, PartialEq)]
pub struct Annotation {
    /// The name, without `@`.
    pub name: String,
    /// The name's bytes (without `@` or quotes).
    pub name_span: Span,
    /// The value.
    pub value: Node,
    /// The whole annotation, `@` to `)`, or the whole JSON member.
    pub span: Span,
    /// In JSON, the name's bytes where the same annotation stands before at this place; its value is lost.
    pub lost: Option<Span>,
}

/// A record (or error) type: an event.
#[derive(Debug, Clone)]
pub struct Record {
    /// Namespace and name, `com.example.AddToCartEvent`.
    pub full_name: String,
    /// The byte where its declaration starts, annotations included; in JSON, its object.
    pub start: u32,
    /// The bytes of the name in its declaration.
    pub name_span: Span,
    /// Full names under which the record was known before.
    pub aliases: Vec<String>,
    /// The documentation, if any.
    pub doc: Option<String>,
    /// What is written on the record itself.
    pub annotations: Vec<Annotation>,
    /// What is written on the protocol around it.
    pub protocol_annotations: Arc<[Annotation]>,
    /// The fields in order.
    pub fields: Vec<Field>,
}

impl Record {
    /// The name without its namespace.
    pub fn name(&self) -> &str {
        self.full_name.rsplit_once('.').map_or(&self.full_name, |(_, name)| name)
    }
}

/// A field of a record.
#[derive(Debug, Clone)]
pub struct Field {
    /// The name.
    pub name: String,
    /// Its bytes.
    pub name_span: Span,
    /// Former names.
    pub aliases: Vec<String>,
    /// The documentation, if any.
    pub doc: Option<String>,
    /// The type in words, for example `string`, `union {null, long}`, `com.example.Price`. `T?` is written out.
    pub type_name: String,
    /// What is written before the field's name.
    pub annotations: Vec<Annotation>,
    /// The type. Kept as it was parsed, shared by the names of one line; `types` resolves it for who needs it.
    pub(super) schema: Arc<Type>,
    pub(super) default: Option<Node>,
}

impl Field {
    /// What is written before the field's type, and so belongs to the type.
    pub fn type_annotations(&self) -> &[Annotation] {
        match &self.schema.kind {
            Kind::Optional(inner) => &inner.properties,
            Kind::Union(_) => &[],
            _ => &self.schema.properties,
        }
    }

    /// Its annotations, then those of its type.
    pub fn all_annotations(&self) -> impl Iterator<Item = &Annotation> {
        self.annotations.iter().chain(self.type_annotations())
    }
}

/// An annotation at a place where no monitor annotation can stand.
#[derive(Debug, Clone)]
pub struct Misplaced {
    /// The annotation.
    pub annotation: Annotation,
    /// Where it stands.
    pub place: Place,
    /// The name of what it stands on, with its bytes, where it has one.
    pub subject: Option<(String, Span)>,
}

/// A place where an annotation may stand in Avro, but has no meaning to bellwether.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// An enum type.
    Enum,
    /// A symbol of an enum.
    EnumSymbol,
    /// A fixed type.
    Fixed,
    /// A message of a protocol.
    Message,
    /// A parameter of a message, its type included.
    Parameter,
    /// A union.
    Union,
    /// A type inside another: an array's items, a map's values, a branch of a union.
    InnerType,
    /// The main schema of a schema file.
    MainSchema,
}
