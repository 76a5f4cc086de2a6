//! What can be wrong with a request, for people and for counters.
//!
//! Text of a request that gets into a message is hostile: it is made harmless and short right here.

use crate::schema::{DataType, TypeId, Types, Undefined};
use crate::text::{clean_line, shortened};

/// How many characters of a text from a request a message shows.
const SHOWN: usize = 60;

/// Why no events can be read by these schemas.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The schemas are not complete.
    #[error(transparent)]
    Undefined(#[from] Undefined),
    /// What is wanted does not exist.
    #[error("there is no field `{field}` of a record `{record}`")]
    Field {
        /// The record.
        record: String,
        /// The field.
        field: String,
    },
}

/// Why a request was refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// No record has that name.
    #[error("there is no record `{name}`{}", meant(.suggestion))]
    UnknownRecord {
        /// The name in the request.
        name: String,
        /// The name that was probably meant.
        suggestion: Option<String>,
    },
    /// Several records have that simple name.
    #[error("several records are called `{name}`, so it takes the full name: {}", .candidates.join(", "))]
    AmbiguousRecord {
        /// The name in the request.
        name: String,
        /// The full names of some records that it may mean.
        candidates: Vec<String>,
    },
    /// The body is larger than is read.
    #[error("the request has more than {limit} {what}")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// How many of them are read.
        limit: usize,
    },
    /// Objects and arrays stand in each other too deep.
    #[error("objects and arrays are nested more than {limit} levels deep")]
    TooDeep {
        /// How many levels are read.
        limit: usize,
    },
    /// The body is no JSON.
    #[error("the request is not JSON: {0}")]
    NotJson(String),
    /// The body does not start as a message in single-object encoding does.
    #[error("the request is not in Avro's single-object encoding, which starts with the bytes C3 01")]
    NotSingleObject,
    /// The message was written by another schema than the record's present one.
    #[error("the message has the schema {found:016x}, but `{record}` has {}{}", fingerprint(*.expected), owner(.belongs_to))]
    UnknownSchema {
        /// The record of the request, by its full name.
        record: String,
        /// The fingerprint in the message.
        found: u64,
        /// The fingerprint of the record's schema, if it has one.
        expected: Option<u64>,
        /// The record that the fingerprint belongs to.
        belongs_to: Option<String>,
    },
    /// An event does not fit its schema.
    #[error("{}{problem}", place(*.event, .path))]
    Misfit {
        /// The event's place in the request, from 0, if there are several.
        event: Option<usize>,
        /// Where in the event, for example `header.userId`; empty for the event itself.
        path: String,
        /// What is wrong there.
        problem: Problem,
    },
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It has another type than the schema says.
    #[error("expected {expected}, found {found}")]
    WrongType {
        /// The type in words.
        expected: String,
        /// The value in words.
        found: String,
    },
    /// It has the right type but cannot be represented.
    #[error("expected {expected}, found {found}, which is out of range")]
    OutOfRange {
        /// The type in words.
        expected: String,
        /// The value in words.
        found: String,
    },
    /// The field is not there and has no default.
    #[error("the field is missing and has no default")]
    MissingField,
    /// The record has no such field.
    #[error("`{record}` has no such field{}", meant(.suggestion))]
    UnknownField {
        /// The record.
        record: String,
        /// The field that was probably meant.
        suggestion: Option<String>,
    },
    /// A key stands twice in one object.
    #[error("the key stands twice")]
    DuplicateKey,
    /// The enum has no such symbol.
    #[error("`{symbol}` is not a symbol of `{name}`{}", meant(.suggestion))]
    UnknownSymbol {
        /// What was found.
        symbol: String,
        /// The enum.
        name: String,
        /// The symbol that was probably meant.
        suggestion: Option<String>,
    },
    /// A fixed type has another length.
    #[error("`{name}` has {expected} bytes, found {found}")]
    WrongLength {
        /// The fixed type.
        name: String,
        /// Its length.
        expected: usize,
        /// The length found.
        found: usize,
    },
    /// The message ends too early.
    #[error("the message ends in the middle of a value")]
    Truncated,
    /// The message goes on.
    #[error("the message goes on after the event, by {}", bytes(*.0))]
    Trailing(usize),
    /// No encoder writes such bytes.
    #[error("{0}")]
    Malformed(&'static str),
    /// There are more values than are read.
    #[error("the message has more than {0} values")]
    TooManyValues(usize),
    /// Values are nested deeper than is read.
    #[error("values are nested more than {0} levels deep")]
    TooDeep(usize),
}

