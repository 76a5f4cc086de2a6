//! Hostile and broken input: never a panic, never a span outside its file, never more than linear time.

use std::time::{Duration, Instant};

use bellwether::diag::{Code, Sources, Span};
use bellwether::render::{self, Page};
use bellwether::schema::{
    Annotation, InputFile, LoadError, Loader, ParseOptions, Parsed, avro_json, parse_project,
};
use bellwether::value::{Node, Value};
use proptest::prelude::*;

const PROTOCOL: &str = r##"/** Über shops. */
@namespace("com.example") @alert_channel("#shop")
protocol Shop {
  import idl "other.avdl";
  /** Money. */
  @traffic_anomaly_monitor({"deviations": 4, "windows": ["5m", 0x10, -.5e3, NaN]})
  @aliases(["Old", "x.Old"])
  record Cart {
    /** Names. */ @pii(true) string @order("ignore") first = "é\u00e9\n", @x(null) last;
    union { null, @y("z") long, array<map<Cart?>> } amount = null;
    decimal(9, 2)? price; timestamp_ms at = 0; other.Thing `record`;
  }
  @java("x") enum Kind { A, @s(1) B } = A;
  fixed MD5(16);
  error Bad { string reason; }
  /** Adds. */ @m(1) Cart add(@t(1) int @f(2) a, Kind k = "A") throws Bad;
  void ping() oneway;
}
"##;

const SCHEMA: &str =
    "namespace other;\nschema array<Thing>;\nrecord Thing { int a; date? d = null; } // end\n";

const JSON: &str = r#"{"type": "record", "name": "a.R", "doc": "é", "monitor": {"x": [1, 2.5e3]}, "fields": [
  {"name": "f", "type": ["null", {"type": "enum", "name": "E", "symbols": ["A"], "default": "A"}], "default": null},
  /* c */ {"name": "g", "type": {"type": "map", "values": {"type": "fixed", "name": "F", "size": 2}}, "tag": "\u00e9"}
]}"#;

const AVPR: &str = r#"{"protocol": "P", "namespace": "n", "types": [{"type": "error", "name": "E", "fields": []}],
  "messages": {"m": {"doc": "d", "request": [{"name": "a", "type": "int", "default": 1}], "response": "string",
  "errors": ["E"]}, "o": {"request": [], "one-way": true}}}"#;

struct Nothing;

impl Loader for Nothing {
    fn load(&self, _: &str) -> Result<Vec<u8>, LoadError> {
        Err(LoadError::NotFound)
    }
}

fn input(path: &str, bytes: impl Into<Vec<u8>>) -> InputFile {
    InputFile { path: path.into(), bytes: bytes.into() }
}

fn parse(files: Vec<InputFile>) -> (Parsed, Sources) {
    let mut sources = Sources::default();
    let options = ParseOptions { import_directories: &[], loader: &Nothing };
    let parsed = parse_project(files, &options, &mut sources);
    (parsed, sources)
}

fn check_span(sources: &Sources, span: Span) {
    let text = &sources.file(span.file).text;
    assert!(span.start <= span.end && text.get(span.start as usize..span.end as usize).is_some(), "{span:?}");
}

fn check_node(sources: &Sources, node: &Node) {
    check_span(sources, node.span);
    match &node.value {
        Value::Array(nodes) => nodes.iter().for_each(|node| check_node(sources, node)),
        Value::Object(members) => members.iter().for_each(|member| {
            check_span(sources, member.key_span);
            check_node(sources, &member.value);
        }),
        _ => {}
    }
}

fn check_annotation(sources: &Sources, annotation: &Annotation) {
    check_span(sources, annotation.span);
    check_span(sources, annotation.name_span);
    check_node(sources, &annotation.value);
}

fn check_all(parsed: &Parsed, sources: &Sources) {
    for diagnostic in &parsed.diagnostics {
        let labels = diagnostic.primary.iter().chain(&diagnostic.secondary);
        labels.for_each(|label| check_span(sources, label.span));
        diagnostic.fix.iter().for_each(|edit| check_span(sources, edit.span));
        assert!(!diagnostic.message.ends_with('.'), "{}", diagnostic.message);
    }
    for record in parsed.set.records() {
        check_span(sources, record.name_span);
        record.annotations.iter().for_each(|a| check_annotation(sources, a));
        for field in &record.fields {
            check_span(sources, field.name_span);
            field
                .annotations
                .iter()
                .chain(field.type_annotations())
                .for_each(|a| check_annotation(sources, a));
        }
    }
    for misplaced in parsed.set.misplaced() {
        check_annotation(sources, &misplaced.annotation);
    }
}

