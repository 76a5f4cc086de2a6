//! The one representation that all three formats are read into.
//!
//! Types are plain trees that refer to named types by full name; nothing is resolved yet, and nothing here
//! knows from which format it came.

use std::sync::Arc;

use super::json::Node;
use super::model::{Annotation, Misplaced};
use crate::diag::{FileId, Span};

/// Which reader a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Format {
    /// .avdl
    Idl,
    /// .avpr
    Protocol,
    /// .avsc
    Schema,
}

impl Format {
    /// What the extension of a file name says, if it says anything.
    pub fn of_extension(path: &str) -> Option<Self> {
        let (_, extension) = path.rsplit_once('.')?;
        let known = [("avdl", Self::Idl), ("avpr", Self::Protocol), ("avsc", Self::Schema)];
        known.into_iter().find(|(name, _)| extension.eq_ignore_ascii_case(name)).map(|(_, format)| format)
    }

    /// The word after `import`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Idl => "idl",
            Self::Protocol => "protocol",
            Self::Schema => "schema",
        }
    }
}

/// What one file declares.
#[derive(Debug)]
pub(super) struct File {
    pub id: FileId,
    pub protocol: Option<Protocol>,
    /// What the file stands for if it is no protocol: `schema X;`, or the whole of an .avsc.
    pub main: Option<Type>,
    pub items: Vec<Item>,
    pub misplaced: Vec<Misplaced>,
    /// Whether declarations may be missing because they could not be read.
    pub incomplete: bool,
}

#[derive(Debug)]
pub(super) enum Item {
    Import(Import),
    Definition(Definition),
    Message(Message),
}

#[derive(Debug)]
pub(super) struct Import {
    pub format: Format,
    /// The word that says the format.
    pub format_span: Span,
    /// As written, `%20` and all.
    pub path: String,
    pub span: Span,
}

#[derive(Debug)]
pub(super) struct Protocol {
    pub full_name: String,
    pub doc: Option<String>,
    pub properties: Arc<[Annotation]>,
}

/// A named type.
#[derive(Debug, Clone)]
pub(super) struct Definition {
    pub full_name: String,
    /// The byte where it starts, annotations included.
    pub start: u32,
    pub name_span: Span,
    pub doc: Option<String>,
    /// Full names.
    pub aliases: Vec<String>,
    pub properties: Vec<Annotation>,
    pub body: Body,
    /// Whether parts of it could not be read, so that nothing can be concluded from what is missing.
    pub broken: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    Record { error: bool, fields: Vec<Field> },
    Enum { symbols: Vec<String>, default: Option<String> },
    Fixed { size: u32 },
}

impl Body {
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Record { error: false, .. } => "record",
            Self::Record { error: true, .. } => "error",
            Self::Enum { .. } => "enum",
            Self::Fixed { .. } => "fixed",
        }
    }
}

/// A field of a record or a parameter of a message.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub name: String,
    pub name_span: Span,
    pub doc: Option<String>,
    pub aliases: Vec<String>,
    pub order: Order,
    pub properties: Vec<Annotation>,
    /// Shared by the variables of one IDL declaration.
    pub schema: Arc<Type>,
    pub default: Option<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Order {
    #[default]
    Ascending,
    Descending,
    Ignore,
}

impl Order {
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Ascending, Self::Descending, Self::Ignore]
            .into_iter()
            .find(|order| text.eq_ignore_ascii_case(order.as_str()))
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ascending => "ascending",
            Self::Descending => "descending",
            Self::Ignore => "ignore",
        }
    }
}

