//! Logical types that Avro would ignore without a word.

use super::*;

#[test]
fn a_logical_type_on_a_base_that_it_does_not_fit_is_reported_at_its_name() {
    for (line, remark) in [
        (
            "record R { @logicalType(\"timestamp-millis\") string x; }",
            "1:25 BW0010 Avro ignores the logical type `timestamp-millis` on `string`",
        ),
        (
            "record R { array<@logicalType(\"date\") long> x; }",
            "1:31 BW0010 Avro ignores the logical type `date` on `long`",
        ),
        (
            "@logicalType(\"uuid\") fixed F(8);",
            "1:14 BW0010 Avro ignores the logical type `uuid` on a fixed type of this size",
        ),
        (
            "@logicalType(\"decimal\") record R { }",
            "1:14 BW0010 Avro ignores the logical type `decimal` on this record",
        ),
        (
            "protocol P { void m(@logicalType(\"decimal\") int a); }",
            "1:34 BW0010 Avro ignores the logical type `decimal` on `int`",
        ),
    ] {
        assert_eq!(parse(line).lines(), [remark], "{line}");
    }
    let text = r#"{"type": "record", "name": "R", "fields": [
      {"name": "a", "type": ["null", {"type": "int", "logicalType": "timestamp-micros"}]}]}"#;
    assert_eq!(
        parse_with(&[("a.avsc", text)], &[], &[]).lines(),
        ["2:69 BW0010 Avro ignores the logical type `timestamp-micros` on `int`"]
    );
}

#[test]
fn a_decimal_that_avro_ignores_is_reported_with_the_reason() {
    let reason =
        |properties: &str| parse(&format!("@logicalType(\"decimal\") {properties} fixed F(8);")).lines();
    for (properties, line) in [
        ("", "1:14 BW0010 Avro ignores this `decimal`: it has no `precision`"),
        (
            "@precision(0)",
            "1:36 BW0010 Avro ignores this `decimal`: its `precision` is not a number of digits",
        ),
        (
            "@precision(9) @scale(10)",
            "1:46 BW0010 Avro ignores this `decimal`: its `scale` does not fit its `precision`",
        ),
        ("@precision(19)", "1:36 BW0010 Avro ignores this `decimal`: 19 digits do not fit 8 bytes"),
    ] {
        assert_eq!(reason(properties), [line], "{properties}");
    }
    assert_eq!(reason("@precision(18) @scale(18)"), [""; 0]);
}

#[test]
fn logical_types_that_fit_and_those_of_others_are_left_alone() {
    for text in [
        "record R { @logicalType(\"timestamp-nanos\") long? x; @logicalType(\"uuid\") string y; }",
        "record R { @logicalType(\"decimal\") @precision(99) bytes x; decimal(9, 2) y; date z; }",
        "@logicalType(\"duration\") fixed F(12); @logicalType(\"uuid\") fixed G(16);",
        "record R { @logicalType(\"money\") string x; @logicalType(7) int y; }",
    ] {
        assert_eq!(parse(text).lines(), [""; 0], "{text}");
    }
}

#[test]
fn a_decimal_of_idl_gets_the_scale_that_java_gives_it() {
    let scale = |path, text: &str| json(path, text).unwrap()["scale"].clone();
    let decimal = "@logicalType(\"decimal\") @precision(4)";
    assert_eq!(scale("a.avdl", &format!("schema {decimal} bytes;")), 0);
    assert_eq!(scale("a.avdl", &format!("schema F; {decimal} fixed F(2);")), 0);
    // Not where Avro ignores the logical type, and not in JSON.
    assert!(scale("a.avdl", &format!("schema F; {decimal} fixed F(1);")).is_null());
    let text = r#"{"type": "bytes", "logicalType": "decimal", "precision": 4}"#;
    assert!(scale("a.avsc", text).is_null());
}