fn check_bytes(path: &str, bytes: Vec<u8>) {
    let (parsed, sources) = parse(vec![input(path, bytes.clone()), input("other.avdl", SCHEMA)]);
    check_all(&parsed, &sources);
    let options = ParseOptions { import_directories: &[], loader: &Nothing };
    avro_json(input(path, bytes), &options, &mut Sources::default());
}

#[test]
fn the_files_to_be_mutated_are_fine_as_they_are() {
    let files = vec![
        input("shop.avdl", PROTOCOL),
        input("other.avdl", SCHEMA),
        input("r.avsc", JSON),
        input("p.avpr", AVPR),
    ];
    let (parsed, sources) = parse(files);
    assert!(parsed.diagnostics.iter().all(|d| d.code == Code::Lost), "{:#?}", parsed.diagnostics);
    check_all(&parsed, &sources);
    let names: Vec<_> = parsed.set.records().map(|r| r.full_name.as_str()).collect();
    assert_eq!(names, ["com.example.Cart", "com.example.Bad", "other.Thing", "a.R", "n.E"]);
}

#[derive(Debug, Clone)]
enum Mutation {
    Delete(usize, usize),
    Insert(usize, Vec<u8>),
    Replace(usize, u8),
    Repeat(usize, usize),
    Cut(usize),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let pieces = prop::sample::select(vec![
        "{",
        "}",
        "(",
        ")",
        "<",
        ">",
        "[",
        "]",
        ";",
        ",",
        "@",
        "\"",
        "/*",
        "*/",
        "/**",
        "//",
        "`",
        "?",
        "=",
        "record ",
        "union {",
        "array<",
        "enum X {",
        "import idl \"",
        "\u{1a}",
        "é",
        "\\",
        "\\u",
        "-",
        ".",
        "0x",
        "NaN",
        "\u{feff}",
        "protocol P {",
        "namespace ",
        "\n",
        ":",
        "@x(",
        "decimal(",
        "null",
        "schema ",
        "throws ",
        "fixed F(",
    ]);
    prop_oneof![
        (any::<usize>(), 1..20usize).prop_map(|(at, n)| Mutation::Delete(at, n)),
        (any::<usize>(), pieces).prop_map(|(at, p)| Mutation::Insert(at, p.into())),
        (any::<usize>(), any::<u8>()).prop_map(|(at, b)| Mutation::Replace(at, b)),
        (any::<usize>(), 1..40usize).prop_map(|(at, n)| Mutation::Repeat(at, n)),
        any::<usize>().prop_map(Mutation::Cut),
    ]
}

fn apply(bytes: &mut Vec<u8>, mutation: &Mutation) {
    let length = bytes.len();
    let place = |at: usize| at % (length + 1);
    match mutation {
        Mutation::Delete(at, n) => drop(bytes.drain(place(*at)..(place(*at) + n).min(length))),
        Mutation::Insert(at, piece) => drop(bytes.splice(place(*at)..place(*at), piece.iter().copied())),
        Mutation::Replace(at, byte) => {
            if let Some(slot) = bytes.get_mut(place(*at)) {
                *slot = *byte;
            }
        }
        Mutation::Repeat(at, n) => {
            let piece = bytes[place(*at)..(place(*at) + n).min(length)].to_vec();
            bytes.splice(place(*at)..place(*at), piece);
        }
        Mutation::Cut(at) => bytes.truncate(place(*at)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_never_panic_and_all_spans_lie_in_their_files(
        file in 0..4usize,
        mutations in prop::collection::vec(mutation(), 1..8),
    ) {
        let (path, text) = [("shop.avdl", PROTOCOL), ("s.avdl", SCHEMA), ("r.avsc", JSON), ("p.avpr", AVPR)][file];
        let mut bytes = text.as_bytes().to_vec();
        mutations.iter().for_each(|mutation| apply(&mut bytes, mutation));
        check_bytes(path, bytes);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_bytes("a.avdl", bytes.clone());
        check_bytes("a.avsc", bytes);
    }

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,100}") {
        check_bytes("a.avdl", text.clone().into_bytes());
        check_bytes("a.avpr", text.into_bytes());
    }
}

/// Generous for a slow machine without optimisation, and far below what quadratic work would take.
fn soon(what: &str, path: &str, text: String) {
    let start = Instant::now();
    let (parsed, sources) = parse(vec![input(path, text)]);
    check_all(&parsed, &sources);
    assert!(start.elapsed() < Duration::from_secs(60), "{what}: {:?}", start.elapsed());
}

