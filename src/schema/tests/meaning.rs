//! What declarations mean: names, unions, defaults, repetitions.

use super::*;

fn error_codes(text: &str) -> Vec<Code> {
    parse(text).codes()
}

#[test]
fn a_names_namespace_comes_from_its_dots_then_its_annotation_then_what_is_around() {
    let outcome = parse(
        "@namespace(\"n\") protocol P { record A { } @namespace(\"m\") record B { } @namespace(\"m\") record x.C { } }",
    );
    assert_eq!(outcome.records(), ["n.A", "m.B", "x.C"]);
}

#[test]
fn an_unqualified_reference_means_the_namespace_around_and_no_other() {
    let outcome = parse("namespace n; record R { Q q; } @namespace(\"m\") record Q { }");
    assert_eq!(outcome.lines(), ["1:25 BW0004 there is no type `n.Q`"]);
    assert_eq!(outcome.parsed.diagnostics[0].helps, ["did you mean `m.Q`?"]);
    assert_eq!(error_codes("namespace n; @namespace(\"m\") record R { Q q; } record m.Q { }"), []);
}

#[test]
fn the_null_of_an_optional_type_stands_where_the_default_wants_it() {
    let json = json("a.avdl", "schema R; record R { string? a = null, b = \"x\", c; }").unwrap();
    let types: Vec<_> = json["fields"].as_array().unwrap().iter().map(|f| f["type"].to_string()).collect();
    assert_eq!(types, [r#"["null","string"]"#, r#"["string","null"]"#, r#"["null","string"]"#]);
}

#[test]
fn keywords_are_names_wherever_a_name_can_stand() {
    for text in [
        "record record { int string; int record; }",
        "protocol protocol { record fixed { } fixed foo(int a); enum enum { A } enum bar(); int record(); }",
        "protocol P { record import { } import idl(int a); error throws { } void m() throws throws; void void(); }",
        "schema schema; record schema { }",
        "namespace namespace; record error { map map; array array; } record map { } record array { }",
        "record `record` { `record`? next = null; }",
    ] {
        assert_eq!(parse(text).lines(), [""; 0], "{text}");
    }
}

#[test]
fn defaults_must_fit_their_types() {
    for (field, ok) in [
        ("long a = 0", true),
        ("double a = 5", true),
        ("int a = 3000000000", false),
        ("int a = 1.0", false),
        ("double a = NaN", true),
        ("string a = 1", false),
        ("boolean a = true", true),
        ("array<int> a = [1, \"x\"]", false),
        ("map<int> a = {\"x\": 1}", true),
        ("union { null, string } a = \"x\"", true),
        ("union { null, int } a = \"x\"", false),
        ("E a = \"A\"", true),
        ("E a = \"Z\"", false),
        ("E? a = \"Z\"", false),
        ("Q a = {\"x\": 1}", true),
        ("Q a = {\"y\": 1}", false),
        ("Q a = {\"x\": \"1\"}", false),
        ("date a = 0", true),
    ] {
        let text = format!("enum E {{ A }} record Q {{ int x; int y = 3; }} record R {{ {field}; }}");
        let expected: &[Code] = if ok { &[] } else { &[Code::DefaultValue] };
        assert_eq!(error_codes(&text), expected, "{field}");
    }
    // Accepted by Avro, but of no use to a reader.
    assert_eq!(
        error_codes("fixed F(2); record R { F a = \"abc\"; bytes b = \"\\u0100\"; }"),
        [Code::Lost; 2]
    );
}

#[test]
fn a_misfit_is_marked_in_the_value_itself() {
    let outcome = parse("record R { array<map<int>> a = [{\"x\": 1}, {\"x\": \"two\"}]; }");
    let span = outcome.parsed.diagnostics[0].primary.as_ref().unwrap().span;
    assert_eq!(outcome.text(span), "\"two\"");
}

#[test]
fn unions_have_one_branch_of_a_kind() {
    for text in [
        "schema union { date, int };",
        "schema null?;",
        "schema union { array<int>, array<string> };",
        "schema union { null, string? };",
        "schema union { null, union { int, string } };",
        "record R { union { R, R } r; }",
    ] {
        assert_eq!(error_codes(text), [Code::Invalid], "{text}");
    }
    assert_eq!(
        error_codes("record A { } record B { } record R { union { A, B, array<int>, map<int> } r; }"),
        []
    );
}

#[test]
fn equal_definitions_are_one_and_different_ones_an_error_that_shows_both() {
    let same = parse("/** a */ record R { int a; } /** b */ @aliases([\"x\"]) record R { int a; }");
    assert_eq!((same.lines(), same.records()), (vec![], vec!["R"]));
    assert_eq!(same.parsed.set.records().next().unwrap().doc.as_deref(), Some("a"));
    let other = parse("record R { int a; }\n@x(1) record R { int a; }");
    assert_eq!(other.lines(), ["2:14 BW0005 `R` is defined twice, and differently"]);
    let span = other.parsed.diagnostics[0].secondary[0].span;
    assert_eq!(other.sources.position(span).column, 8);
}

#[test]
fn a_definition_in_idl_and_one_in_json_can_be_equal() {
    let outcome = parse_with(
        &[
            ("a.avdl", "namespace n; record R { date? d = null; timestamp_ms t; }"),
            (
                "b.avsc",
                r#"{"name": "R", "namespace": "n", "type": "record", "fields": [
                  {"name": "d", "type": ["null", {"type": "int", "logicalType": "date"}], "default": null},
                  {"name": "t", "type": {"logicalType": "timestamp-millis", "type": "long"}}]}"#,
            ),
        ],
        &[],
        &[],
    );
    assert_eq!((outcome.lines(), outcome.records()), (vec![], vec!["n.R"]));
}

