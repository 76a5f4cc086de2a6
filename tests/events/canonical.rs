//! Parsing canonical forms and fingerprints: those of Avro's own tests, and those of the crate apache-avro for
//! all records of the Avro suite, which is outside the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use serde_json::{Value, json};

use crate::support::{Files, json as avro_json, schemas};

/// Schemas, their canonical forms and their fingerprints as Avro's implementations agree on them.
#[rustfmt::skip]
const VECTORS: [(&str, &str, i64); 23] = [
    (r#""null""#, r#""null""#, 7195948357588979594),
    (r#"{"type":"boolean"}"#, r#""boolean""#, -6970731678124411036),
    (r#""int""#, r#""int""#, 8247732601305521295),
    (r#"{"type":"long","logicalType":"timestamp-millis"}"#, r#""long""#, -3434872931120570953),
    (r#""float""#, r#""float""#, 5583340709985441680),
    (r#""double""#, r#""double""#, -8181574048448539266),
    (r#"{"type":"bytes","logicalType":"decimal","precision":4,"scale":2}"#, r#""bytes""#, 5746618253357095269),
    (r#""string""#, r#""string""#, -8142146995180207161),
    (r#"[ "int"  ]"#, r#"["int"]"#, -5232228896498058493),
    (r#"[ "int" , {"type":"boolean"} ]"#, r#"["int","boolean"]"#, 5392556393470105090),
    (r#"{"fields":[], "type":"record", "name":"foo"}"#,
     r#"{"name":"foo","type":"record","fields":[]}"#, -4824392279771201922),
    (r#"{"fields":[], "type":"record", "name":"foo", "namespace":"x.y"}"#,
     r#"{"name":"x.y.foo","type":"record","fields":[]}"#, 5916914534497305771),
    (r#"{"fields":[], "type":"record", "name":"a.b.foo", "namespace":"x.y"}"#,
     r#"{"name":"a.b.foo","type":"record","fields":[]}"#, -4616218487480524110),
    (r#"{"fields":[], "type":"record", "name":"foo", "doc":"foo", "aliases":["foo","bar"]}"#,
     r#"{"name":"foo","type":"record","fields":[]}"#, -4824392279771201922),
    (r#"{"fields":[{"type":{"type":"boolean"}, "name":"f1"}], "type":"record", "name":"foo"}"#,
     r#"{"name":"foo","type":"record","fields":[{"name":"f1","type":"boolean"}]}"#, 7843277075252814651),
    (r#"{"fields":[{"type":"boolean", "aliases":[], "name":"f1", "default":true},
        {"order":"descending","name":"f2","doc":"Hello","type":"int"}], "type":"record", "name":"foo"}"#,
     r#"{"name":"foo","type":"record","fields":[{"name":"f1","type":"boolean"},{"name":"f2","type":"int"}]}"#,
     -4860222112080293046),
    (r#"{"type":"enum", "name":"foo", "symbols":["A1"]}"#,
     r#"{"name":"foo","type":"enum","symbols":["A1"]}"#, -6342190197741309591),
    (r#"{"namespace":"x.y.z", "type":"enum", "name":"foo", "doc":"foo bar", "symbols":["A1", "A2"]}"#,
     r#"{"name":"x.y.z.foo","type":"enum","symbols":["A1","A2"]}"#, -4448647247586288245),
    (r#"{"name":"foo","type":"fixed","size":15}"#,
     r#"{"name":"foo","type":"fixed","size":15}"#, 1756455273707447556),
    (r#"{"namespace":"x.y.z", "type":"fixed", "name":"foo", "doc":"foo bar", "size":32}"#,
     r#"{"name":"x.y.z.foo","type":"fixed","size":32}"#, -3064184465700546786),
    (r#"{ "items":{"type":"null"}, "type":"array"}"#, r#"{"type":"array","items":"null"}"#, -589620603366471059),
    (r#"{ "values":"string", "type":"map"}"#, r#"{"type":"map","values":"string"}"#, -8732877298790414990),
    (r#"{"name":"PigValue","type":"record","fields":[{"name":"value", "type":["null", "int", "long", "PigValue"]}]}"#,
     r#"{"name":"PigValue","type":"record","fields":[{"name":"value","type":["null","int","long","PigValue"]}]}"#,
     -1759257747318642341),
];

#[test]
fn forms_and_fingerprints_are_those_of_the_specification() {
    for (schema, form, fingerprint) in VECTORS {
        let around = format!(
            r#"{{"type": "record", "name": "Around", "fields": [{{"name": "f", "type": {schema}}}]}}"#
        );
        let set = schemas(vec![("a.avsc", around.into_bytes())], &Files::of("")).expect(schema);
        let types = set.types().unwrap();
        let (_, around) = types.record("Around").unwrap();
        let id = around.fields[0].data_type;
        assert_eq!(types.canonical_form(id).as_deref(), Some(form));
        assert_eq!(types.fingerprint(id), Some(fingerprint.cast_unsigned()), "{schema}");
    }
}

#[test]
fn an_optional_type_has_null_where_its_default_puts_it() {
    let idl = r#"record R { string? a; string? b = null; string? c = "x"; array<string?> d; }"#;
    let set = schemas(vec![("a.avdl", idl.into())], &Files::of("")).unwrap();
    let types = set.types().unwrap();
    let (id, _) = types.record("R").unwrap();
    let form = types.canonical_form(id).unwrap();
    let fields = [
        r#"{"name":"a","type":["null","string"]}"#,
        r#"{"name":"b","type":["null","string"]}"#,
        r#"{"name":"c","type":["string","null"]}"#,
        r#"{"name":"d","type":{"type":"array","items":["null","string"]}}"#,
    ];
    assert_eq!(form, format!(r#"{{"name":"R","type":"record","fields":[{}]}}"#, fields.join(",")));
}

#[test]
fn a_chain_of_records_too_long_for_the_stack_has_no_form() {
    let record = |i: usize| format!("record R{i} {{ R{} next; }}\n", i + 1);
    let mut idl: String = (0..100_000).map(record).collect();
    idl += "record R100000 { int last; }";
    let set = schemas(vec![("a.avdl", idl.into_bytes())], &Files::of("")).unwrap();
    let types = set.types().unwrap();
    let form = |name: &str| types.canonical_form(types.record(name).unwrap().0);
    assert_eq!(form("R0"), None);
    assert!(form("R99900").is_some());
}

/// The named types of an Avro JSON, each by its full name and with full names inside.
#[derive(Default)]
struct Named {
    names: BTreeSet<String>,
    types: BTreeMap<String, Value>,
}

fn full_name(definition: &Value, namespace: &str) -> String {
    let name = definition["name"].as_str().unwrap();
    match definition["namespace"].as_str().unwrap_or(namespace) {
        _ if name.contains('.') => name.to_owned(),
        "" => name.to_owned(),
        own => format!("{own}.{name}"),
    }
}

fn namespace(full_name: &str) -> &str {
    full_name.rsplit_once('.').map_or("", |(namespace, _)| namespace)
}

impl Named {
    /// Notes the names in a schema.
    fn note(&mut self, schema: &Value, enclosing: &str) {
        match schema {
            Value::Array(branches) => branches.iter().for_each(|branch| self.note(branch, enclosing)),
            Value::Object(_) => match schema["type"].as_str() {
                Some("array") => self.note(&schema["items"], enclosing),
                Some("map") => self.note(&schema["values"], enclosing),
                Some("record" | "error") => {
                    let name = full_name(schema, enclosing);
                    let fields = schema["fields"].as_array().unwrap();
                    fields.iter().for_each(|field| self.note(&field["type"], namespace(&name)));
                    self.names.insert(name);
                }
                Some("enum" | "fixed") => {
                    self.names.insert(full_name(schema, enclosing));
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// Takes the named types out of a schema, and leaves their full names.
    fn take(&mut self, schema: &Value, enclosing: &str) -> Value {
        match schema {
            Value::String(name) => {
                let full = format!("{enclosing}.{name}");
                json!(if self.names.contains(&full) { full } else { name.clone() })
            }
            Value::Array(branches) => branches.iter().map(|branch| self.take(branch, enclosing)).collect(),
            _ => match schema["type"].as_str().unwrap() {
                "array" => json!({"type": "array", "items": self.take(&schema["items"], enclosing)}),
                "map" => json!({"type": "map", "values": self.take(&schema["values"], enclosing)}),
                kind @ ("record" | "error" | "enum" | "fixed") => {
                    let name = full_name(schema, enclosing);
                    let mut definition = json!({"type": kind, "name": name});
                    match kind {
                        "enum" => definition["symbols"] = schema["symbols"].clone(),
                        "fixed" => definition["size"] = schema["size"].clone(),
                        _ => {
                            definition["type"] = json!("record");
                            let field = |field: &Value| {
                                let schema = self.take(&field["type"], namespace(&name));
                                json!({"name": field["name"], "type": schema})
                            };
                            definition["fields"] =
                                schema["fields"].as_array().unwrap().iter().map(field).collect();
                        }
                    }
                    self.types.insert(name.clone(), definition);
                    json!(name)
                }
                // Without its logical type, which apache-avro 0.22 keeps in part, against the specification.
                primitive => json!(primitive),
            },
        }
    }

    /// A schema with each named type written out where it is used first.
    fn inlined(&self, schema: &Value, written: &mut BTreeSet<String>) -> Value {
        match schema {
            Value::String(name) => match self.types.get(name) {
                Some(definition) if written.insert(name.clone()) => self.inlined(definition, written),
                _ => schema.clone(),
            },
            Value::Array(items) => items.iter().map(|item| self.inlined(item, written)).collect(),
            Value::Object(members) => {
                let inline = |(key, value): (&String, &Value)| match key.as_str() {
                    "items" | "values" | "fields" => (key.clone(), self.inlined(value, written)),
                    "type" if members.contains_key("fields") || value == "enum" || value == "fixed" => {
                        (key.clone(), value.clone())
                    }
                    "type" => (key.clone(), self.inlined(value, written)),
                    _ => (key.clone(), value.clone()),
                };
                members.iter().map(inline).collect()
            }
            other => other.clone(),
        }
    }
}

/// Compares all records of a file with apache-avro, and says how many it could read.
fn compare(path: &str, bytes: Vec<u8>, files: &Files) -> usize {
    let Some(json) = avro_json(path, bytes.clone(), files) else { return 0 };
    let set = schemas(vec![(path, bytes)], files).expect(path);
    let types = set.types().unwrap();
    let mut named = Named::default();
    let (roots, space) = match json.get("protocol") {
        Some(_) => (json["types"].clone(), json["namespace"].as_str().unwrap_or_default()),
        None => (json!([json]), ""),
    };
    let roots: Vec<&Value> = roots.as_array().unwrap().iter().collect();
    roots.iter().for_each(|root| named.note(root, space));
    roots.iter().for_each(|root| drop(named.take(root, space)));
    let mut compared = 0;
    for record in set.records() {
        let name = record.full_name.as_str();
        // What only messages or nothing at all uses is not in the JSON.
        if !named.types.contains_key(name) {
            continue;
        }
        let schema = named.inlined(&json!(name), &mut BTreeSet::new());
        let Ok(schema) = Schema::parse(&schema) else { continue };
        let (id, _) = types.record(name).unwrap();
        assert_eq!(types.canonical_form(id).unwrap(), schema.canonical_form(), "{path}: {name}");
        let fingerprint = schema.fingerprint::<Rabin>().bytes;
        assert_eq!(types.fingerprint(id).unwrap().to_le_bytes(), *fingerprint, "{path}: {name}");
        compared += 1;
    }
    compared
}

fn data() -> Option<PathBuf> {
    let shared = std::env::var_os("BELLWETHER_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let data = shared.join("data/avro");
    let there = data.join("corner-cases.json").is_file();
    if !there {
        eprintln!("skipped: there is no {}", data.display());
    }
    there.then_some(data)
}

#[test]
fn records_of_the_avro_suite_have_the_fingerprints_of_apache_avro() {
    let Some(data) = data() else { return };
    let suite = data.join("suite");
    let files = Files::of(&suite);
    let mut compared = 0;
    for directory in ["", "input", "output", "putOnClassPath", "tools", "extra"] {
        for entry in std::fs::read_dir(suite.join(directory)).unwrap() {
            let path = Path::new(directory).join(entry.unwrap().file_name());
            let is_schema =
                path.extension().is_some_and(|e| ["avdl", "avsc", "avpr"].iter().any(|s| e == *s));
            if is_schema {
                let bytes = std::fs::read(suite.join(&path)).unwrap();
                compared += compare(path.to_str().unwrap(), bytes, &files);
            }
        }
    }
    assert!(compared >= 90, "{compared} records");
}

#[test]
fn records_of_the_corner_cases_have_the_fingerprints_of_apache_avro() {
    let Some(data) = data() else { return };
    let cases: Value =
        serde_json::from_slice(&std::fs::read(data.join("corner-cases.json")).unwrap()).unwrap();
    let mut compared = 0;
    for case in cases["cases"].as_array().unwrap() {
        let side = case["files"].as_object().into_iter().flatten();
        let memory = side.map(|(name, text)| (name.clone(), text.as_str().unwrap().into())).collect();
        let files = Files { directory: PathBuf::new(), memory };
        let path = format!("{}.avdl", case["name"].as_str().unwrap());
        compared += compare(&path, case["source"].as_str().unwrap().into(), &files);
    }
    assert!(compared >= 60, "{compared} records");
}
