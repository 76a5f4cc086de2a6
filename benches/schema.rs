//! The Avro front end: IDL, the same content as JSON protocols, and `serde_json` on those bytes for comparison.
//!
//! `cargo bench --bench schema`; docs/benchmarks.md has the figures. What is read is in memory, and what comes of
//! it is dropped outside the measured time.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has to stop")]

mod support;

use std::fmt;

use bellwether::diag::Sources;
use bellwether::schema::{
    InputFile, LoadError, Loader, ParseOptions, Parsed, avro_json as to_json, parse_project,
};
use divan::Bencher;
use divan::counter::BytesCount;
use support::{RECORDS_PER_FILE, idl_files};

fn main() {
    divan::main();
}

/// Files of the same content in both formats.
struct Content {
    name: &'static str,
    idl: Vec<InputFile>,
    json: Vec<InputFile>,
}

impl Content {
    fn new(name: &'static str, files: usize, records_per_file: usize) -> Self {
        // Eight records have twenty monitors.
        let monitors = files * records_per_file * 20 / 8;
        let idl: Vec<InputFile> = idl_files(monitors, records_per_file)
            .into_iter()
            .map(|(path, text)| InputFile { path, bytes: text.into_bytes() })
            .collect();
        let as_json = |file: &InputFile| {
            let (text, _) = to_json(file.clone(), &options(), &mut Sources::default());
            InputFile { path: file.path.replace(".avdl", ".avpr"), bytes: text.unwrap().into_bytes() }
        };
        let json = idl.iter().map(as_json).collect();
        Self { name, idl, json }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// One file is read on one core.
fn one_file() -> [Content; 2] {
    [Content::new("usual file", 1, RECORDS_PER_FILE), Content::new("large file", 1, 1_600)]
}

/// Many files are read on all cores.
fn many_files() -> [Content; 2] {
    [Content::new("200 files", 200, RECORDS_PER_FILE), Content::new("2,000 files", 2_000, RECORDS_PER_FILE)]
}

struct Nothing;

impl Loader for Nothing {
    fn load(&self, _: &str) -> Result<Vec<u8>, LoadError> {
        Err(LoadError::NotFound)
    }
}

fn options() -> ParseOptions<'static> {
    ParseOptions { import_directories: &[], loader: &Nothing }
}

fn bytes(files: &[InputFile]) -> BytesCount {
    BytesCount::new(files.iter().map(|file| file.bytes.len()).sum::<usize>())
}

fn parse(bencher: Bencher, files: &[InputFile]) {
    bencher.counter(bytes(files)).with_inputs(|| files.to_vec()).bench_values(|files| -> (Parsed, Sources) {
        let mut sources = Sources::default();
        let parsed = parse_project(files, &options(), &mut sources);
        assert_eq!(parsed.diagnostics, []);
        (parsed, sources)
    });
}

#[divan::bench(args = one_file(), sample_count = 100)]
fn idl(bencher: Bencher, content: &Content) {
    parse(bencher, &content.idl);
}

#[divan::bench(args = one_file(), sample_count = 100)]
fn avpr(bencher: Bencher, content: &Content) {
    parse(bencher, &content.json);
}

#[divan::bench(args = one_file(), sample_count = 100)]
fn serde_json_value(bencher: Bencher, content: &Content) {
    let [file] = content.json.as_slice() else { panic!("one file") };
    let parse = || serde_json::from_slice::<serde_json::Value>(&file.bytes).unwrap();
    bencher.counter(bytes(&content.json)).bench(parse);
}

#[divan::bench(args = many_files(), sample_count = 20, sample_size = 1)]
fn idl_all_cores(bencher: Bencher, content: &Content) {
    parse(bencher, &content.idl);
}

#[divan::bench(args = many_files(), sample_count = 20, sample_size = 1)]
fn avpr_all_cores(bencher: Bencher, content: &Content) {
    parse(bencher, &content.json);
}