#[derive(Debug)]
pub(super) struct Message {
    pub name: String,
    pub name_span: Span,
    pub doc: Option<String>,
    pub properties: Vec<Annotation>,
    pub request: Vec<Field>,
    pub response: Type,
    pub errors: Vec<Type>,
    pub one_way: bool,
    /// Whether only error types may be thrown: a rule of .avpr that Java does not apply to IDL.
    pub strict: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Type {
    pub span: Span,
    pub kind: Kind,
    /// What is written on the type, `logicalType` included. On a union Avro loses it.
    pub properties: Vec<Annotation>,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Primitive(Primitive, Option<Logical>),
    Array(Box<Type>),
    Map(Box<Type>),
    Union(Vec<Type>),
    /// `T?`: a union with null, whose order depends on the default of the field.
    Optional(Box<Type>),
    Reference(Reference),
}

/// The use of a named type.
#[derive(Debug, Clone)]
pub(super) struct Reference {
    pub full_name: String,
    /// In JSON, an unqualified name may also be one of the null namespace.
    pub or_null_namespace: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Primitive {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
}

impl Primitive {
    const ALL: [Self; 8] = [
        Self::Null,
        Self::Boolean,
        Self::Int,
        Self::Long,
        Self::Float,
        Self::Double,
        Self::Bytes,
        Self::String,
    ];

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|primitive| primitive.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
        }
    }
}

/// A logical type that IDL has a word for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Logical {
    Date,
    TimeMs,
    TimestampMs,
    LocalTimestampMs,
    Uuid,
    Decimal { precision: u32, scale: u32 },
}

impl Logical {
    /// The logical type of an IDL keyword, with its base.
    pub fn parse(word: &str) -> Option<(Primitive, Self)> {
        Some(match word {
            "date" => (Primitive::Int, Self::Date),
            "time_ms" => (Primitive::Int, Self::TimeMs),
            "timestamp_ms" => (Primitive::Long, Self::TimestampMs),
            "local_timestamp_ms" => (Primitive::Long, Self::LocalTimestampMs),
            "uuid" => (Primitive::String, Self::Uuid),
            _ => return None,
        })
    }

    /// Its name in JSON.
    pub fn json_name(self) -> &'static str {
        match self {
            Self::Date => "date",
            Self::TimeMs => "time-millis",
            Self::TimestampMs => "timestamp-millis",
            Self::LocalTimestampMs => "local-timestamp-millis",
            Self::Uuid => "uuid",
            Self::Decimal { .. } => "decimal",
        }
    }

    /// Its word in IDL.
    pub fn keyword(self) -> String {
        match self {
            Self::Date => "date".into(),
            Self::TimeMs => "time_ms".into(),
            Self::TimestampMs => "timestamp_ms".into(),
            Self::LocalTimestampMs => "local_timestamp_ms".into(),
            Self::Uuid => "uuid".into(),
            Self::Decimal { precision, scale } => format!("decimal({precision}, {scale})"),
        }
    }
}

impl Type {
    pub fn new(span: Span, kind: Kind) -> Self {
        Self { span, kind, properties: Vec::new() }
    }

    /// The types directly inside.
    pub fn children(&self) -> &[Type] {
        match &self.kind {
            Kind::Array(inner) | Kind::Map(inner) | Kind::Optional(inner) => std::slice::from_ref(inner),
            Kind::Union(branches) => branches,
            Kind::Primitive(..) | Kind::Reference(_) => &[],
        }
    }

    /// The type in words, for people.
    pub fn describe(&self) -> String {
        let mut text = String::with_capacity(16);
        self.describe_into(&mut text);
        text
    }

    fn describe_into(&self, text: &mut String) {
        match &self.kind {
            Kind::Primitive(_, Some(logical)) => text.push_str(&logical.keyword()),
            Kind::Primitive(primitive, None) => text.push_str(primitive.as_str()),
            Kind::Reference(reference) => text.push_str(&reference.full_name),
            Kind::Array(inner) => wrap(text, "array<", std::slice::from_ref(inner), ">"),
            Kind::Map(inner) => wrap(text, "map<", std::slice::from_ref(inner), ">"),
            Kind::Union(branches) => wrap(text, "union {", branches, "}"),
            // In the same words as where the union is written out.
            Kind::Optional(inner) => wrap(text, "union {null, ", std::slice::from_ref(inner), "}"),
        }
    }
}

fn wrap(text: &mut String, open: &str, inner: &[Type], close: &str) {
    text.push_str(open);
    for (i, branch) in inner.iter().enumerate() {
        text.push_str(if i > 0 { ", " } else { "" });
        branch.describe_into(text);
    }
    text.push_str(close);
}
