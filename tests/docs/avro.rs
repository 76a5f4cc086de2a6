//! docs/avro.md: every row of its tables is held by an example.

use bellwether::diag::{Code, Severity};
use bellwether::ops::{Failure, compile};
use bellwether::schema::{InputFile, LoadError, Loader, ParseOptions, avro_json};

use super::{page, project, rows, section};

/// What `check` says about a schema file: code, severity and the marked text of each diagnostic.
fn check(path: &str, text: &str) -> Vec<(Code, Severity, String)> {
    let directory = tempfile::tempdir().unwrap();
    let config = "[environments.prod]\nsandbox = true\ntag = \"esm-prod\"\n";
    let project = project::open(directory.path(), &[("bellwether.toml", config), (path, text)]);
    let (name, environment) = project.config.environment(None).unwrap();
    let diagnostics = match compile(&project, &name, environment) {
        Ok(compiled) => compiled.warnings,
        Err(Failure::Diagnostics(diagnostics)) => diagnostics,
        Err(other) => panic!("{other}"),
    };
    let marked = |label: &bellwether::diag::Label| project.sources.text(label.span).to_owned();
    diagnostics
        .iter()
        // That it notifies nobody is not what the examples are about.
        .filter(|d| d.code != Code::Unrouted)
        .map(|d| (d.code, d.severity(), d.primary.as_ref().map(marked).unwrap_or_default()))
        .collect()
}

