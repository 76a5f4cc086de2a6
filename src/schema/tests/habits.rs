//! What people write who come from other languages: one mistake, one error, and the way out.

use super::*;

/// The text after the fixes of its diagnostics are applied.
fn fixed(outcome: &Outcome, text: &str) -> String {
    let mut edits: Vec<_> = outcome.parsed.diagnostics.iter().flat_map(|d| &d.fix).collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
    let mut text = text.to_owned();
    for edit in edits {
        text.replace_range(edit.span.start as usize..edit.span.end as usize, &edit.text);
    }
    text
}

#[test]
fn a_fix_makes_a_valid_file_of_a_mistaken_one() {
    for (text, result) in [
        ("record R {\n  int a\n  int b;\n}", "record R {\n  int a;\n  int b;\n}"),
        ("record R { int a }", "record R { int a; }"),
        ("enum E { A B, C }", "enum E { A, B, C }"),
        ("enum E { A, B, }", "enum E { A, B }"),
        ("record R { union { null, int, } a; }", "record R { union { null, int } a; }"),
        ("record R { union { null int } a; }", "record R { union { null, int } a; }"),
        ("record R { optional string a; }", "record R { string? a; }"),
        ("record R { optional array<int> a; }", "record R { union { null, array<int> } a; }"),
        ("record R { required string a; }", "record R { string a; }"),
        ("record R { string a?; }", "record R { string? a; }"),
        ("record R { string a? = null; }", "record R { string? a = null; }"),
        ("record R { list<string> a; }", "record R { array<string> a; }"),
        ("record R { Map<string> a; }", "record R { map<string> a; }"),
        ("record R { map<string, int> a; }", "record R { map<int> a; }"),
        ("record R { int a, b default 0; }", "record R { int a, b = 0; }"),
        ("record R { int a default 0; }", "record R { int a = 0; }"),
        ("record R { string a = 'x'; }", "record R { string a = \"x\"; }"),
        ("@x([1, 2 3]) record R { }", "@x([1, 2, 3]) record R { }"),
        ("@x([1,]) record R { }", "@x([1]) record R { }"),
        ("record R { String a; Integer b; bool c; }", "record R { string a; int b; boolean c; }"),
        ("record R { Strng a; java.lang.String b; }", "record R { string a; string b; }"),
        ("record R {\n  int a,\n  int b;\n}", "record R {\n  int a;\n  int b;\n}"),
        ("record R { string a = “x”; }", "record R { string a = \"x\"; }"),
        ("record R { boolean a = True; }", "record R { boolean a = true; }"),
        ("Record R { int a; }", "record R { int a; }"),
        ("protocol P { struct R { int a; } }", "protocol P { record R { int a; } }"),
        ("record R { int a; } }", "record R { int a; } "),
        ("@x \"y\" record R { }", "@x(\"y\") record R { }"),
        ("@x({\"a\" = 1}) record R { }", "@x({\"a\" : 1}) record R { }"),
        ("record R { datetime a; timestamp-millis b; }", "record R { timestamp_ms a; timestamp_ms b; }"),
        ("record R { time-micros a; }", "record R { @logicalType(\"time-micros\") long a; }"),
        ("record Customer { } record R { Custmer a; }", "record Customer { } record R { Customer a; }"),
        ("record R {\n  int a\n  int b\n  int c;\n}", "record R {\n  int a;\n  int b;\n  int c;\n}"),
        (
            "record R {\n  int a,\n  @x(1) int b = 1,\n  R? c,\n  array<int> d,\n}",
            "record R {\n  int a;\n  @x(1) int b = 1;\n  R? c;\n  array<int> d;\n}",
        ),
        ("record R { public string a; repeated int b; }", "record R { string a; array<int> b; }"),
        ("record R { int @x(1) a @y(2) = 0; }", "record R { int @x(1) @y(2) a = 0; }"),
        ("record R { int a = 0 @y(2), b; }", "record R { int @y(2) a = 0, b; }"),
        ("record @x(1) R { int a; }", "@x(1) record R { int a; }"),
        ("@w(0) enum E @x(1) @y(2) { A }", "@w(0) @x(1) @y(2) enum E { A }"),
        (
            "namespace(\"n\") protocol P { owner(\"x\") record R { }\n}",
            "@namespace(\"n\") protocol P { @owner(\"x\") record R { }\n}",
        ),
        ("record R { meta({}) int a; }", "record R { @meta({}) int a; }"),
        ("@x = \"y\" record R { }", "@x(\"y\") record R { }"),
        ("@x({})\nrecord R { int a }", "@x({})\nrecord R { int a; }"),
        ("@x({}\nrecord R { }", "@x({})\nrecord R { }"),
        ("@x({a: 1, b.c: [2 3,],}) record R { }", "@x({\"a\": 1, \"b.c\": [2, 3]}) record R { }"),
        ("@x({\"a\": 1 \"b\": {c = 2}}) record R { }", "@x({\"a\": 1, \"b\": {\"c\" : 2}}) record R { }"),
    ] {
        let outcome = parse(text);
        assert_eq!(parse(result).lines(), [""; 0], "{result}");
        let all_helped = outcome.parsed.diagnostics.iter().all(|d| {
            !d.helps.is_empty() || d.secondary.iter().chain(&d.primary).any(|label| !label.text.is_empty())
        });
        assert!(all_helped, "{text}: what to do is also said in words");
        assert_eq!(fixed(&outcome, text), result);
    }
}

