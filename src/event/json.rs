//! Whether a JSON value fits a type, and what single value it is.
//!
//! A value of a union may be written plain or with the name of its branch, as Avro does: `"x"` or
//! `{"string": "x"}`. Which branch a value belongs to is decided by looking at the value itself and its keys,
//! never by trying: trying takes exponential time where unions stand in each other.

use std::borrow::Cow;
use std::collections::HashSet;

use super::error::{Misfit, Problem, described, shown};
use super::scalar::{Scalar, guid};
use super::tree::Json;
use crate::schema::{DataType, EnumType, FixedType, RecordType, TypeId, Types};
use crate::suggest;

/// The first whole number that does not fit a `long`.
const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;

/// Told of each field of a record: its place, and its value if it is given.
pub(super) type Found<'f, 'v> = &'f mut dyn FnMut(usize, Option<Scalar<'v>>);

pub(super) struct Check<'t> {
    pub types: &'t Types,
}

impl Check<'_> {
    /// Checks a whole event.
    pub fn event<'v>(&self, id: TypeId, json: &'v Json<'_>, found: Found<'_, 'v>) -> Result<(), Misfit> {
        match (self.types.get(id), json) {
            (DataType::Record(record), Json::Object(members)) => self.record(record, members, found),
            _ => self.value(id, json).map(|_| ()),
        }
    }

    pub fn value<'v>(&self, id: TypeId, json: &'v Json<'_>) -> Result<Scalar<'v>, Misfit> {
        let data_type = self.types.get(id);
        let expected = || described(self.types, id);
        let out_of_range =
            || Err(Problem::OutOfRange { expected: expected(), found: json.described() }.into());
        match (data_type, json) {
            (DataType::Null, Json::Null) => Ok(Scalar::Nothing),
            (DataType::Boolean, Json::Bool(value)) => Ok(Scalar::Boolean(*value)),
            (DataType::Int, Json::Integer(number)) if i32::try_from(*number).is_err() => out_of_range(),
            (DataType::Int | DataType::Long, Json::Integer(number)) => Ok(Scalar::Integer(*number)),
            (DataType::Int | DataType::Long, Json::Large(_)) => out_of_range(),
            // A whole number of more than 64 bits arrives as a float.
            (DataType::Int | DataType::Long, Json::Float(number)) if number.abs() >= TOO_LARGE => {
                out_of_range()
            }
            (DataType::Float | DataType::Double, _) if let Some(number) = json.number() => {
                let fits = matches!(data_type, DataType::Double) || (number as f32).is_finite();
                if fits { Ok(Scalar::Nothing) } else { out_of_range() }
            }
            (DataType::String, Json::String(text)) => Ok(Scalar::Text(text)),
            (DataType::Bytes, Json::String(text)) => match bytes(text) {
                Some(bytes) => Ok(Scalar::Bytes(Cow::Owned(bytes))),
                None => Err(NO_BYTES.into()),
            },
            (DataType::Fixed(fixed), Json::String(text)) => Ok(fixed_value(fixed, text)?),
            (DataType::Enum(symbols), Json::String(text)) => Ok(symbol(symbols, text)?),
            (DataType::Array(items), Json::Array(values)) => {
                let check = |(i, value)| self.value(*items, value).map_err(|misfit| misfit.in_item(i));
                values.iter().enumerate().try_for_each(|item| check(item).map(|_| ()))?;
                Ok(Scalar::Nothing)
            }
            (DataType::Map(values), Json::Object(members)) => {
                let mut keys = HashSet::with_capacity(members.len());
                for (key, value) in members {
                    if !keys.insert(key.as_ref()) {
                        return Err(Misfit::from(Problem::DuplicateKey).under(key));
                    }
                    self.value(*values, value).map_err(|misfit| misfit.under(key))?;
                }
                Ok(Scalar::Nothing)
            }
            (DataType::Record(record), Json::Object(members)) => {
                self.record(record, members, &mut |_, _| {})?;
                Ok(Scalar::Nothing)
            }
            (DataType::Union(branches), _) => match self.tagged(branches, json) {
                Some((branch, tag, value)) => self.value(branch, value).map_err(|misfit| misfit.under(tag)),
                None => match self.plain(branches, json) {
                    Some(branch) => self.value(branch, json),
                    None => Err(wrong_type(expected(), json)),
                },
            },
            _ => Err(wrong_type(expected(), json)),
        }
    }

    fn record<'v>(
        &self,
        record: &RecordType,
        members: &'v [(Cow<'_, str>, Json<'_>)],
        found: Found<'_, 'v>,
    ) -> Result<(), Misfit> {
        let mut given = vec![false; record.fields.len()];
        for (i, (key, value)) in members.iter().enumerate() {
            let Some(at) = position(record, key, i) else { return Err(unknown_field(record, key)) };
            if let Some(earlier) = given.get_mut(at)
                && std::mem::replace(earlier, true)
            {
                return Err(Misfit::from(Problem::DuplicateKey).under(key));
            }
            if let Some(field) = record.fields.get(at) {
                let scalar = self.value(field.data_type, value).map_err(|misfit| misfit.under(key))?;
                found(at, Some(scalar));
            }
        }
        for ((at, field), _) in record.fields.iter().enumerate().zip(given).filter(|(_, given)| !given) {
            if field.default.is_none() {
                return Err(Misfit::from(Problem::MissingField).under(&field.name));
            }
            found(at, None);
        }
        Ok(())
    }

    /// The branch that an object with a single key names, that name, and the value.
    fn tagged<'v, 'b>(
        &self,
        branches: &[TypeId],
        json: &'v Json<'b>,
    ) -> Option<(TypeId, &'v str, &'v Json<'b>)> {
        let Json::Object(members) = json else { return None };
        let [(tag, value)] = members.as_slice() else { return None };
        let branch = branches.iter().find(|branch| self.types.get(**branch).name() == tag)?;
        Some((*branch, tag, value))
    }

    /// The branch that suits a plain value best; if none does, the only one of its kind, which can then say
    /// what is wrong.
    fn plain(&self, branches: &[TypeId], json: &Json<'_>) -> Option<TypeId> {
        let suits = |branch: &TypeId| rank(self.types.get(*branch), json).map(|rank| (rank, *branch));
        if let Some((_, branch)) = branches.iter().filter_map(suits).min_by_key(|(rank, _)| *rank) {
            return Some(branch);
        }
        let mut kin = branches.iter().filter(|branch| is_kin(self.types.get(**branch), json));
        let first = kin.next()?;
        kin.next().is_none().then_some(*first)
    }
}

