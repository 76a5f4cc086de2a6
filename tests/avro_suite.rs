//! The official Avro IDL suite and a collection of corner cases, both outside the repository. Without them
//! the tests pass with a note.

#![allow(clippy::expect_used, clippy::print_stderr, reason = "helpers of tests")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bellwether::diag::{Code, Diagnostic, Severity, Sources};
use bellwether::schema::{InputFile, LoadError, Loader, ParseOptions, avro_json};
use serde_json::Value;

/// Verdicts that differ from Java's on purpose: whether we accept, and the row of docs/avro.md that says why.
const INTENDED: [(&str, bool, &str); 9] = [
    ("38_nested_union", false, "a union directly inside a union"),
    ("38c_union_of_optional", false, "a union directly inside a union"),
    ("43f_unterminated", false, "a comment that is not closed"),
    ("43h_multiline_star1", false, "`/*/`"),
    ("52_ws_vt", false, "a character that means nothing"),
    ("29f_default_enum_bad_fwd", false, "a default that is no symbol of its enum"),
    ("34c_alias_invalid", true, "an alias of a type that is no name"),
    ("42_empty_file", true, "an empty file"),
    ("a1b_emptycomment_then_comment2", true, "`/**/`"),
];

fn data() -> Option<PathBuf> {
    let shared = std::env::var_os("BELLWETHER_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let data = shared.join("data/avro");
    if !data.join("corner-cases.json").is_file() {
        eprintln!("skipped: there is no {}", data.display());
        return None;
    }
    Some(data)
}

struct Directory(PathBuf);

impl Loader for Directory {
    fn load(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        std::fs::read(self.0.join(path)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => LoadError::NotFound,
            _ => LoadError::Other(error.to_string()),
        })
    }
}

struct Memory(HashMap<String, Vec<u8>>);

impl Loader for Memory {
    fn load(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        self.0.get(path).cloned().ok_or(LoadError::NotFound)
    }
}

struct Outcome {
    text: String,
    json: Option<Value>,
    diagnostics: Vec<Diagnostic>,
    sources: Sources,
}

impl Outcome {
    fn describe(&self) -> String {
        let line = |d: &Diagnostic| match &d.primary {
            Some(label) => {
                let at = self.sources.position(label.span);
                format!("  {}:{} {} {}\n", at.line, at.column, d.code, d.message)
            }
            None => format!("  {} {}\n", d.code, d.message),
        };
        self.diagnostics.iter().map(line).collect()
    }

    fn doc_warnings(&self, path: &str) -> Vec<(u32, u32)> {
        let docs = self.diagnostics.iter().filter(|d| d.code == Code::Doc);
        docs.filter_map(|d| d.primary.as_ref())
            .filter(|label| self.sources.file(label.span.file).path == path)
            .map(|label| self.sources.position(label.span))
            .map(|at| (at.line, at.column))
            .collect()
    }
}

fn run(path: &str, bytes: Vec<u8>, loader: &dyn Loader, directories: &[String]) -> Outcome {
    let mut sources = Sources::default();
    let options = ParseOptions { import_directories: directories, loader };
    let (json, diagnostics) = avro_json(InputFile { path: path.into(), bytes }, &options, &mut sources);
    let failed = diagnostics.iter().any(|d| d.severity() == Severity::Error);
    assert_eq!(json.is_none(), failed, "{path}: JSON if and only if there is no error");
    for diagnostic in &diagnostics {
        let labels = diagnostic.primary.iter().chain(&diagnostic.secondary);
        for span in labels.map(|l| l.span).chain(diagnostic.fix.iter().map(|e| e.span)) {
            let text = &sources.file(span.file).text;
            assert!(text.get(span.start as usize..span.end as usize).is_some(), "{path}: {diagnostic:?}");
        }
    }
    let text = json.clone().unwrap_or_default();
    let json = json.map(|text| serde_json::from_str(&text).expect("the output is JSON"));
    Outcome { text, json, diagnostics, sources }
}

/// Equal as Avro sees it: numbers by value.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

fn suite_file(suite: &Path, path: &str) -> Outcome {
    let bytes = std::fs::read(suite.join(path)).expect(path);
    run(path, bytes, &Directory(suite.to_owned()), &["putOnClassPath".to_owned()])
}

fn assert_pair(suite: &Path, input: &str, output: &str) {
    let outcome = suite_file(suite, input);
    let expected = std::fs::read_to_string(suite.join(output)).expect(output);
    // Java's own outputs carry a licence as a comment in places.
    let expected: Value = serde_json::from_str(&expected).expect(output);
    match &outcome.json {
        Some(json) if same(json, &expected) => {}
        Some(json) => panic!("{input}:\n{json:#}\nshould be\n{expected:#}"),
        None => panic!("{input}:\n{}", outcome.describe()),
    }
}

