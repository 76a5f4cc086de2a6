//! The types of a project with their references resolved: what it takes to read an event.
//!
//! One flat list for all records, in which types refer to each other by index, so that recursive types are
//! nothing special. Defaults are kept; documentation, aliases and annotations are not.

use std::collections::HashMap;

use super::ir::{Body, Definition, Kind, Primitive, Reference, Type};
use super::json::{Node, Value};
use super::model::{Field, Record};
use super::{logical, names};

/// A type among those of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TypeId(u32);

/// The types of all records of a project.
#[derive(Debug, Clone)]
pub struct Types {
    types: Vec<DataType>,
    records: HashMap<String, TypeId>,
}

/// A type, its parts by index.
#[derive(Debug, Clone)]
pub enum DataType {
    /// `null`
    Null,
    /// `boolean`
    Boolean,
    /// `int`
    Int,
    /// `long`
    Long,
    /// `float`
    Float,
    /// `double`
    Double,
    /// `bytes`
    Bytes,
    /// `string`
    String,
    /// A list of items of one type.
    Array(TypeId),
    /// Values of one type by their keys.
    Map(TypeId),
    /// One of several types, in the order in which they are numbered.
    Union(Vec<TypeId>),
    /// A record or an error.
    Record(RecordType),
    /// One of several symbols.
    Enum(EnumType),
    /// A fixed number of bytes.
    Fixed(FixedType),
}

/// A record or an error.
#[derive(Debug, Clone)]
pub struct RecordType {
    /// Namespace and name.
    pub name: String,
    /// The fields in order.
    pub fields: Vec<RecordField>,
}

/// A field of a record.
#[derive(Debug, Clone)]
pub struct RecordField {
    /// The name.
    pub name: String,
    /// The type.
    pub data_type: TypeId,
    /// What it is where it is not given.
    pub default: Option<Node>,
}

/// An enum.
#[derive(Debug, Clone)]
pub struct EnumType {
    /// Namespace and name.
    pub name: String,
    /// The symbols, in the order in which they are numbered.
    pub symbols: Vec<String>,
}

/// A fixed type.
#[derive(Debug, Clone)]
pub struct FixedType {
    /// Namespace and name.
    pub name: String,
    /// How many bytes it has.
    pub size: usize,
    /// Whether its logical type is `uuid`.
    pub uuid: bool,
}

/// There is no type of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no type `{0}`")]
pub struct Undefined(pub String);

impl DataType {
    /// Its name: a word of Avro, or the full name of a record, an enum or a fixed type. In a union no two
    /// types have the same.
    pub fn name(&self) -> &str {
        match self {
            Self::Null => "null",
            Self::Boolean => "boolean",
            Self::Int => "int",
            Self::Long => "long",
            Self::Float => "float",
            Self::Double => "double",
            Self::Bytes => "bytes",
            Self::String => "string",
            Self::Array(_) => "array",
            Self::Map(_) => "map",
            Self::Union(_) => "union",
            Self::Record(record) => &record.name,
            Self::Enum(symbols) => &symbols.name,
            Self::Fixed(fixed) => &fixed.name,
        }
    }
}

impl Types {
    /// `plain` are the named types that are no records.
    pub(super) fn new(records: &[Record], plain: &[Definition]) -> Result<Self, Undefined> {
        let mut resolve = Resolve { types: primitives(), by_name: HashMap::new() };
        for record in records {
            let name = record.full_name.clone();
            resolve.declare(&record.full_name, DataType::Record(RecordType { name, fields: Vec::new() }));
        }
        for definition in plain {
            resolve.declare(&definition.full_name, plain_type(definition));
        }
        // Fields refer to any type, so they come when all have their index.
        for record in records {
            let id = resolve.named(&record.full_name)?;
            let fields = record.fields.iter().map(|field| resolve.field(field)).collect::<Result<_, _>>()?;
            let name = record.full_name.clone();
            if let Some(declared) = resolve.types.get_mut(id.0 as usize) {
                *declared = DataType::Record(RecordType { name, fields });
            }
        }
        let id = |record: &Record| Ok((record.full_name.clone(), resolve.named(&record.full_name)?));
        let records = records.iter().map(id).collect::<Result<_, _>>()?;
        Ok(Self { types: resolve.types, records })
    }

