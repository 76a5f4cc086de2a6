//! Where annotations end up, and which bytes they span.

use super::*;
use crate::schema::{Annotation, Place};

fn names(annotations: &[Annotation]) -> Vec<&str> {
    annotations.iter().map(|annotation| annotation.name.as_str()).collect()
}

#[test]
fn an_annotation_knows_its_bytes() {
    let outcome = parse("namespace n;\n@monitor({\"a\": 4}) record R { }");
    let record = outcome.parsed.set.records().next().unwrap();
    let annotation = &record.annotations[0];
    assert_eq!(outcome.text(annotation.span), "@monitor({\"a\": 4})");
    assert_eq!(outcome.text(annotation.name_span), "monitor");
    assert_eq!(outcome.text(annotation.value.span), "{\"a\": 4}");
    assert_eq!(outcome.text(annotation.value.get("a").unwrap().span), "4");
    assert_eq!(outcome.text(record.name_span), "R");
    assert_eq!(record.full_name, "n.R");
}

#[test]
fn a_protocol_passes_its_annotations_to_the_records_in_its_braces() {
    let outcome = parse_with(
        &[("a.avdl", "@channel(\"#a\") protocol A { import idl \"b.avdl\"; record R { } }")],
        &[("b.avdl", "@channel(\"#b\") protocol B { record S { } }")],
        &[],
    );
    let channels: Vec<_> = outcome
        .parsed
        .set
        .records()
        .map(|r| (r.full_name.as_str(), r.protocol_annotations[0].value.as_str().unwrap()))
        .collect();
    assert_eq!(channels, [("R", "#a"), ("S", "#b")]);
}

#[test]
fn before_the_type_is_on_the_type_and_before_the_name_is_on_the_field() {
    let outcome = parse("record R { @t(1) string @a(2) a, @b(3) b; @o(4) long? c; @l(5) array<int> d; }");
    let record = outcome.parsed.set.records().next().unwrap();
    let places: Vec<_> = record
        .fields
        .iter()
        .map(|f| (f.name.as_str(), names(f.type_annotations()), names(&f.annotations)))
        .collect();
    assert_eq!(
        places,
        [
            ("a", vec!["t"], vec!["a"]),
            ("b", vec!["t"], vec!["b"]),
            ("c", vec!["o"], vec![]),
            ("d", vec!["l"], vec![])
        ]
    );
    assert_eq!(outcome.parsed.set.misplaced().len(), 0);
}

#[test]
fn in_json_the_type_object_and_the_field_object_are_the_two_places() {
    let text = r#"{"type": "record", "name": "n.R", "m": {"x": 1}, "fields": [
        {"name": "f", "type": {"type": "string", "t": 1}, "a": 2}]}"#;
    let outcome = parse_with(&[("r.avsc", text)], &[], &[]);
    let record = outcome.parsed.set.records().next().unwrap();
    assert_eq!(names(&record.annotations), ["m"]);
    assert_eq!(outcome.text(record.annotations[0].span), r#""m": {"x": 1}"#);
    assert_eq!(outcome.text(record.annotations[0].name_span), "m");
    assert_eq!(outcome.text(record.name_span), "n.R");
    assert_eq!(names(record.fields[0].type_annotations()), ["t"]);
    assert_eq!(names(&record.fields[0].annotations), ["a"]);
}

#[test]
fn annotations_that_no_monitor_can_have_are_told_with_their_place_and_subject() {
    let outcome = parse(
        "@p(0) protocol P {
            @e(1) enum E { @s(2) A }
            @f(3) fixed F(2);
            record R { @u(4) union { null, @b(5) string } a; array<@i(6) int> b; }
            @m(7) int m(@pt(8) int @pn(9) x);
        }",
    );
    let found: Vec<_> = outcome
        .parsed
        .set
        .misplaced()
        .iter()
        .map(|m| (m.annotation.name.as_str(), m.place, m.subject.as_ref().map_or("", |(name, _)| name)))
        .collect();
    let mut expected = vec![
        ("e", Place::Enum, "E"),
        ("s", Place::EnumSymbol, "A"),
        ("f", Place::Fixed, "F"),
        ("u", Place::Union, "a"),
        ("b", Place::InnerType, "a"),
        ("i", Place::InnerType, "b"),
        ("m", Place::Message, "m"),
        ("pt", Place::Parameter, "x"),
        ("pn", Place::Parameter, "x"),
    ];
    for entry in found {
        let at = expected.iter().position(|e| *e == entry);
        assert!(at.is_some(), "{entry:?}");
        expected.remove(at.unwrap());
    }
    assert_eq!(expected, []);
    // Avro loses what stands on a symbol or before a union.
    assert_eq!(outcome.codes(), [Code::Lost, Code::Lost]);
}

#[test]
fn annotations_of_the_main_schema_are_nobodys() {
    let outcome = parse("schema @x(1) int;");
    assert_eq!(outcome.parsed.set.misplaced()[0].place, Place::MainSchema);
}

#[test]
fn the_same_annotation_twice_is_kept_for_inspection_and_warned_of() {
    let outcome = parse("@x(1) @x(2) record R { }");
    assert_eq!(outcome.parsed.set.records().next().unwrap().annotations.len(), 2);
    assert_eq!(outcome.codes(), [Code::Lost]);
    assert_eq!(json("a.avdl", "@x(1) @x(2) record R { }").unwrap()[0]["x"], 2);
}

#[test]
fn an_annotation_without_a_value_is_refused_with_the_way_to_write_it() {
    for text in ["@x record R { }", "@x() record R { }"] {
        let outcome = parse(text);
        assert_eq!(outcome.codes(), [Code::Syntax], "{text}");
        assert!(outcome.parsed.diagnostics[0].helps[0].contains("`@x({})`"));
    }
}

#[test]
fn reserved_names_are_refused_where_they_are_reserved() {
    for (text, ok) in [
        ("@type(1) record R { }", false),
        ("@default(1) record R { }", true),
        ("@default(1) enum E { }", false),
        ("record R { int @doc(1) a; }", false),
        ("record R { @order(1) int a; }", true),
        ("record R { int @order(\"up\") a; }", false),
        ("@namespace(1) record R { }", false),
        ("@aliases(1) record R { }", false),
        ("record R { @logicalType(\"x\") date a; }", false),
        ("record R { @logicalType(\"date\") date a; }", true),
        ("record R { @scale(1) decimal(4, 2) a; }", false),
        ("record R { @scale(1) date a; }", true),
    ] {
        assert_eq!(json("a.avdl", text).is_ok(), ok, "{text}");
    }
}

#[test]
fn references_cannot_be_annotated_before_the_type() {
    let outcome = parse("record A { } record R { @x(1) A a; @x(1) A? b; A @x(1) c; }");
    assert_eq!(outcome.codes(), [Code::Invalid, Code::Invalid]);
}

#[test]
fn a_message_may_be_annotated_even_if_it_returns_a_reference() {
    let json = json("a.avdl", "protocol P { record R { } @x(1) R m(); }").unwrap();
    assert_eq!(json["messages"]["m"]["x"], 1);
}