impl EventError {
    /// A word for the kind of mistake, by which refused requests can be counted. It does not change.
    pub fn cause(&self) -> &'static str {
        match self {
            Self::UnknownRecord { .. } => "unknown_record",
            Self::AmbiguousRecord { .. } => "ambiguous_record",
            Self::TooLarge { .. } => "too_large",
            Self::TooDeep { .. } => "too_deep",
            Self::NotJson(_) => "not_json",
            Self::NotSingleObject => "not_single_object",
            Self::UnknownSchema { .. } => "unknown_schema",
            Self::Misfit { problem, .. } => problem.cause(),
        }
    }
}

impl Problem {
    fn cause(&self) -> &'static str {
        match self {
            Self::WrongType { .. } => "wrong_type",
            Self::OutOfRange { .. } => "out_of_range",
            Self::MissingField => "missing_field",
            Self::UnknownField { .. } => "unknown_field",
            Self::DuplicateKey => "duplicate_key",
            Self::UnknownSymbol { .. } => "unknown_symbol",
            Self::WrongLength { .. } => "wrong_length",
            Self::Truncated => "truncated",
            Self::Trailing(_) => "trailing",
            Self::Malformed(_) => "malformed",
            Self::TooManyValues(_) => "too_large",
            Self::TooDeep(_) => "too_deep",
        }
    }
}

/// A value that does not fit, and the way to it, innermost step first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    problem: Problem,
    path: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A field of a record or a key of a map.
    Key(String),
    /// An item of an array, from 0.
    Item(usize),
}

impl From<Problem> for Misfit {
    fn from(problem: Problem) -> Self {
        Self { problem, path: Vec::new() }
    }
}

impl Misfit {
    /// The same misfit, seen from the record or map around it.
    pub fn under(mut self, key: &str) -> Self {
        self.path.push(Step::Key(shown(key)));
        self
    }

    /// The same misfit, seen from the array around it.
    pub fn in_item(mut self, index: usize) -> Self {
        self.path.push(Step::Item(index));
        self
    }

    /// The error for an event, by its place if there are several.
    pub fn at(self, event: Option<usize>) -> EventError {
        let mut path = String::new();
        for step in self.path.iter().rev() {
            match step {
                Step::Item(index) => path.push_str(&format!("[{index}]")),
                Step::Key(key) if path.is_empty() => path.push_str(key),
                Step::Key(key) => path.extend([".", key]),
            }
        }
        EventError::Misfit { event, path: shortened(&path, 4 * SHOWN), problem: self.problem }
    }
}

/// Text of a request, harmless and short.
pub(super) fn shown(text: &str) -> String {
    shortened(&clean_line(text.get(..text.floor_char_boundary(8 * SHOWN)).unwrap_or_default()), SHOWN)
}

/// A type in words.
pub(super) fn described(types: &Types, id: TypeId) -> String {
    match types.get(id) {
        DataType::Union(branches) => {
            let names: Vec<String> = branches.iter().map(|branch| types.get(*branch).name().into()).collect();
            format!("one of {}", few(&names).join(", "))
        }
        other => format!("`{}`", other.name()),
    }
}

/// The first few names, as nobody reads hundreds.
pub(super) fn few(names: &[String]) -> Vec<String> {
    const FEW: usize = 6;
    let more = (names.len() > FEW).then(|| format!("and {} more", names.len() - FEW));
    names.iter().take(FEW).map(|name| format!("`{name}`")).chain(more).collect()
}

fn bytes(count: usize) -> String {
    format!("{count} byte{}", if count == 1 { "" } else { "s" })
}

fn meant(suggestion: &Option<String>) -> String {
    suggestion.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

fn fingerprint(expected: Option<u64>) -> String {
    expected.map_or("none: its types are nested too deep".to_owned(), |value| format!("{value:016x}"))
}

fn owner(record: &Option<String>) -> String {
    record.as_ref().map(|record| format!("; it is the schema of `{record}`")).unwrap_or_default()
}

fn place(event: Option<usize>, path: &str) -> String {
    match (event, path) {
        (None, "") => String::new(),
        (None, path) => format!("`{path}`: "),
        (Some(event), "") => format!("event {}: ", event + 1),
        (Some(event), path) => format!("event {}, `{path}`: ", event + 1),
    }
}
