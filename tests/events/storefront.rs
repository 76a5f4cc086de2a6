//! Events of the storefront fixture, in JSON and in single-object encoding.

use std::path::Path;

use apache_avro::types::Value as Avro;
use apache_avro::{GenericSingleObjectWriter, Schema};
use bellwether::event::{EventReader, Id, Limits};
use bellwether::schema::SchemaSet;

use crate::support::{Files, schemas};

const EXPOSURE: &str = "com.example.experiment.ExperimentExposureEvent";
const HEADER: &str =
    r#"{"eventId": "6f9619ff-8b86-d011-b42d-00c04fc964ff", "occurredAt": 1700000000000, "userAgent": null}"#;

fn storefront() -> SchemaSet {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/storefront/schemas");
    let names =
        ["cart.avdl", "common.avdl", "experiment.avdl", "learning.avdl", "platform.avpr", "search.avsc"];
    let inputs = names.map(|name| (name, std::fs::read(directory.join(name)).unwrap()));
    schemas(inputs.into(), &Files::of(&directory)).expect("the fixture is right")
}

fn reader() -> EventReader {
    let wanted = [
        (EXPOSURE.to_owned(), "experimentId".to_owned()),
        ("com.example.shop.CartAbandonedEvent".to_owned(), "items".to_owned()),
    ];
    EventReader::new(&storefront(), &wanted, Limits::default()).unwrap()
}

#[test]
fn an_event_in_json_gives_the_ids_that_are_counted() {
    let body = format!(r#"{{"header": {HEADER}, "experimentId": "new-checkout", "variant": "b"}}"#);
    let mut found = Vec::new();
    let events = reader().json("ExperimentExposureEvent", body.as_bytes(), |wanted| {
        found.push((wanted.field, wanted.id.to_string()));
    });
    assert_eq!(events, Ok(1));
    assert_eq!(found, [(0, "new-checkout".to_owned())]);
}

#[test]
fn a_batch_of_lines_is_counted_event_by_event() {
    let line = |items: i32| format!("{{\"header\": {HEADER}, \"cartId\": \"c\", \"items\": {items}}}\n");
    let body: String = (0..100).map(line).collect();
    let mut sum = 0;
    let events = reader().json("com.example.shop.CartAbandonedEvent", body.as_bytes(), |wanted| {
        assert_eq!(wanted.field, 1);
        match wanted.id {
            Id::Integer(items) => sum += items,
            Id::Text(text) => panic!("{text}"),
        }
    });
    assert_eq!((events, sum), (Ok(100), 4950));
}

#[test]
fn a_mistake_is_told_by_its_path() {
    let header = HEADER.replace("eventId", "eventID");
    let body = format!(r#"{{"header": {header}, "experimentId": "e", "variant": "b"}}"#);
    let error = reader().json(EXPOSURE, body.as_bytes(), |_| panic!("nothing is found")).unwrap_err();
    assert_eq!(error.cause(), "unknown_field");
    assert_eq!(
        error.to_string(),
        "`header.eventID`: `com.example.common.EventHeader` has no such field; did you mean `eventId`?"
    );
    let error = reader().json("ExperimentExposure", b"{}", |_| {}).unwrap_err();
    assert_eq!(error.to_string(), "there is no record `ExperimentExposure`");
}

#[test]
fn a_message_of_another_implementation_is_read() {
    let set = storefront();
    let types = set.types().unwrap();
    let (id, _) = types.record(EXPOSURE).unwrap();
    assert_eq!(types.fingerprint(id), Some(0x8a63_527d_2621_1389), "as fastavro 1.13 has it");
    // The canonical form is a schema itself, and all that a writer needs.
    let schema = Schema::parse_str(&types.canonical_form(id).unwrap()).unwrap();
    let text = |text: &str| Avro::String(text.into());
    let header = Avro::Record(vec![
        ("eventId".into(), text("6f9619ff-8b86-d011-b42d-00c04fc964ff")),
        ("occurredAt".into(), Avro::Long(1_700_000_000_000)),
        ("userAgent".into(), Avro::Union(1, Box::new(text("curl")))),
    ]);
    let event = Avro::Record(vec![
        ("header".into(), header),
        ("experimentId".into(), text("new-checkout")),
        ("variant".into(), text("b")),
    ]);
    let mut message = Vec::new();
    let mut writer = GenericSingleObjectWriter::new_with_capacity(&schema, 64).unwrap();
    writer.write_value(event, &mut message).unwrap();
    let mut found = Vec::new();
    reader().single_object(EXPOSURE, &message, |wanted| found.push(wanted.id.to_string())).unwrap();
    assert_eq!(found, ["new-checkout"]);
    let error = reader().single_object("AddToCartEvent", &message, |_| {}).unwrap_err();
    assert_eq!(error.cause(), "unknown_schema");
    assert!(error.to_string().ends_with(&format!("; it is the schema of `{EXPOSURE}`")), "{error}");
}
