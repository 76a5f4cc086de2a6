//! .avsc and .avpr files.

use super::*;

fn errors(path: &str, text: &str) -> Vec<String> {
    json(path, text).err().unwrap_or_default().into_iter().map(|d| d.message).collect()
}

#[test]
fn nested_types_are_declared_where_they_stand_and_found_again() {
    let text = r#"// a comment
    {"type": "record", "name": "n.R", "fields": [
      {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}, "default": "A"},
      {"name": "again", "type": ["null", "E"], "default": null},
      {"name": "r", "type": {"type": "record", "name": "m.S", "fields": [{"name": "self", "type": ["null", "S"]}]}}
    ]} /* end */"#;
    let outcome = parse_with(&[("r.avsc", text)], &[], &[]);
    assert_eq!(outcome.lines(), [""; 0]);
    assert_eq!(outcome.records(), ["n.R", "m.S"]);
    let record = outcome.parsed.set.records().next().unwrap();
    let types: Vec<_> = record.fields.iter().map(|field| field.type_name.as_str()).collect();
    assert_eq!(types, ["n.E", "union {null, n.E}", "m.S"]);
}

#[test]
fn an_unqualified_name_may_be_one_of_the_null_namespace() {
    let text = r#"[{"type": "fixed", "name": "F", "size": 1},
      {"type": "record", "name": "n.R", "fields": [{"name": "f", "type": "F"}]}]"#;
    assert!(json("a.avsc", text).is_ok());
}

#[test]
fn what_avro_does_not_allow_is_refused() {
    for (text, message) in [
        (r#"{"type": {"type": "string"}}"#, "`type` must be the name of a kind of type here"),
        (r#"{"type": "SomeName"}"#, "`SomeName` is not a kind of type"),
        (r#"{"type": "record", "name": "R"}"#, "`fields` is missing"),
        (
            r#"{"type": "fixed", "name": "F", "size": -1}"#,
            "`size` must be a whole number of 32 bits that is not negative",
        ),
        (r#"{"type": "enum", "name": "E", "symbols": ["A", "A"]}"#, "the symbol `A` is given twice"),
        (r#"{"type": "array"}"#, "`items` is missing"),
        ("\"Unknown\"", "there is no type `Unknown`"),
        ("1", "a type is a name, an object or a list, not a number"),
        ("\"int\" 1", "expected the end of the file, found `1`"),
        ("{\"type\": \"int\",}", "JSON has no trailing comma"),
        ("", "expected a JSON value, found the end of the file"),
    ] {
        assert_eq!(errors("a.avsc", text), [message], "{text}");
    }
    for (text, message) in [
        ("{}", "`protocol` is missing"),
        (r#"{"protocol": "P", "types": ["int"]}"#, "an entry of `types` must be an object, not a string"),
        (r#"{"protocol": "P", "messages": {"m": {"response": "int"}}}"#, "`request` is missing"),
        (r#"{"protocol": "P", "messages": {"m": {"request": []}}}"#, "`response` is missing"),
        (
            r#"{"protocol": "P", "types": [{"type": "record", "name": "R", "fields": []}],
                "messages": {"m": {"request": [], "response": "int", "errors": ["R"]}}}"#,
            "`R` is thrown, but it is no error type",
        ),
    ] {
        assert_eq!(errors("a.avpr", text), [message], "{text}");
    }
}

#[test]
fn a_logical_type_on_the_field_object_is_warned_of() {
    let text = r#"{"type": "record", "name": "R", "fields": [
      {"name": "t", "type": "long", "logicalType": "timestamp-millis"}]}"#;
    let outcome = parse_with(&[("r.avsc", text)], &[], &[]);
    assert_eq!(outcome.codes(), [Code::Lost]);
}

#[test]
fn not_a_number_is_a_text_in_json() {
    let text = |kind| {
        format!(
            r#"{{"type": "record", "name": "R", "fields": [{{"name": "f", "type": "{kind}", "default": "NaN"}}]}}"#
        )
    };
    assert!(json("a.avsc", &text("double")).is_ok());
    assert!(json("a.avsc", &text("int")).is_err());
}

#[test]
fn a_message_throws_error_types_only() {
    let throws = |name: &str| {
        format!(
            r#"{{"protocol": "P", "types": [{{"type": "error", "name": "E", "fields": []}}],
            "messages": {{"m": {{"request": [], "response": "null", "errors": ["{name}"]}}}}}}"#
        )
    };
    assert!(json("a.avpr", &throws("E")).is_ok());
    assert!(json("a.avpr", &throws("string")).is_err());
}

#[test]
fn names_that_only_idl_reserves_are_free_in_json() {
    assert!(json("a.avsc", r#"{"type": "fixed", "name": "n.uuid", "size": 16}"#).is_ok());
    assert!(json("a.avsc", r#"{"type": "fixed", "name": "n.string", "size": 16}"#).is_err());
}

#[test]
fn a_suggested_name_replaces_the_name_and_leaves_the_quotes() {
    let text = r#"[{"type": "fixed", "name": "m.F", "size": 1}, {"type": "array", "items": "n.F"}]"#;
    let outcome = parse_with(&[("a.avsc", text)], &[], &[]);
    let fix = &outcome.parsed.diagnostics[0].fix[0];
    assert_eq!((outcome.text(fix.span), fix.text.as_str()), ("n.F", "m.F"));
}

#[test]
fn a_schema_in_the_file_of_a_protocol_is_told_as_such() {
    let schema = r#"{"type": "record", "name": "R", "fields": []}"#;
    let lines = parse_with(&[("a.avpr", schema)], &[], &[]).lines();
    assert_eq!(lines, ["1:1 BW0008 this is a schema, not a protocol"]);
    let lines = parse_with(&[("a.avsc", r#"{"protocol": "P", "types": []}"#)], &[], &[]).lines();
    assert_eq!(lines, ["1:1 BW0008 this is a protocol, not a schema"]);
}