/// How well a plain value suits a branch of a union, the best first.
fn rank(branch: &DataType, json: &Json<'_>) -> Option<u8> {
    match (branch, json) {
        (DataType::Null, Json::Null)
        | (DataType::Boolean, Json::Bool(_))
        | (DataType::String, Json::String(_))
        | (DataType::Array(_), Json::Array(_)) => Some(0),
        (DataType::Int, Json::Integer(number)) => i32::try_from(*number).ok().map(|_| 0),
        (DataType::Long, Json::Integer(_)) => Some(1),
        (DataType::Double, _) => json.number().map(|_| 2),
        (DataType::Float, _) => json.number().filter(|number| (*number as f32).is_finite()).map(|_| 3),
        (DataType::Enum(symbols), Json::String(text)) => symbol(symbols, text).ok().map(|_| 1),
        (DataType::Fixed(fixed), Json::String(text)) => fixed_value(fixed, text).ok().map(|_| 2),
        (DataType::Bytes, Json::String(text)) => bytes(text).map(|_| 3),
        (DataType::Record(record), Json::Object(members)) => covers(record, members).then_some(0),
        (DataType::Map(_), Json::Object(_)) => Some(1),
        _ => None,
    }
}

/// Whether a plain value has the JSON type of a branch, though it does not suit it.
fn is_kin(branch: &DataType, json: &Json<'_>) -> bool {
    match json {
        Json::Integer(_) | Json::Large(_) | Json::Float(_) => {
            matches!(branch, DataType::Int | DataType::Long | DataType::Float | DataType::Double)
        }
        Json::String(_) => matches!(branch, DataType::Enum(_) | DataType::Fixed(_) | DataType::Bytes),
        Json::Object(_) => matches!(branch, DataType::Record(_)),
        Json::Null | Json::Bool(_) | Json::Array(_) => false,
    }
}

/// Whether an object has the keys of a record.
fn covers(record: &RecordType, members: &[(Cow<'_, str>, Json<'_>)]) -> bool {
    let has = |name: &str| members.iter().any(|(key, _)| key == name);
    members.iter().enumerate().all(|(i, (key, _))| position(record, key, i).is_some())
        && record.fields.iter().all(|field| field.default.is_some() || has(&field.name))
}

/// The place of a field. Most writers keep the order of the schema, so the one at `likely` is tried first.
fn position(record: &RecordType, name: &str, likely: usize) -> Option<usize> {
    match record.fields.get(likely) {
        Some(field) if field.name == name => Some(likely),
        _ => record.fields.iter().position(|field| field.name == name),
    }
}

const NO_BYTES: Problem = Problem::Malformed("bytes are written as a text of characters up to U+00FF");

/// The bytes that a text stands for, a character for each.
fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(c).ok()).collect()
}

fn fixed_value<'v>(fixed: &FixedType, text: &str) -> Result<Scalar<'v>, Problem> {
    // People write a GUID in digits, where Avro has a character for each of the 16 bytes.
    if let Some(guid) = guid(text).filter(|_| fixed.uuid) {
        return Ok(Scalar::Guid(guid));
    }
    let found = text.chars().count();
    if found != fixed.size {
        return Err(Problem::WrongLength { name: fixed.name.clone(), expected: fixed.size, found });
    }
    let bytes = bytes(text).ok_or(NO_BYTES)?;
    Ok(fixed_scalar(fixed, Cow::Owned(bytes)))
}

/// The value of a fixed type.
pub(super) fn fixed_scalar<'v>(fixed: &FixedType, bytes: Cow<'v, [u8]>) -> Scalar<'v> {
    match <[u8; 16]>::try_from(bytes.as_ref()) {
        Ok(guid) if fixed.uuid => Scalar::Guid(guid),
        _ => Scalar::Bytes(bytes),
    }
}

fn symbol<'v>(symbols: &EnumType, text: &'v str) -> Result<Scalar<'v>, Problem> {
    if symbols.symbols.iter().any(|symbol| symbol == text) {
        return Ok(Scalar::Text(text));
    }
    let suggestion = suggest::closest(text, symbols.symbols.iter().map(String::as_str)).map(str::to_owned);
    Err(Problem::UnknownSymbol { symbol: shown(text), name: symbols.name.clone(), suggestion })
}

fn unknown_field(record: &RecordType, key: &str) -> Misfit {
    let names = record.fields.iter().map(|field| field.name.as_str());
    let suggestion = suggest::closest(key, names).map(str::to_owned);
    Misfit::from(Problem::UnknownField { record: record.name.clone(), suggestion }).under(key)
}

fn wrong_type(expected: String, json: &Json<'_>) -> Misfit {
    Problem::WrongType { expected, found: json.described() }.into()
}
