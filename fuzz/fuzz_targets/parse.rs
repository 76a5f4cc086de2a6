//! The Avro front end: any bytes as .avdl, .avsc or .avpr, with a second file that it may import.

#![no_main]

use bellwether::diag::{self, Code, Sources};
use bellwether::schema::{InputFile, avro_json, parse_project};
use bellwether_fuzz::{Input, Other, check_diagnostics, options};
use libfuzzer_sys::fuzz_target;
use serde::Deserialize as _;

fuzz_target!(|data: &[u8]| {
    let input = Input::new(data);
    let other = Other(input.part(0));
    let directories = ["lib".to_owned()];
    let options = options(&directories, &other);

    let mut sources = Sources::default();
    let parsed = parse_project(vec![input.file()], &options, &mut sources);
    check_diagnostics(&parsed.diagnostics, &sources);

    let mut sources = Sources::default();
    let (json, diagnostics) = avro_json(input.file(), &options, &mut sources);
    check_diagnostics(&diagnostics, &sources);
    assert_eq!(json.is_none(), diag::has_errors(&diagnostics), "JSON if and only if there is no error");
    if let Some(text) = json {
        let complete = diagnostics.iter().all(|diagnostic| diagnostic.code != Code::Lost);
        reads_back(&text, complete);
    }
});

/// Asserts that what was printed is JSON, and that reading it gives the same JSON. Only where Avro's tools disagree
/// with themselves, which a warning has told, may it be refused.
fn reads_back(text: &str, complete: bool) {
    let mut reader = serde_json::Deserializer::from_str(text);
    reader.disable_recursion_limit();
    let value = serde_json::Value::deserialize(&mut reader).expect("JSON");
    reader.end().expect("nothing behind the JSON");
    // A list of types would be read as a union.
    if value.is_array() {
        return;
    }
    let path = if value.get("protocol").is_some() { "again.avpr" } else { "again.avsc" };
    let file = InputFile { path: path.to_owned(), bytes: text.as_bytes().to_vec() };
    let mut sources = Sources::default();
    let (again, diagnostics) = avro_json(file, &options(&[], &Other(b"")), &mut sources);
    check_diagnostics(&diagnostics, &sources);
    match again {
        Some(again) => assert_eq!(again, text),
        None => assert!(!complete, "cannot be read again: {diagnostics:#?}\n{text}"),
    }
}