#[test]
fn all_pairs_of_the_official_suite_come_out_as_from_java() {
    let Some(data) = data() else { return };
    let suite = data.join("suite");
    let mut count = 0;
    for entry in std::fs::read_dir(suite.join("input")).expect("the suite has inputs") {
        let name = entry.expect("readable").file_name().into_string().expect("UTF-8");
        let Some(base) = name.strip_suffix(".avdl") else { continue };
        let schema = base.strip_suffix("_schema").map(|base| format!("output/{base}.avsc"));
        let output = match schema {
            Some(schema) if suite.join(&schema).is_file() => schema,
            _ => format!("output/{base}.avpr"),
        };
        if suite.join(&output).is_file() {
            assert_pair(&suite, &format!("input/{name}"), &output);
            count += 1;
        }
    }
    assert_eq!(count, 18);
    assert_pair(&suite, "tools/protocol.avdl", "tools/protocol.avpr");
    assert_pair(&suite, "tools/schema.avdl", "tools/schema.avsc");
}

#[test]
fn keys_come_in_the_order_of_java() {
    let Some(data) = data() else { return };
    let suite = data.join("suite");
    let dense = |text: &str| text.split_whitespace().collect::<String>();
    // Outputs that Java wrote; some others were edited by hand and have their keys in any order.
    for (input, output) in [
        ("tools/protocol.avdl", "tools/protocol.avpr"),
        ("tools/schema.avdl", "tools/schema.avsc"),
        ("input/namespaces.avdl", "output/namespaces.avpr"),
        ("input/import.avdl", "output/import.avpr"),
        ("input/comments.avdl", "output/comments.avpr"),
        ("input/cycle.avdl", "output/cycle.avpr"),
        ("input/interop.avdl", "output/interop.avpr"),
        ("input/echo.avdl", "output/echo.avpr"),
        ("input/unicode.avdl", "output/unicode.avpr"),
        ("input/uuid.avdl", "output/uuid.avpr"),
        ("input/simple.avdl", "output/simple.avpr"),
        ("input/mr_events.avdl", "output/mr_events.avpr"),
    ] {
        let expected = std::fs::read_to_string(suite.join(output)).expect(output);
        assert_eq!(dense(&suite_file(&suite, input).text), dense(&expected), "{input}");
    }
}

#[test]
fn what_we_emit_reads_back_as_the_same() {
    let Some(data) = data() else { return };
    let suite = data.join("suite");
    for entry in std::fs::read_dir(suite.join("output")).expect("the suite has outputs") {
        let name = entry.expect("readable").file_name().into_string().expect("UTF-8");
        if name == "status.avsc" {
            continue; // a list of types is a union, and written as one
        }
        assert_pair(&suite, &format!("output/{name}"), &format!("output/{name}"));
    }
}

#[test]
fn lost_documentation_is_reported_where_java_reports_it() {
    let Some(data) = data() else { return };
    let suite = data.join("suite");
    #[rustfmt::skip]
    let comments = [
        (21, 8), (21, 45), (22, 5), (23, 5), (24, 5), (25, 5), (26, 7), (27, 7), (28, 7), (33, 7), (34, 7), (35, 5),
        (36, 5), (37, 7), (42, 7), (43, 7), (46, 9), (47, 5), (54, 7), (55, 7), (58, 9), (59, 7), (60, 11), (61, 11),
    ];
    assert_eq!(suite_file(&suite, "input/comments.avdl").doc_warnings("input/comments.avdl"), comments);
    for name in ["leading_underscore", "mr_events", "simple", "unicode", "uuid"] {
        let path = format!("input/{name}.avdl");
        assert_eq!(suite_file(&suite, &path).doc_warnings(&path), [(1, 1)], "{name}");
    }
    for path in ["tools/protocol.avdl", "tools/schema.avdl"] {
        assert_eq!(suite_file(&suite, path).doc_warnings(path), [(1, 1)], "{path}");
    }
    for name in
        ["baseball", "cycle", "echo", "forward_ref", "interop", "namespaces", "reservedwords", "union"]
    {
        let path = format!("input/{name}.avdl");
        assert_eq!(suite_file(&suite, &path).doc_warnings(&path), [], "{name}");
    }
}