    /// The type of that index. An index of another project's types is taken for `null`.
    pub fn get(&self, id: TypeId) -> &DataType {
        self.types.get(id.0 as usize).unwrap_or(&DataType::Null)
    }

    /// The record of that full name.
    pub fn record(&self, full_name: &str) -> Option<(TypeId, &RecordType)> {
        let id = *self.records.get(full_name)?;
        match self.get(id) {
            DataType::Record(record) => Some((id, record)),
            _ => None,
        }
    }

    /// The full names of all records, in no order.
    pub fn record_names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.records.keys().map(String::as_str)
    }
}

const PRIMITIVES: [(Primitive, DataType); 8] = [
    (Primitive::Null, DataType::Null),
    (Primitive::Boolean, DataType::Boolean),
    (Primitive::Int, DataType::Int),
    (Primitive::Long, DataType::Long),
    (Primitive::Float, DataType::Float),
    (Primitive::Double, DataType::Double),
    (Primitive::Bytes, DataType::Bytes),
    (Primitive::String, DataType::String),
];

/// Each primitive type stands once, at the place of its kind.
fn primitives() -> Vec<DataType> {
    PRIMITIVES.into_iter().map(|(_, data_type)| data_type).collect()
}

fn plain_type(definition: &Definition) -> DataType {
    let name = definition.full_name.clone();
    match &definition.body {
        Body::Enum { symbols, .. } => DataType::Enum(EnumType { name, symbols: symbols.clone() }),
        Body::Fixed { size } => {
            let logical = logical::find(&definition.properties, "logicalType");
            let uuid = *size == 16 && logical.is_some_and(|logical| logical.value.as_str() == Some("uuid"));
            DataType::Fixed(FixedType { name, size: *size as usize, uuid })
        }
        Body::Record { .. } => DataType::Record(RecordType { name, fields: Vec::new() }),
    }
}

struct Resolve<'a> {
    types: Vec<DataType>,
    by_name: HashMap<&'a str, TypeId>,
}

impl<'a> Resolve<'a> {
    fn add(&mut self, data_type: DataType) -> TypeId {
        let id = TypeId(self.types.len() as u32);
        self.types.push(data_type);
        id
    }

    fn declare(&mut self, full_name: &'a str, data_type: DataType) {
        let id = self.add(data_type);
        self.by_name.insert(full_name, id);
    }

    fn named(&self, full_name: &str) -> Result<TypeId, Undefined> {
        self.by_name.get(full_name).copied().ok_or_else(|| Undefined(full_name.to_owned()))
    }

    fn reference(&self, reference: &Reference) -> Result<TypeId, Undefined> {
        let (_, simple) = names::split(&reference.full_name);
        self.named(&reference.full_name).or_else(|undefined| match reference.or_null_namespace {
            true => self.named(simple).map_err(|_| undefined),
            false => Err(undefined),
        })
    }

    fn field(&mut self, field: &Field) -> Result<RecordField, Undefined> {
        let data_type = match &field.schema.kind {
            // Of `T?` the type of the default comes first.
            Kind::Optional(inner) if field.default.as_ref().is_some_and(|d| d.value != Value::Null) => {
                let inner = self.schema(inner)?;
                let null = primitive(Primitive::Null);
                self.add(DataType::Union(vec![inner, null]))
            }
            _ => self.schema(&field.schema)?,
        };
        Ok(RecordField { name: field.name.clone(), data_type, default: field.default.clone() })
    }

    fn schema(&mut self, schema: &Type) -> Result<TypeId, Undefined> {
        let data_type = match &schema.kind {
            Kind::Primitive(kind, _) => return Ok(primitive(*kind)),
            Kind::Reference(reference) => return self.reference(reference),
            Kind::Array(items) => DataType::Array(self.schema(items)?),
            Kind::Map(values) => DataType::Map(self.schema(values)?),
            Kind::Optional(inner) => DataType::Union(vec![primitive(Primitive::Null), self.schema(inner)?]),
            Kind::Union(branches) => {
                let branches = branches.iter().map(|branch| self.schema(branch));
                DataType::Union(branches.collect::<Result<_, _>>()?)
            }
        };
        Ok(self.add(data_type))
    }
}

fn primitive(primitive: Primitive) -> TypeId {
    let place = PRIMITIVES.iter().position(|(kind, _)| *kind == primitive);
    TypeId(place.unwrap_or_default() as u32)
}
