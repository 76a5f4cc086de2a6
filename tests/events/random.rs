//! Random schemas and events: what apache-avro writes is read as it was meant, and nothing else does harm.

use std::collections::HashMap;

use apache_avro::types::Value as Avro;
use apache_avro::{GenericSingleObjectWriter, Schema};
use bellwether::event::{EventReader, Limits};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{Files, schemas};

/// A type, named ones by their place in [`World::named`].
#[derive(Clone)]
enum Type {
    Primitive(&'static str),
    Array(Box<Type>),
    Map(Box<Type>),
    Union(Vec<Type>),
    Named(usize),
}

enum Named {
    Enum(usize),
    Fixed(usize),
    Record(Vec<Type>),
}

/// Random choices; when they are used up, the first possibility counts.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn of(&mut self, count: usize) -> usize {
        self.0.next().map_or(0, |choice| usize::from(*choice) % count)
    }

    fn number(&mut self) -> u64 {
        let bytes = std::array::from_fn(|_| self.of(256) as u8);
        // Mostly small ones, the rest up to the limits.
        u64::from_le_bytes(bytes) >> (8 * self.of(8))
    }

    fn text(&mut self) -> String {
        let letters = ['a', 'Z', '"', '\\', '\n', 'é', '\u{ff}', '名', '😀', '\0'];
        (0..self.of(4)).map(|_| letters[self.of(letters.len())]).collect()
    }
}

/// The types of one random schema. The last record is the event.
struct World {
    named: Vec<Named>,
}

/// One event in both encodings.
struct Event {
    avro: Avro,
    json: Value,
    /// The ids of its fields.
    ids: Vec<(usize, String)>,
}

impl World {
    fn new(choices: &mut Choices<'_>) -> Self {
        let mut world = Self { named: vec![Named::Enum(1 + choices.of(3)), Named::Fixed(choices.of(5))] };
        for _ in 0..1 + choices.of(3) {
            let own = world.named.len();
            let fields = (0..choices.of(6)).map(|_| world.any(choices, own, 3)).collect();
            world.named.push(Named::Record(fields));
        }
        world
    }

    /// A random type, for a field of the record at `own`.
    fn any(&self, choices: &mut Choices<'_>, own: usize, depth: usize) -> Type {
        const PRIMITIVES: [&str; 8] =
            ["string", "long", "int", "bytes", "boolean", "null", "float", "double"];
        match choices.of(if depth == 0 { 10 } else { 15 }) {
            i @ 0..8 => Type::Primitive(PRIMITIVES[i]),
            8 => Type::Named(choices.of(own)),
            9 => Type::Named(0),
            10 => Type::Array(Box::new(self.any(choices, own, depth - 1))),
            11 => Type::Map(Box::new(self.any(choices, own, depth - 1))),
            // Its own record again: none or several of it.
            12 => Type::Union(vec![Type::Primitive("null"), Type::Named(own)]),
            13 => Type::Array(Box::new(Type::Named(own))),
            _ => self.union(choices, own, depth),
        }
    }

    fn union(&self, choices: &mut Choices<'_>, own: usize, depth: usize) -> Type {
        let mut branches: HashMap<String, Type> = HashMap::new();
        let mut order = Vec::new();
        for _ in 0..1 + choices.of(4) {
            let branch = self.any(choices, own, depth - 1);
            let tag = tag(&branch);
            // A branch of its own kind would make values without end.
            if tag != "union" && tag != format!("n.T{own}") && branches.insert(tag.clone(), branch).is_none()
            {
                order.push(tag);
            }
        }
        let branches: Vec<Type> = order.iter().map(|tag| branches[tag].clone()).collect();
        if branches.is_empty() { Type::Primitive("null") } else { Type::Union(branches) }
    }

    /// The schema in JSON, each named type written out where it is used first.
    fn schema(&self, of: &Type, written: &mut Vec<usize>) -> Value {
        match of {
            Type::Primitive(name) => json!(name),
            Type::Array(items) => json!({"type": "array", "items": self.schema(items, written)}),
            Type::Map(values) => json!({"type": "map", "values": self.schema(values, written)}),
            Type::Union(branches) => branches.iter().map(|branch| self.schema(branch, written)).collect(),
            Type::Named(place) if written.contains(place) => json!(format!("n.T{place}")),
            Type::Named(place) => {
                written.push(*place);
                let name = format!("T{place}");
                match &self.named[*place] {
                    Named::Enum(count) => {
                        let symbols: Vec<String> = (0..*count).map(|i| format!("S{i}")).collect();
                        json!({"type": "enum", "namespace": "n", "name": name, "symbols": symbols})
                    }
                    Named::Fixed(size) => {
                        json!({"type": "fixed", "namespace": "n", "name": name, "size": size})
                    }
                    Named::Record(fields) => {
                        let field = |(i, field): (usize, &Type)| json!({"name": format!("f{i}"), "type": self.schema(field, written)});
                        let fields: Vec<Value> = fields.iter().enumerate().map(field).collect();
                        json!({"type": "record", "namespace": "n", "name": name, "fields": fields})
                    }
                }
            }
        }
    }