#[test]
fn the_negatives_of_the_suite_are_refused_at_the_right_place() {
    let Some(data) = data() else { return };
    let suite = data.join("suite");
    let outcome = suite_file(&suite, "AnnotationOnTypeReference.avdl");
    // Java points at the type; we mark the annotation and show the type beside it.
    assert!(outcome.describe().contains("29:5 BW0008"), "{}", outcome.describe());
    let type_span = outcome.diagnostics[0].secondary[0].span;
    assert_eq!(outcome.sources.position(type_span).column, 17);
    let outcome = suite_file(&suite, "extra/duplicateNameErrorParsing.avdl");
    assert_eq!(outcome.diagnostics.iter().map(|d| d.code).collect::<Vec<_>>(), [Code::Redefined]);
}

#[test]
fn the_other_files_of_the_suite_mean_what_they_should() {
    let Some(data) = data() else { return };
    let suite = data.join("suite");
    let logical = suite_file(&suite, "logicalTypes.avdl").json.expect("accepted");
    let fields = logical["types"][0]["fields"].as_array().expect("fields");
    let types: Vec<_> = fields.iter().map(|f| f["type"]["logicalType"].as_str().unwrap_or("none")).collect();
    assert_eq!(
        types,
        [
            "date",
            "time-millis",
            "timestamp-millis",
            "local-timestamp-millis",
            "decimal",
            "uuid",
            "timestamp-micros",
            "decimal",
            "decimal" // Java keeps the properties, though it does not apply this one
        ]
    );
    assert_eq!(suite_file(&suite, "cycle.avdl").json.map(|json| json.is_object()), Some(true));
    let schema = suite_file(&suite, "extra/schemaSyntax.avdl").json.expect("accepted");
    assert_eq!(schema["items"]["name"], "Message");
    let protocol = suite_file(&suite, "extra/protocolSyntax.avdl").json.expect("accepted");
    assert_eq!(protocol["types"].as_array().map(Vec::len), Some(1));
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(u16::to_be_bytes).collect()
}

/// `Line 5, char 1: …`
fn position(warning: &str) -> Option<(u32, u32)> {
    let (line, rest) = warning.strip_prefix("Line ")?.split_once(", char ")?;
    Some((line.parse().ok()?, rest.split_once(':')?.0.parse().ok()?))
}

#[test]
fn corner_cases_come_out_as_from_java_but_for_intended_differences() {
    let Some(data) = data() else { return };
    let text = std::fs::read_to_string(data.join("corner-cases.json")).expect("readable");
    let cases: Value = serde_json::from_str(&text).expect("JSON");
    let cases = cases["cases"].as_array().expect("cases");
    let mut problems = String::new();
    for case in cases {
        let name = case["name"].as_str().expect("name");
        let source = case["source"].as_str().expect("source");
        let bytes = if case["encoding"] == "utf-16" { utf16(source) } else { source.into() };
        let path = format!("{name}.avdl");
        let side = case["files"].as_object().into_iter().flatten();
        let files = side.map(|(name, text)| (name.clone(), text.as_str().expect("text").into()));
        let outcome = run(&path, bytes, &Memory(files.collect()), &[]);
        let java = &case["java"];
        let java_ok = java["ok"] == true;
        let intended = INTENDED.iter().find(|(intended, ..)| *intended == name);
        let expected_ok = intended.map_or(java_ok, |(_, ok, _)| *ok);
        if intended.is_some() {
            assert_ne!(expected_ok, java_ok, "{name} differs");
        }
        if outcome.json.is_some() != expected_ok {
            let verdict = if expected_ok { "refused" } else { "accepted" };
            problems += &format!("{name}: {verdict}\n{source}\n{}\n", outcome.describe());
        }
        if let (Some(json), true) = (&outcome.json, java_ok)
            && !same(json, &java["json"])
        {
            problems += &format!("{name}: {json}\nshould be {}\n", java["json"]);
        }
        if outcome.json.is_some() && java_ok {
            let ours = outcome.doc_warnings(&path);
            let theirs = java["warnings"].as_array().into_iter().flatten();
            for at in theirs.filter_map(|w| position(w.as_str()?)) {
                if !ours.contains(&at) {
                    problems += &format!("{name}: no warning at {at:?}\n");
                }
            }
        }
    }
    assert!(problems.is_empty(), "{problems}");
    let page = include_str!("../docs/avro.md");
    for (name, _, row) in INTENDED {
        assert!(page.contains(&format!("\n| {row}")), "docs/avro.md has no row: {row}");
        assert!(cases.iter().any(|case| case["name"] == name), "{name} is no case");
    }
    assert_eq!(cases.len(), 169);
}