struct Example {
    /// The first words of the row.
    row: &'static str,
    path: &'static str,
    text: &'static str,
    /// Code and marked text of the only diagnostic; `None` where nothing is said.
    said: Option<(Code, &'static str)>,
}

const fn idl(row: &'static str, text: &'static str, said: Option<(Code, &'static str)>) -> Example {
    Example { row, path: "schemas/a.avdl", text, said }
}

const fn json(row: &'static str, text: &'static str, said: Option<(Code, &'static str)>) -> Example {
    Example { row, path: "schemas/a.avsc", text, said }
}

#[rustfmt::skip]
const EXAMPLES: &[Example] = &[
    idl("a character that means nothing", "record R { int a$b; }", Some((Code::Syntax, "$"))),
    idl("a character that means nothing", "record R { int\u{a0}a; }", Some((Code::Syntax, "\u{a0}"))),
    idl("a comment that is not closed", "record R { int a; } /* record S {}", Some((Code::Syntax, "/*"))),
    idl("`/*/`", "record R { int a; } /*/ record S {}", Some((Code::Syntax, "/*"))),
    idl("`/**/`", "/**/ record R { int a; } /* x */", None),
    idl("a union directly inside", "record R { union { null, union { int, string } } a; }", Some((Code::Invalid, "union { int, string }"))),
    idl("a union directly inside", "record R { union { null, string? } a; }", Some((Code::Invalid, "string?"))),
    idl("a default that is no symbol", "enum E { A } record R { E a = \"B\"; }", Some((Code::DefaultValue, "\"B\""))),
    idl("an annotation before `union`", "record R { @pii(true) union { null, int } a; }", Some((Code::Lost, "@pii(true)"))),
    idl("an annotation before `union`", "record R { @aggregate_metric({}) union { null, int } id; }", Some((Code::Misplaced, "aggregate_metric"))),
    idl("an annotation before a symbol", "enum E { @since(2) A }", Some((Code::Lost, "@since(2)"))),
    idl("an annotation before a symbol", "enum E { @owner(\"x\") A }", Some((Code::Misplaced, "owner"))),
    idl("an annotation given twice", "@pii(1) @pii(2) record R { int a; }", Some((Code::Lost, "pii"))),
    idl("an annotation given twice", "@owner(\"a\") @owner(\"b\") record R { int a; }", Some((Code::DuplicateAnnotation, "owner"))),
    idl("an annotation given twice", "@owner(\"a\") @owner(\"b\") protocol P { record R { int a; } }", Some((Code::DuplicateAnnotation, "owner"))),
    json("an annotation given twice", "{\"type\": \"record\", \"name\": \"R\", \"fields\": [], \"traffic_anomaly_monitor\": {}, \"traffic_anomaly_monitor\": {}}", Some((Code::DuplicateAnnotation, "traffic_anomaly_monitor"))),
    json("an annotation given twice", "{\"type\": \"record\", \"name\": \"R\", \"fields\": [], \"pii\": 1, \"pii\": 2}", Some((Code::Lost, "\"pii\""))),
    idl("a key given twice", "@meta({\"a\": 1, \"a\": 2}) record R { int a; }", Some((Code::Lost, "\"a\""))),
    json("a key given twice", "{\"type\": \"fixed\", \"name\": \"F\", \"size\": 1, \"size\": 2}", Some((Code::Lost, "\"size\""))),
    idl("two messages of one name", "protocol P { void m(); int m(); }", Some((Code::Lost, "m"))),
    idl("a bytes or fixed default", "record R { bytes a = \"\u{100}\"; }", Some((Code::Lost, "\"\u{100}\""))),
    idl("a bytes or fixed default", "fixed F(2); record R { F a = \"abc\"; }", Some((Code::Lost, "\"abc\""))),
    idl("a number too large", "record R { double a = 1e400; }", Some((Code::Lost, "1e400"))),
    idl("an alias of a type", "@aliases([\"9x\"]) record R { int a; }", Some((Code::Lost, "\"9x\""))),
    idl("`throws` of a type that is no error", "protocol P { record R { int a; } void m() throws R; }", Some((Code::Lost, "R"))),
    idl("documentation that belongs to nothing", "record R { int a; /** lost */ }", Some((Code::Doc, "/** lost */"))),
    json("documentation in JSON", "{\"type\": \"fixed\", \"name\": \"F\", \"size\": 1, \"doc\": 7}", Some((Code::Lost, "7"))),
    json("`logicalType` on a field", "{\"type\": \"record\", \"name\": \"R\", \"fields\": [{\"name\": \"a\", \"type\": \"int\", \"logicalType\": \"date\"}]}", Some((Code::Lost, "\"logicalType\": \"date\""))),
    idl("a known logical type", "record R { @logicalType(\"timestamp-millis\") string a; }", Some((Code::Lost, "\"timestamp-millis\""))),
    idl("a known logical type", "@logicalType(\"decimal\") @precision(9) fixed F(2);", Some((Code::Lost, "9"))),
    idl("an annotated message", "protocol P { record R { int a; } @http(\"GET\") R m(); }", None),
    idl("a message that returns a type declared later", "protocol P { R m(); record R { int a; } }", None),
    idl("an empty file", "", None),
];

#[test]
fn every_intended_difference_is_as_the_table_says() {
    let text = page("avro.md");
    let table = rows(section(&text, "## Where bellwether differs"));
    for row in &table {
        assert!(EXAMPLES.iter().any(|example| row[0].starts_with(example.row)), "no example for: {}", row[0]);
    }
    for Example { row, path, text, said } in EXAMPLES {
        let row =
            table.iter().find(|cells| cells[0].starts_with(row)).unwrap_or_else(|| panic!("no row {row}"));
        let found = check(path, text);
        let expected = said.map(|(code, marked)| (code, code.severity(), marked.to_owned()));
        assert_eq!(found, Vec::from_iter(expected), "{text}");
        let verdict = match said.map(|(code, _)| code.severity()) {
            None => "accepted",
            Some(Severity::Warning) => "warning",
            Some(Severity::Error) if row[2].contains("an error if bellwether knows it") => continue,
            Some(Severity::Error) => "error",
        };
        assert!(row[2].starts_with(verdict), "{}: {verdict}", row[0]);
    }
}

#[test]
fn known_annotations_count_where_the_page_says_and_nowhere_else() {
    let quiet = |path: &str, text: &str| assert_eq!(check(path, text), [], "{text}");
    let misplaced = |path: &str, text: &str| {
        let said = check(path, text);
        assert!(said.iter().any(|(code, ..)| *code == Code::Misplaced), "{text}: {said:?}");
    };
    let (idl, avsc, avpr) = ("schemas/a.avdl", "schemas/a.avsc", "schemas/a.avpr");
    quiet(idl, "@traffic_anomaly_monitor({}) record R { int a; }");
    quiet(idl, "@traffic_anomaly_monitor({}) error R { int a; }");
    quiet(avsc, r#"{"type": "record", "name": "R", "fields": [], "traffic_anomaly_monitor": {}}"#);
    quiet(idl, "record R { string @aggregate_metric({}) id; }");
    quiet(idl, "record R { @aggregate_metric({}) string id; }");
    quiet(
        avsc,
        r#"{"type": "record", "name": "R", "fields": [{"name": "id", "type": "string", "aggregate_metric": {}}]}"#,
    );
    quiet(
        avsc,
        r#"{"type": "record", "name": "R", "fields": [{"name": "id", "type": {"type": "string", "aggregate_metric": {}}}]}"#,
    );
    quiet(idl, "@owner(\"x\") record R { int a; }");
    quiet(idl, "@owner(\"x\") protocol P { record R { int a; } }");
    quiet(
        avpr,
        r#"{"protocol": "P", "owner": "x", "types": [{"type": "record", "name": "R", "fields": []}]}"#,
    );
    misplaced(idl, "@traffic_anomaly_monitor({}) protocol P { record R { int a; } }");
    misplaced(idl, "@traffic_anomaly_monitor({}) protocol P { enum E { A } }");
    misplaced(avpr, r#"{"protocol": "P", "traffic_anomaly_monitor": {}}"#);
    misplaced(idl, "@traffic_anomaly_monitor({}) enum E { A }");
    misplaced(idl, "@owner(\"x\") fixed F(1);");
    misplaced(idl, "record R { string @owner(\"x\") a; }");
    misplaced(idl, "record R { array<@aggregate_metric({}) string> ids; }");
    misplaced(idl, "@aggregate_metric({}) record R { int a; }");
    misplaced(idl, "protocol P { @owner(\"x\") void m(@aggregate_metric({}) int a); }");
    misplaced(idl, "schema array<@aggregate_metric({}) int>;");
    misplaced(avsc, r#"{"type": "enum", "name": "E", "symbols": ["A"], "owner": "x"}"#);
}

#[test]
fn an_annotation_before_a_type_counts_for_every_name_of_its_line() {
    let directory = tempfile::tempdir().unwrap();
    let config = "[environments.prod]\nsandbox = true\ntag = \"esm-prod\"\n";
    let schema = "record R { @aggregate_metric({}) string a, b; string @aggregate_metric({}) c, d; }";
    let project = project::open(directory.path(), &[("bellwether.toml", config), ("schemas/a.avdl", schema)]);
    let compiled = project::compiled(&project, None).unwrap();
    let addresses: Vec<String> = compiled.graph.nodes().map(|node| node.address.to_string()).collect();
    assert_eq!(addresses, ["R.a/aggregate_metric", "R.b/aggregate_metric", "R.c/aggregate_metric"]);
}

struct Nothing;

impl Loader for Nothing {
    fn load(&self, _: &str) -> Result<Vec<u8>, LoadError> {
        Err(LoadError::NotFound)
    }
}

#[test]
fn the_limits_are_those_of_the_page() {
    let accepts = |path: &str, text: String| {
        let options = ParseOptions { import_directories: &[], loader: &Nothing };
        let file = InputFile { path: path.into(), bytes: text.into_bytes() };
        avro_json(file, &options, &mut Default::default()).0.is_some()
    };
    let arrays = |levels: usize| format!("schema {}int{};", "array<".repeat(levels), ">".repeat(levels));
    let lists = |levels: usize| format!("@a({}{}) record R {{}}", "[".repeat(levels), "]".repeat(levels));
    let json = |levels: usize| {
        format!(
            r#"{{"type": "fixed", "name": "F", "size": 1, "a": {}{}}}"#,
            "[".repeat(levels - 1),
            "]".repeat(levels - 1)
        )
    };
    assert!(accepts("a.avdl", arrays(64)) && !accepts("a.avdl", arrays(65)));
    assert!(accepts("a.avdl", lists(64)) && !accepts("a.avdl", lists(65)));
    assert!(accepts("a.avsc", json(256)) && !accepts("a.avsc", json(257)));
    let text = page("avro.md");
    assert!(text.contains("at most 64 levels deep; JSON files at most 256 levels"));
}