#[test]
fn hostile_input_is_read_in_linear_time() {
    let n = 100_000;
    soon("open braces", "a.avdl", "{".repeat(n));
    soon("open unions", "a.avdl", format!("schema {}", "union {".repeat(n)));
    soon("nested records", "a.avdl", "record R { ".repeat(n));
    soon("open lists", "a.avdl", format!("@x({}", "[".repeat(n)));
    soon("open lists in JSON", "a.avsc", "[".repeat(n));
    soon("backticks", "a.avdl", "`a".repeat(n));
    soon("dots", "a.avdl", "a.".repeat(n));
    soon("errors", "a.avdl", "record ; ".repeat(n));
    soon("broken declarations", "a.avdl", "record { @ } ".repeat(n));
    soon("documentation", "a.avdl", "/** a */ ".repeat(n));
    soon("comments", "a.avdl", "/*".repeat(n));
    soon("symbols", "a.avdl", format!("enum E {{ {} }}", "A,".repeat(n)));
    soon("fields", "a.avdl", format!("record R {{ {} }}", "int a;".repeat(n)));
    soon("annotations", "a.avdl", format!("{} record R {{}}", "@a(1)".repeat(n)));
    soon("undefined", "a.avdl", format!("record R {{ {} }}", "X a;".repeat(n)));
    let keys: String = (0..n).map(|i| format!("\"k{i}\":1,\"k{i}\":2,")).collect();
    soon("keys", "a.avsc", format!("{{{keys}\"type\":\"int\"}}"));
    let branches: String = (0..n).map(|i| format!("T{i}, ")).collect();
    soon("branches", "a.avdl", format!("schema union {{ {branches} int }};"));
}

#[test]
fn many_diagnostics_are_drawn_without_reading_the_file_for_each() {
    let n = 5_000;
    let text: String = (0..n).map(|i| format!("record R{i} {{\n  X{i} a;\n}}\n")).collect();
    let (parsed, sources) = parse(vec![input("a.avdl", text)]);
    assert_eq!(parsed.diagnostics.len(), n);
    let start = Instant::now();
    // A hundred are drawn at a time; here all of them, one hundred after the other.
    let drawn: String = parsed
        .diagnostics
        .chunks(100)
        .map(|part| render::diagnostics(part, &sources, &Page::PLAIN))
        .collect();
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    assert!(drawn.contains("a.avdl:14999:3"), "the last one has its line in the file");
}

#[test]
fn defaults_in_unions_of_records_are_not_tried_again_and_again() {
    let records: String =
        (0..4).map(|i| format!("record R{i} {{ union {{ R0, R1, R2, R3 }} f; int x{i}; }}\n")).collect();
    let default = (0..50)
        .fold("1".to_owned(), |inner, _| format!(r#"{{"f": {inner}, "x0": 0, "x1": 1, "x2": 2, "x3": 3}}"#));
    soon("defaults", "a.avdl", format!("{records} record Q {{ union {{ R0, R1, R2, R3 }} q = {default}; }}"));
}

#[test]
fn the_deepest_types_that_are_allowed_fit_the_stack() {
    let options = ParseOptions { import_directories: &[], loader: &Nothing };
    let arrays = format!("{}\"int\"{}", r#"{"type":"array","items":"#.repeat(255), "}".repeat(255));
    let records = (0..84).fold("\"int\"".to_owned(), |inner, i| {
        format!(r#"{{"type":"record","name":"R{i}","fields":[{{"name":"f","type":{inner}}}]}}"#)
    });
    let idl = format!("schema {}int{};", "array<".repeat(63), ">".repeat(63));
    for (path, text) in [("a.avsc", arrays), ("r.avsc", records), ("a.avdl", idl)] {
        let (json, diagnostics) = avro_json(input(path, text), &options, &mut Sources::default());
        assert!(json.is_some(), "{path}: {diagnostics:?}");
    }
}

#[test]
fn long_chains_of_types_and_imports_do_not_end_the_stack() {
    let n = 20_000;
    let chain: String = (0..n).map(|i| format!("record R{i} {{ R{} next; }}\n", (i + 1) % n)).collect();
    soon("chain", "a.avdl", chain.clone());
    let options = ParseOptions { import_directories: &[], loader: &Nothing };
    let (json, diagnostics) =
        avro_json(input("a.avdl", format!("schema R0;{chain}")), &options, &mut Sources::default());
    assert!(json.is_none());
    assert_eq!(diagnostics.len(), 1);
    let files = (0..2_000).map(|i| {
        let text = format!("import idl \"f{}.avdl\"; record R{i} {{}}", (i + 1) % 2_000);
        input(&format!("f{i}.avdl"), text)
    });
    let (parsed, _) = parse(files.collect());
    assert_eq!(parsed.diagnostics, []);
    assert_eq!(parsed.set.records().len(), 2_000);
}
