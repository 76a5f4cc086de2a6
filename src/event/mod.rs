//! Events as they arrive, checked against their schema, and the ids that are wanted of them.
//!
//! `tree` reads JSON and `json` checks it, `binary` reads Avro's single-object encoding, `scalar` is what both
//! find, `error` says what is wrong. A request is checked as a whole before anything of it is reported.
//! What an id is counted for is not known here.

mod binary;
mod error;
mod json;
mod scalar;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::{BTreeMap, HashMap};

pub use self::error::{EventError, Problem, SetupError};
pub use self::scalar::Id;
use self::scalar::Scalar;
use self::tree::Json;
use crate::schema::{RecordField, SchemaSet, TypeId, Types};
use crate::suggest;

/// How much of a request is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of a body.
    pub bytes: usize,
    /// The events of a body.
    pub events: usize,
    /// The values of a body, those inside others included. Values may take no bytes at all.
    pub values: usize,
    /// The records, arrays and maps around a value, at most [`Limits::DEEPEST`].
    pub depth: usize,
}

impl Limits {
    /// No limit of depth is higher, whatever is set.
    pub const DEEPEST: usize = 100;
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 20, events: 10_000, values: 2_000_000, depth: 64 }
    }
}

/// A value of a wanted field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// The event's place in the request, from 0.
    pub event: usize,
    /// The field's place in the list that [`EventReader::new`] was given.
    pub field: usize,
    /// The value.
    pub id: Id<'a>,
}

/// The schemas by which events are read, and the fields that are wanted of each.
#[derive(Debug)]
pub struct EventReader {
    types: Types,
    records: BTreeMap<String, Known>,
    /// The full names of each simple name.
    simple: HashMap<String, Vec<String>>,
    fingerprints: HashMap<u64, String>,
    limits: Limits,
}

/// A record that events may be of.
#[derive(Debug)]
struct Known {
    id: TypeId,
    /// None for types that contain each other too deep to have one.
    fingerprint: Option<u64>,
    wanted: Vec<WantedField>,
}

#[derive(Debug)]
struct WantedField {
    /// Its place among the record's fields.
    field: usize,
    /// Its place in the list of all that is wanted.
    position: usize,
    /// Its id in JSON that leaves the field out.
    default: Option<Id<'static>>,
}

impl EventReader {
    /// Reads the events of all records in `schemas`, and finds those fields of them that `wanted` names by
    /// the record's full name and the field's name.
    ///
    /// # Errors
    ///
    /// When a type is not declared, or a wanted field does not exist.
    pub fn new(schemas: &SchemaSet, wanted: &[(String, String)], limits: Limits) -> Result<Self, SetupError> {
        let types = schemas.types()?;
        let limits = Limits { depth: limits.depth.min(Limits::DEEPEST), ..limits };
        let mut records = BTreeMap::new();
        let mut simple: HashMap<String, Vec<String>> = HashMap::new();
        let mut fingerprints = HashMap::new();
        for record in schemas.records() {
            let name = &record.full_name;
            let Some((id, _)) = types.record(name) else { continue };
            let fingerprint = types.fingerprint(id);
            fingerprints.extend(fingerprint.map(|fingerprint| (fingerprint, name.clone())));
            simple.entry(record.name().to_owned()).or_default().push(name.clone());
            records.insert(name.clone(), Known { id, fingerprint, wanted: Vec::new() });
        }
        for (position, (record, field)) in wanted.iter().enumerate() {
            let found = wanted_field(&types, record, field, position)
                .zip(records.get_mut(record))
                .map(|(field, known)| known.wanted.push(field));
            found.ok_or_else(|| SetupError::Field { record: record.clone(), field: field.clone() })?;
        }
        simple.values_mut().for_each(|names| names.sort());
        Ok(Self { types, records, simple, fingerprints, limits })
    }

    /// The full name of the record that goes by `name`, which is its full name, or its simple name if no
    /// other record has it.
    ///
    /// # Errors
    ///
    /// [`EventError::UnknownRecord`] or [`EventError::AmbiguousRecord`].
    pub fn full_name(&self, name: &str) -> Result<&str, EventError> {
        self.known(name).map(|(full_name, _)| full_name)
    }