    fn event(&self, choices: &mut Choices<'_>) -> Event {
        let Some(Named::Record(fields)) = self.named.last() else { panic!("the last is a record") };
        let (mut avro, mut json, mut ids) = (Vec::new(), serde_json::Map::new(), Vec::new());
        for (i, field) in fields.iter().enumerate() {
            let (in_avro, in_json, id) = self.value(choices, field, 3);
            avro.push((format!("f{i}"), in_avro));
            json.insert(format!("f{i}"), in_json);
            ids.extend(id.map(|id| (i, id)));
        }
        Event { avro: Avro::Record(avro), json: json.into(), ids }
    }

    /// A value in both encodings, and as an id.
    fn value(&self, choices: &mut Choices<'_>, of: &Type, depth: usize) -> (Avro, Value, Option<String>) {
        let count = |choices: &mut Choices<'_>| if depth == 0 { 0 } else { choices.of(3) };
        let below = depth.saturating_sub(1);
        match of {
            Type::Primitive(name) => primitive(choices, name),
            Type::Array(items) => {
                let values = (0..count(choices)).map(|_| self.value(choices, items, below));
                let (avro, json) = values.map(|(avro, json, _)| (avro, json)).unzip();
                (Avro::Array(avro), Value::Array(json), None)
            }
            Type::Map(values) => {
                let (mut avro, mut json) = (HashMap::new(), serde_json::Map::new());
                for i in 0..count(choices) {
                    let key = format!("{i}{}", choices.text());
                    let (in_avro, in_json, _) = self.value(choices, values, below);
                    avro.insert(key.clone(), in_avro);
                    json.insert(key, in_json);
                }
                (Avro::Map(avro), json.into(), None)
            }
            Type::Union(branches) => {
                let i = if depth == 0 { 0 } else { choices.of(branches.len()) };
                let (avro, plain, id) = self.value(choices, &branches[i], below);
                // With null alone beside it, a value may be written plain.
                let with_null = branches.len() == 2 && branches.iter().any(|branch| tag(branch) == "null");
                let json = match tag(&branches[i]) {
                    tag if tag == "null" => plain,
                    _ if with_null && choices.of(2) == 0 => plain,
                    tag => json!({ tag: plain }),
                };
                (Avro::Union(i as u32, Box::new(avro)), json, id)
            }
            Type::Named(place) => match &self.named[*place] {
                Named::Enum(symbols) => {
                    let i = choices.of(*symbols);
                    let symbol = format!("S{i}");
                    (Avro::Enum(i as u32, symbol.clone()), json!(symbol), Some(symbol))
                }
                Named::Fixed(size) => {
                    let bytes: Vec<u8> = (0..*size).map(|_| choices.of(256) as u8).collect();
                    let (json, id) = (latin(&bytes), Some(hexadecimal(&bytes)));
                    (Avro::Fixed(*size, bytes), json, id)
                }
                Named::Record(fields) => {
                    let (mut avro, mut json) = (Vec::new(), serde_json::Map::new());
                    for (i, field) in fields.iter().enumerate() {
                        let (in_avro, in_json, _) = self.value(choices, field, below);
                        avro.push((format!("f{i}"), in_avro));
                        json.insert(format!("f{i}"), in_json);
                    }
                    (Avro::Record(avro), json.into(), None)
                }
            },
        }
    }
}

fn tag(of: &Type) -> String {
    match of {
        Type::Primitive(name) => (*name).into(),
        Type::Array(_) => "array".into(),
        Type::Map(_) => "map".into(),
        Type::Union(_) => "union".into(),
        Type::Named(place) => format!("n.T{place}"),
    }
}

fn primitive(choices: &mut Choices<'_>, name: &str) -> (Avro, Value, Option<String>) {
    match name {
        "null" => (Avro::Null, Value::Null, None),
        "boolean" => {
            let value = choices.of(2) == 1;
            (Avro::Boolean(value), json!(value), Some(value.to_string()))
        }
        "int" => {
            let number = choices.number() as i32;
            (Avro::Int(number), json!(number), Some(number.to_string()))
        }
        "long" => {
            let number = choices.number() as i64;
            (Avro::Long(number), json!(number), Some(number.to_string()))
        }
        "float" => {
            let number = choices.number() as i16 as f32 / 4.0;
            (Avro::Float(number), json!(number), None)
        }
        "double" => {
            let number = choices.number() as i32 as f64 / 4.0;
            (Avro::Double(number), json!(number), None)
        }
        "bytes" => {
            let bytes: Vec<u8> = (0..choices.of(5)).map(|_| choices.of(256) as u8).collect();
            let (json, id) = (latin(&bytes), Some(hexadecimal(&bytes)));
            (Avro::Bytes(bytes), json, id)
        }
        _ => {
            let text = choices.text();
            (Avro::String(text.clone()), json!(text), Some(text))
        }
    }
}