#[test]
fn aliases_of_records_are_full_names() {
    let outcome =
        parse("namespace n; @aliases([\"Old\", \"m.Older\", \"9x\"]) record R { int @aliases([\"b\"]) a; }");
    let record = outcome.parsed.set.records().next().unwrap();
    assert_eq!(record.aliases, ["n.Old", "m.Older", "n.9x"]);
    assert_eq!(record.fields[0].aliases, ["b"]);
    assert_eq!(outcome.codes(), [Code::Lost]);
}

#[test]
fn invalid_names_are_refused() {
    for text in [
        "record uuid { }",
        "protocol string { }",
        "record My-Record { }",
        "record R { int a.b; }",
        "enum E { A-B }",
        "@namespace(\"org.0bad\") record R { }",
        "namespace a-b; record R { }",
    ] {
        assert_eq!(error_codes(text), [Code::Name], "{text}");
    }
}

#[test]
fn rules_of_declarations() {
    for text in [
        "fixed F(-1);",
        "enum E { A, A }",
        "record R { int a; int a; }",
        "record R { decimal(2, 9) a; }",
        "record R { decimal(0) a; }",
        "protocol P { int m() oneway; }",
        "protocol P { error E { } int f() throws E, E; }",
        "protocol P { int m(int a, int a); }",
    ] {
        assert_eq!(error_codes(text), [Code::Invalid], "{text}");
    }
}

#[test]
fn documentation_belongs_to_what_follows_directly() {
    let outcome = parse(
        "/** record */ // and a comment\n@x(1) record R {\n/** both */ int /** own */ a, b; }\n/** nobody's */",
    );
    let record = outcome.parsed.set.records().next().unwrap();
    let docs: Vec<_> = record.fields.iter().map(|f| f.doc.as_deref().unwrap()).collect();
    assert_eq!((record.doc.as_deref(), docs), (Some("record"), vec!["own", "both"]));
    assert_eq!(outcome.lines(), ["4:1 BW0009 this documentation comment belongs to no declaration"]);
}
