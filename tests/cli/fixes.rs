//! Machine-applicable corrections: applied as they stand, they make the file right.

use serde_json::Value;

use crate::support::Project;

/// Checks a schema file that has one mistake, applies the correction that the message offers, and returns the
/// file, which then is fine.
fn corrected(path: &str, text: &str) -> String {
    let project = Project::of("record Unrelated { int a; }", "http://127.0.0.1:9");
    project.write(path, text);
    let said = project.json(&["check"]);
    let errors: Vec<&Value> =
        said["diagnostics"].as_array().unwrap().iter().filter(|d| d["severity"] == "error").collect();
    assert_eq!(errors.len(), 1, "{said:#}");
    let mut edits: Vec<(usize, usize, String)> = errors[0]["fix"]["edits"]
        .as_array()
        .unwrap_or_else(|| panic!("no correction: {said:#}"))
        .iter()
        .map(|edit| {
            assert_eq!(edit["file"], path);
            let byte = |end: &str| edit[end]["byte"].as_u64().unwrap() as usize;
            (byte("start"), byte("end"), edit["text"].as_str().unwrap().to_owned())
        })
        .collect();
    // From the end, so that the places of the others stay right.
    edits.sort();
    let mut text = text.to_owned();
    for (start, end, replacement) in edits.iter().rev() {
        text.replace_range(*start..*end, replacement);
    }
    project.write(path, &text);
    project.run(&["check"]).exits(0);
    text
}

fn idl(text: &str) -> String {
    corrected("schemas/a.avdl", text)
}

fn avsc(text: &str) -> String {
    corrected("schemas/a.avsc", text)
}

#[test]
fn an_annotation_that_an_enum_took_goes_back_to_its_record() {
    assert_eq!(
        idl(
            "/** d */\n@traffic_anomaly_monitor({})\nenum E { A }\n\n/** e */\n@owner(\"x\")\nrecord R {\n  E e;\n}\n"
        ),
        "/** d */\nenum E { A }\n\n/** e */\n@traffic_anomaly_monitor({})\n@owner(\"x\")\nrecord R {\n  E e;\n}\n"
    );
}

#[test]
fn a_record_annotation_on_a_field_goes_to_the_record() {
    assert_eq!(
        idl("@namespace(\"n\") record R { string @owner(\"x\") a; }"),
        "@owner(\"x\")\n@namespace(\"n\") record R { string a; }"
    );
    assert_eq!(
        avsc(r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int", "owner": "x"}]}"#),
        r#"{"type": "record", "name": "R", "owner": "x", "fields": [{"name": "a", "type": "int"}]}"#
    );
}

#[test]
fn an_annotation_before_the_type_of_two_fields_goes_to_the_record_once() {
    assert_eq!(idl("record R { @owner(\"x\") string a, b; }"), "@owner(\"x\")\nrecord R { string a, b; }");
}

#[test]
fn a_field_annotation_inside_the_type_goes_to_the_field() {
    assert_eq!(
        idl("record R { @aggregate_metric({}) union { null, string } id; }"),
        "record R { union { null, string } @aggregate_metric({}) id; }"
    );
    assert_eq!(
        avsc(
            r#"{"type": "record", "name": "R", "fields": [
  {
    "name": "id",
    "type": ["null", {"type": "string", "aggregate_metric": {"per": "hour"}}]
  }
]}"#
        ),
        r#"{"type": "record", "name": "R", "fields": [
  {
    "name": "id",
    "aggregate_metric": {"per": "hour"},
    "type": ["null", {"type": "string"}]
  }
]}"#
    );
}

#[test]
fn an_annotation_before_a_referenced_type_goes_to_the_field() {
    assert_eq!(
        idl("record P { int a; } record R { @pii(1) @since(2) P? p = null, q; }"),
        "record P { int a; } record R { P? @pii(1) @since(2) p = null, q; }"
    );
}

#[test]
fn a_mistyped_name_becomes_the_one_that_was_meant() {
    for (mistyped, meant) in [
        (
            "@trafic_anomaly_monitor({}) record R { int a; }",
            "@traffic_anomaly_monitor({}) record R { int a; }",
        ),
        (
            "@traffic_anomaly_monitor({\"deviation\": 4}) record R { int a; }",
            "@traffic_anomaly_monitor({\"deviations\": 4}) record R { int a; }",
        ),
        (
            "@traffic_anomaly_monitor({\"direction\": \"bellow\"}) record R { int a; }",
            "@traffic_anomaly_monitor({\"direction\": \"below\"}) record R { int a; }",
        ),
        (
            "@namespace(\"n\") record R { int a; } record S { R r; }",
            "@namespace(\"n\") record R { int a; } record S { n.R r; }",
        ),
    ] {
        assert_eq!(idl(mistyped), meant);
    }
}

#[test]
fn a_number_in_quotes_loses_them() {
    assert_eq!(
        avsc(
            r#"{"type": "record", "name": "R", "fields": [], "traffic_anomaly_monitor": {"deviations": "4"}}"#
        ),
        r#"{"type": "record", "name": "R", "fields": [], "traffic_anomaly_monitor": {"deviations": 4}}"#
    );
}

#[test]
fn an_annotation_behind_its_name_moves_before_it() {
    assert_eq!(
        idl("record R { string id @aggregate_metric({}); }"),
        "record R { string @aggregate_metric({}) id; }"
    );
    assert_eq!(idl("record R @owner(\"x\") { int a; }"), "@owner(\"x\") record R { int a; }");
}

#[test]
fn corrections_keep_the_line_ends_of_a_file() {
    assert_eq!(
        idl("@owner(\"x\")\r\nenum E { A }\r\n\r\nrecord R {\r\n  E e;\r\n}\r\n"),
        "enum E { A }\r\n\r\n@owner(\"x\")\r\nrecord R {\r\n  E e;\r\n}\r\n"
    );
}

#[test]
fn the_bytes_of_a_correction_count_a_byte_order_mark() {
    assert_eq!(
        idl("\u{feff}@trafic_anomaly_monitor({}) record R { int a; }"),
        "\u{feff}@traffic_anomaly_monitor({}) record R { int a; }"
    );
}

#[test]
fn a_priority_loses_its_quotes_too() {
    assert_eq!(idl("@priority(\"P2\") record R { int a; }"), "@priority(2) record R { int a; }");
}

#[test]
fn a_trailing_comma_and_a_wrong_quote_are_corrected() {
    assert_eq!(idl("enum E { A, B, }"), "enum E { A, B }");
    assert_eq!(idl("@meta('x') record R { int a; }"), "@meta(\"x\") record R { int a; }");
}