#[test]
fn a_habit_is_one_error_that_says_how_avro_writes_it() {
    for (text, line, help) in [
        (
            "record R { union<null, string> a; int b; }",
            "1:12 BW0001 `union<…>` is no type of Avro",
            "write `union { null, string }`, with braces",
        ),
        (
            "record R { Box<string> a; int b; }",
            "1:12 BW0001 `Box<…>` is no type of Avro",
            "only `array<…>` and `map<…>` have angle brackets",
        ),
        (
            "record R { string default \"x\" a; int b; }",
            "1:19 BW0001 the default of a field is written with `=` behind its name",
            "as in `int count = 0;`",
        ),
        (
            "import \"x.avdl\"; record R { X x; }",
            "1:8 BW0001 an import says what it imports",
            "write `import idl` before the path",
        ),
        (
            "@x(a=1) record R { }",
            "1:4 BW0001 expected a JSON value, found `a`",
            "parameters are the members of an object: `{\"a\": …}`",
        ),
        (
            "@x(1, 2) record R { }",
            "1:5 BW0001 expected `)` after the value of the annotation, found `,`",
            "an annotation has one value; several are a list: `[1, …]`",
        ),
        (
            "namespace \"a.b\"; record R { }",
            "1:11 BW0001 expected a namespace, found a text",
            "names have no quotes",
        ),
        ("# note\nrecord R { }", "1:1 BW0001 `#` has no meaning here", "a comment starts with `//`"),
        (
            "{\"type\": \"int\"}",
            "1:1 BW0001 expected a declaration or an import, found `{`",
            "schemas in JSON stand in .avsc and .avpr files",
        ),
        (
            "record R { a: int; int b; }",
            "1:13 BW0001 expected the name of a field, found `:`",
            "the type comes first, as in `int count;`",
        ),
        (
            "protocol P { namespace a.b; record R { int a; } }",
            "1:14 BW0001 inside a protocol there is no `namespace` line",
            "write `@namespace(\"a.b\")` before `protocol`",
        ),
        (
            "record R { int `my-name`; int b; }",
            "1:16 BW0001 `my-name` is not a valid name, not even in backticks",
            "a name has letters, digits and `_` only",
        ),
        (
            "type R = record { int a; }",
            "1:1 BW0001 expected a declaration or an import, found `type`",
            "did you mean `record`?",
        ),
        (
            "record R { string[] a; int b; }",
            "1:18 BW0001 expected the name of a field, found `[`",
            "a list is written `array<…>`",
        ),
        (
            "record R { string|null a; int b; }",
            "1:18 BW0001 `|` has no meaning here",
            "one of several types is written `union { null, string }`",
        ),
        (
            "enum E { A(\"x\"), B(\"y\") }",
            "1:11 BW0001 expected `,` or `}`, found `(`",
            "symbols have no values",
        ),
        (
            "void ping();",
            "1:1 BW0001 expected a declaration or an import, found `void`",
            "messages stand inside the braces of a protocol",
        ),
        (
            "record R { decimal a; }",
            "1:12 BW0004 there is no type `decimal`",
            "write `decimal(9, 2)`, with the number of digits and of decimal places",
        ),
        (
            "@x(\"\\u12\") record R { }",
            "1:5 BW0001 `\\u` is not an escape",
            "four hexadecimal digits follow `\\u`",
        ),
        ("record R { Q q; }", "1:12 BW0004 there is no type `Q`", "declare it, or import the file that does"),
    ] {
        let outcome = parse(text);
        assert_eq!(outcome.lines(), [line], "{text}");
        assert_eq!(outcome.parsed.diagnostics[0].helps, [help], "{text}");
    }
}

#[test]
fn words_of_other_languages_are_names_where_they_can_be_names() {
    for text in [
        "record optional { } record R { optional string; optional? required, nullable; }",
        "record R { int default; string default_ = \"x\"; } record list { } record Q { list list; }",
        "record String { } record R { String s; }",
    ] {
        assert_eq!(parse(text).lines(), [""; 0], "{text}");
    }
}

#[test]
fn in_json_a_type_that_needs_an_object_is_shown_as_one() {
    let help = |kind: &str| {
        let text =
            format!(r#"{{"type": "record", "name": "R", "fields": [{{"name": "a", "type": "{kind}"}}]}}"#);
        let outcome = parse_with(&[("a.avsc", text.as_str())], &[], &[]);
        assert_eq!(outcome.codes(), [Code::Undefined]);
        outcome.parsed.diagnostics[0].helps.concat()
    };
    assert_eq!(help("String"), "did you mean `string`?");
    assert_eq!(help("array"), "write `{\"type\": \"array\", \"items\": …}`");
    assert_eq!(help("record"), "write `{\"type\": \"record\", …}`");
    assert_eq!(
        help("timestamp-millis"),
        "write `{\"type\": \"long\", \"logicalType\": \"timestamp-millis\"}`"
    );
}
