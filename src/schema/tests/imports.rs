//! Imports: where files are looked for, and that each counts once.

use super::*;

#[test]
fn a_record_reached_by_import_and_as_a_file_of_the_project_appears_once() {
    let outcome = parse_with(
        &[
            ("a/x.avdl", "import idl \"../b/y.avdl\"; record X { n.Y y; }"),
            ("b/y.avdl", "namespace n; record Y { }"),
        ],
        &[],
        &[],
    );
    assert_eq!(outcome.lines(), [""; 0]);
    assert_eq!(outcome.records(), ["X", "n.Y"]);
}

#[test]
fn imports_are_looked_up_beside_the_file_then_in_the_import_directories() {
    let outcome = parse_with(
        &[(
            "a/x.avdl",
            "import idl \"y.avdl\"; import schema \"z%20z.avsc\"; import protocol \"p.avpr\"; record X { }",
        )],
        &[
            ("a/y.avdl", "record Near { }"),
            ("lib/y.avdl", "record Far { }"),
            ("lib/z z.avsc", r#"{"type": "record", "name": "Z", "fields": []}"#),
            ("lib/p.avpr", r#"{"protocol": "P", "types": [{"type": "record", "name": "Q", "fields": []}]}"#),
        ],
        &["lib"],
    );
    assert_eq!(outcome.lines(), [""; 0]);
    assert_eq!(outcome.records(), ["X", "Near", "Z", "Q"]);
}

#[test]
fn files_may_import_each_other_and_themselves() {
    let outcome = parse_with(
        &[
            ("a.avdl", "import idl \"b.avdl\"; import idl \"a.avdl\"; record A { B b; }"),
            ("b.avdl", "import idl \"a.avdl\"; record B { A? a; }"),
        ],
        &[],
        &[],
    );
    assert_eq!(outcome.lines(), [""; 0]);
    assert_eq!(outcome.records(), ["A", "B"]);
}

#[test]
fn a_missing_file_is_reported_at_its_path_with_the_places_tried() {
    let outcome =
        parse_with(&[("a/x.avdl", "import idl \"no.avdl\";\nrecord X { Unknown u; }")], &[], &["lib"]);
    // What is missing may declare `Unknown`, so nothing is said of it.
    assert_eq!(outcome.lines(), ["1:12 BW0006 there is no file `no.avdl` to import"]);
    assert_eq!(outcome.parsed.diagnostics[0].helps, ["looked for a/no.avdl, lib/no.avdl"]);
}

#[test]
fn a_blank_in_a_path_is_refused_with_the_fix() {
    let outcome = parse("import idl \"a b.avdl\";");
    assert_eq!(outcome.codes(), [Code::Import]);
    assert_eq!(outcome.parsed.diagnostics[0].fix[0].text, "\"a%20b.avdl\"");
}

#[test]
fn types_of_other_files_of_the_project_are_known_without_an_import() {
    let outcome = parse_with(
        &[
            ("a.avsc", r#"{"type": "record", "name": "n.A", "fields": [{"name": "b", "type": "n.B"}]}"#),
            ("b.avsc", r#"{"type": "record", "name": "n.B", "fields": []}"#),
        ],
        &[],
        &[],
    );
    assert_eq!(outcome.lines(), [""; 0]);
}

#[test]
fn an_unreadable_file_is_reported_at_its_byte() {
    let mut sources = Sources::default();
    let loader = Files(HashMap::new());
    let options = ParseOptions { import_directories: &[], loader: &loader };
    let files = vec![InputFile { path: "a.avdl".into(), bytes: b"record R {\n \xFF }".to_vec() }];
    let parsed = parse_project(files, &options, &mut sources);
    assert_eq!(parsed.diagnostics.len(), 1);
    assert_eq!(parsed.diagnostics[0].code, Code::Unreadable);
    let span = parsed.diagnostics[0].primary.as_ref().unwrap().span;
    assert_eq!((sources.position(span).line, span.start), (2, 12));
}

#[test]
fn a_file_imported_as_another_kind_is_a_mistake_of_the_import() {
    let outcome = parse_with(
        &[(
            "a.avdl",
            "import idl \"x.avsc\";\nimport schema \"y.avdl\";\nimport protocol \"x.avsc\";\nrecord R { X x; Y y; }",
        )],
        &[("x.avsc", r#"{"type": "record", "name": "X", "fields": []}"#), ("y.avdl", "record Y { int a; }")],
        &[],
    );
    assert_eq!(
        outcome.lines(),
        [
            "1:8 BW0006 `x.avsc` is imported as `idl`, and cannot be read as such",
            "2:8 BW0006 `y.avdl` is imported as `schema`, and cannot be read as such",
            "3:8 BW0006 `x.avsc` is imported as `protocol`, and cannot be read as such",
        ]
    );
    let fixes = outcome.parsed.diagnostics.iter().map(|d| d.fix[0].text.as_str());
    assert_eq!(Vec::from_iter(fixes), ["schema", "idl", "schema"]);
}

#[test]
fn an_extension_alone_decides_nothing() {
    let outcome = parse_with(
        &[("a.avdl", "import idl \"x.avsc\"; record R { X x; }")],
        &[("x.avsc", "record X { }")],
        &[],
    );
    assert_eq!(outcome.lines(), [""; 0]);
}