    /// Reads one event as a JSON object, or several as an array or one after the other, and says how many
    /// they were. What is wanted of them is reported only if all of them fit their schema.
    ///
    /// # Errors
    ///
    /// When the body is not what it should be. Then nothing was reported.
    pub fn json(
        &self,
        record: &str,
        body: &[u8],
        mut found: impl FnMut(Wanted<'_>),
    ) -> Result<u64, EventError> {
        let (_, known) = self.known(record)?;
        self.check_size(body)?;
        let events = tree::parse(body, &self.limits)?;
        let mut ids = Vec::new();
        let check = json::Check { types: &self.types };
        for (event, json) in events.iter().enumerate() {
            let note = &mut |field: usize, value| known.note(event, field, value, &mut ids);
            let place = (events.len() > 1).then_some(event);
            check.event(known.id, json, note).map_err(|misfit| misfit.at(place))?;
        }
        ids.into_iter().for_each(&mut found);
        Ok(events.len() as u64)
    }

    /// Reads one event in Avro's single-object encoding, by the record's present schema.
    ///
    /// # Errors
    ///
    /// When the body is not what it should be. Then nothing was reported.
    pub fn single_object(
        &self,
        record: &str,
        body: &[u8],
        mut found: impl FnMut(Wanted<'_>),
    ) -> Result<(), EventError> {
        let (full_name, known) = self.known(record)?;
        self.check_size(body)?;
        let (fingerprint, body) = binary::header(body)?;
        if known.fingerprint != Some(fingerprint) {
            return Err(EventError::UnknownSchema {
                record: full_name.to_owned(),
                found: fingerprint,
                expected: known.fingerprint,
                belongs_to: self.fingerprints.get(&fingerprint).cloned(),
            });
        }
        let mut ids = Vec::new();
        let note = &mut |field: usize, value| known.note(0, field, value, &mut ids);
        binary::read(&self.types, known.id, body, &self.limits, note).map_err(|misfit| misfit.at(None))?;
        ids.into_iter().for_each(&mut found);
        Ok(())
    }

    fn known(&self, name: &str) -> Result<(&str, &Known), EventError> {
        if let Some((full_name, known)) = self.records.get_key_value(name) {
            return Ok((full_name, known));
        }
        match self.simple.get(name).map_or(&[][..], Vec::as_slice) {
            [] => Err(self.unknown(name)),
            [full_name] => {
                let found = self.records.get_key_value(full_name).ok_or_else(|| self.unknown(name));
                found.map(|(full_name, known)| (full_name.as_str(), known))
            }
            names => {
                Err(EventError::AmbiguousRecord { name: name.to_owned(), candidates: error::few(names) })
            }
        }
    }

    fn unknown(&self, name: &str) -> EventError {
        let names = self.records.keys().chain(self.simple.keys()).map(String::as_str);
        let suggestion = suggest::closest(name, names).map(str::to_owned);
        EventError::UnknownRecord { name: error::shown(name), suggestion }
    }

    fn check_size(&self, body: &[u8]) -> Result<(), EventError> {
        match body.len() > self.limits.bytes {
            true => Err(EventError::TooLarge { what: "bytes", limit: self.limits.bytes }),
            false => Ok(()),
        }
    }
}

impl Known {
    /// Keeps the value of a field if it is wanted and an id. Without a value, the default counts.
    fn note<'v>(&self, event: usize, field: usize, value: Option<Scalar<'v>>, ids: &mut Vec<Wanted<'v>>) {
        for wanted in self.wanted.iter().filter(|wanted| wanted.field == field) {
            let id = match &value {
                Some(value) => value.clone().id(),
                None => wanted.default.clone(),
            };
            ids.extend(id.map(|id| Wanted { event, field: wanted.position, id }));
        }
    }
}

fn wanted_field(types: &Types, record: &str, field: &str, position: usize) -> Option<WantedField> {
    let (_, record) = types.record(record)?;
    let at = record.fields.iter().position(|known| known.name == field)?;
    let RecordField { data_type, default, .. } = record.fields.get(at)?;
    let default = default.as_ref().and_then(|default| {
        let default = Json::of_default(default);
        let scalar = json::Check { types }.value(*data_type, &default).ok()?;
        scalar.id().map(Id::into_owned)
    });
    Some(WantedField { field: at, position, default })
}
