//! Errors of syntax: said once, at the right place, and without hiding the next one.

use super::*;

#[test]
fn independent_errors_come_out_of_one_run() {
    let outcome = parse(
        "@namespace(\"n\")
protocol P {
  record A { int; string ok; union { null, long b; }
  @x() record B { int a; }
  record C { int a$b; }
  enum E { A, B, }
  int m(int a,);
  fixed F(\"x\");
  record Fine { int a; };
}",
    );
    assert_eq!(
        outcome.lines(),
        [
            "3:17 BW0001 expected the name of a field, found `;`",
            "3:49 BW0001 expected `,` or `}`, found `b`",
            "4:3 BW0001 `@x()` has no value",
            "5:19 BW0001 `$` has no meaning here",
            "6:16 BW0001 no comma stands after the last symbol",
            "7:15 BW0001 expected a type, found `)`",
            "8:11 BW0001 expected the size, found a text",
            "9:25 BW0001 no `;` stands after the `}` of a record",
        ]
    );
    assert_eq!(outcome.records(), ["n.A", "n.B", "n.C", "n.Fine"]);
}

#[test]
fn what_is_not_closed_shows_where_it_was_opened() {
    for text in ["protocol P {\nrecord R { int a;\n}\n", "record R { int a;\n", "enum E { A, B\n"] {
        let outcome = parse(text);
        assert_eq!(outcome.codes(), [Code::Syntax], "{text}: {:?}", outcome.lines());
        assert_eq!(outcome.parsed.diagnostics[0].secondary[0].text, "opened here");
    }
}

#[test]
fn several_mistakes_in_json_come_out_of_one_run() {
    let text = "{\n  type: \"record\",\n  \"name\": \"R\"\n  \"fields\": [\n    {\"name\": \"a\", \"type\": \"int\",}\n    {\"name\": \"b\", \"type\": \"int\"},\n  ]\n}";
    assert_eq!(
        parse_with(&[("a.avsc", text)], &[], &[]).lines(),
        [
            "2:3 BW0001 expected a key in double quotes, found `type`",
            "4:3 BW0001 expected `,` or `}`, found a text",
            "5:32 BW0001 JSON has no trailing comma",
            "6:5 BW0001 expected `,` or `]`, found `{`",
            "6:33 BW0001 JSON has no trailing comma",
        ]
    );
}

#[test]
fn what_json_leaves_open_shows_where_it_was_opened() {
    for (path, text, open) in [
        ("a.avsc", "{\"type\": \"enum\", \"symbols\": [\"A\", \"B\"", "1:29"),
        ("a.avsc", "{\"type\": \"enum\", \"symbols\": [\"A\"}", "1:29"),
        ("a.avdl", "@x({\"a\": 1) record R { int a; }", "1:4"),
    ] {
        let outcome = parse_with(&[(path, text)], &[], &[]);
        assert_eq!(outcome.codes(), [Code::Syntax], "{text}");
        let label = &outcome.parsed.diagnostics[0].secondary[0];
        let at = outcome.sources.position(label.span);
        assert_eq!((label.text.as_str(), format!("{}:{}", at.line, at.column)), ("opened here", open.into()));
    }
}

#[test]
fn a_brace_too_many_is_no_news_after_another_mistake() {
    let outcome = parse("class P {\n  record R { int a; } }\n");
    assert_eq!(outcome.lines(), ["1:1 BW0001 expected a declaration or an import, found `class`"]);
}

#[test]
fn one_mistake_gives_one_error() {
    for (text, line) in [
        (
            "record R { record Q { int a; } q; int b; }",
            "1:12 BW0001 a type cannot be declared inside a record",
        ),
        (
            "protocol P {\nrecord R { int a;\n@x(1) record Q { int b; }\nrecord S { int b; }\n}",
            "3:7 BW0001 a type cannot be declared inside a record",
        ),
        ("record R { int a int b; }", "1:18 BW0001 expected `;` after the field, found `int`"),
        (
            "record R { array<string>? a; }",
            "1:25 BW0001 `?` stands only behind names of types, not behind arrays, maps and unions",
        ),
        ("enum E { A } record R { E e = A; }", "1:31 BW0001 expected a JSON value, found `A`"),
        (
            "@confluent:tags([1]) record R { }",
            "1:11 BW0001 expected `(` after the name of the annotation, found `:`",
        ),
        ("@a-1(1) record R { }", "1:3 BW0001 expected `(` after the name of the annotation, found `-1`"),
        ("@x(1) namespace n; record R { }", "1:1 BW0001 annotations cannot stand before `namespace`"),
        ("record R { } namespace n;", "1:14 BW0001 expected a declaration or an import, found `namespace`"),
        ("@x({\"a\": 1,}) record R { }", "1:11 BW0001 JSON has no trailing comma"),
        ("@x('a') record R { }", "1:4 BW0001 texts stand in plain double quotes"),
        ("@x(1_000) record R { }", "1:4 BW0001 `1_000` is not a number"),
        ("@x(9223372036854775808) record R { }", "1:4 BW0001 the number does not fit 64 bits"),
        ("@x(\"a\\q\") record R { }", "1:6 BW0001 `\\q` is not an escape"),
        ("/* never closed\nrecord R { }", "1:1 BW0001 this comment is not closed"),
        ("record R { string a = \"b; }\nrecord Q { }", "1:23 BW0001 this text is not closed"),
        ("schema\u{b}int;", "1:7 BW0001 the character U+000B has no meaning here"),
        (
            "protocol P { } record R { }",
            "1:16 BW0001 expected the end of the file after the protocol, found `record`",
        ),
        ("record NaN { }", "1:8 BW0001 `NaN` is a number here"),
        ("fixed F(3L);", "1:9 BW0001 the size must be a whole number of 32 bits, not `3L`"),
        ("protocol P { int a; }", "1:19 BW0001 expected `(` and the parameters of a message, found `;`"),
    ] {
        let outcome = parse(text);
        // A message that is lost with its neighbour is no error of its own.
        assert_eq!(outcome.lines(), [line], "{text}");
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let outcome = parse(&format!("schema {}int{};", "array<".repeat(500), ">".repeat(500)));
    assert_eq!(outcome.codes(), [Code::Syntax]);
    assert!(outcome.parsed.diagnostics[0].message.contains("64 levels"));
}

#[test]
fn the_end_of_text_character_ends_the_file() {
    assert_eq!(parse("record R { } \u{1a} anything $").lines(), [""; 0]);
}

#[test]
fn a_file_with_a_thousand_errors_reports_fifty() {
    assert_eq!(parse(&"record R { int; }\n".repeat(1000)).codes().len(), 50);
}