fn latin(bytes: &[u8]) -> Value {
    bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A reader of a random record that wants all its fields, one event, and the event as apache-avro writes it.
struct Case {
    reader: EventReader,
    record: String,
    event: Event,
    message: Vec<u8>,
}

impl Case {
    fn new(choices: &[u8]) -> Self {
        let mut choices = Choices(choices.iter());
        let world = World::new(&mut choices);
        let last = world.named.len() - 1;
        let record = format!("n.T{last}");
        let schema = world.schema(&Type::Named(last), &mut Vec::new());
        let set = schemas(vec![("a.avsc", schema.to_string().into_bytes())], &Files::of(""));
        let set = set.unwrap_or_else(|| panic!("a valid schema: {schema:#}"));
        let Named::Record(fields) = &world.named[last] else { panic!("the last is a record") };
        let wanted: Vec<_> = (0..fields.len()).map(|i| (record.clone(), format!("f{i}"))).collect();
        let limits = Limits { values: 10_000, ..Limits::default() };
        let reader = EventReader::new(&set, &wanted, limits).unwrap();
        let event = world.event(&mut choices);
        let schema = Schema::parse(&schema).unwrap();
        let mut message = Vec::new();
        let mut writer = GenericSingleObjectWriter::new_with_capacity(&schema, 64).unwrap();
        writer.write_value_ref(&event.avro, &mut message).unwrap();
        Self { reader, record, event, message }
    }

    /// Reads a message that may be anything; all that counts is that it comes to an end.
    fn provoke(&self, message: &[u8]) {
        let mut found = 0;
        let outcome = self.reader.single_object(&self.record, message, |_| found += 1);
        assert!(outcome.is_ok() || found == 0);
    }
}

fn bytes(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

proptest! {
    #[test]
    fn messages_of_apache_avro_are_read_as_they_were_meant(choices in bytes(300)) {
        let case = Case::new(&choices);
        let mut found = Vec::new();
        let outcome = case.reader.single_object(&case.record, &case.message, |wanted| {
            found.push((wanted.field, wanted.id.to_string()));
        });
        prop_assert_eq!(outcome, Ok(()));
        prop_assert_eq!(&found, &case.event.ids);
    }

    #[test]
    fn events_in_json_are_read_as_they_were_meant(choices in bytes(300)) {
        let case = Case::new(&choices);
        for (body, events) in [
            (case.event.json.to_string(), 1),
            (format!("{:#}", case.event.json), 1),
            (json!([case.event.json, case.event.json]).to_string(), 2),
            (format!("{}\n{}\n", case.event.json, case.event.json), 2),
        ] {
            let mut found = vec![Vec::new(); events];
            let outcome = case.reader.json(&case.record, body.as_bytes(), |wanted| {
                found[wanted.event].push((wanted.field, wanted.id.to_string()));
            });
            prop_assert_eq!(outcome, Ok(events as u64), "{}", body);
            for mut found in found {
                // The members of the object may come in another order than the fields.
                found.sort();
                prop_assert_eq!(&found, &case.event.ids);
            }
        }
    }

    #[test]
    fn no_beginning_of_a_message_is_a_message(choices in bytes(200)) {
        let case = Case::new(&choices);
        for end in 10..case.message.len() {
            let outcome = case.reader.single_object(&case.record, &case.message[..end], |_| {});
            prop_assert_eq!(outcome.map_err(|error| error.cause()), Err("truncated"));
        }
        let longer = [&case.message[..], &[0]].concat();
        let outcome = case.reader.single_object(&case.record, &longer, |_| {});
        prop_assert_eq!(outcome.map_err(|error| error.cause()), Err("trailing"));
    }

    #[test]
    fn damaged_messages_do_no_harm(
        choices in bytes(200),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        rest in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let case = Case::new(&choices);
        let mut message = case.message.clone();
        for (at, byte) in &damage {
            let at = at.index(message.len());
            message[at] = *byte;
        }
        case.provoke(&message);
        case.provoke(&[&case.message[..10], &rest].concat());
        case.provoke(&rest);
    }

    #[test]
    fn damaged_json_does_no_harm(
        choices in bytes(200),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let case = Case::new(&choices);
        let mut body = case.event.json.to_string().into_bytes();
        for (at, byte) in &damage {
            let at = at.index(body.len());
            body[at] = b"{}[],:\"\\0-e.nt\xff "[usize::from(*byte) % 16];
        }
        let mut found = 0;
        let outcome = case.reader.json(&case.record, &body, |_| found += 1);
        prop_assert!(outcome.is_ok() || found == 0);
    }
}
