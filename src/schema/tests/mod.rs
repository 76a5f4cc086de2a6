//! What the front end promises as a whole, told with small files.

mod annotations;
mod habits;
mod imports;
mod json_files;
mod logical;
mod meaning;
mod recovery;

use std::collections::HashMap;

use super::{InputFile, LoadError, Loader, ParseOptions, Parsed, avro_json, parse_project};
use crate::diag::{Code, Diagnostic, Sources, Span};

/// Files that are not part of the project.
struct Files(HashMap<&'static str, &'static str>);

impl Loader for Files {
    fn load(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        self.0.get(path).map(|text| text.as_bytes().to_vec()).ok_or(LoadError::NotFound)
    }
}

struct Outcome {
    parsed: Parsed,
    sources: Sources,
}

fn input(path: &str, text: &str) -> InputFile {
    InputFile { path: path.into(), bytes: text.into() }
}

fn parse_with(files: &[(&str, &str)], others: &[(&'static str, &'static str)], imports: &[&str]) -> Outcome {
    let loader = Files(others.iter().copied().collect());
    let directories: Vec<String> = imports.iter().map(|&d| d.to_owned()).collect();
    let options = ParseOptions { import_directories: &directories, loader: &loader };
    let mut sources = Sources::default();
    let files = files.iter().map(|(path, text)| input(path, text)).collect();
    let parsed = parse_project(files, &options, &mut sources);
    Outcome { parsed, sources }
}

fn parse(text: &str) -> Outcome {
    parse_with(&[("a.avdl", text)], &[], &[])
}

fn json(path: &str, text: &str) -> Result<serde_json::Value, Vec<Diagnostic>> {
    let loader = Files(HashMap::new());
    let options = ParseOptions { import_directories: &[], loader: &loader };
    let (json, diagnostics) = avro_json(input(path, text), &options, &mut Sources::default());
    json.map(|text| serde_json::from_str(&text).expect("JSON")).ok_or(diagnostics)
}

impl Outcome {
    fn text(&self, span: Span) -> &str {
        self.sources.text(span)
    }

    fn codes(&self) -> Vec<Code> {
        self.parsed.diagnostics.iter().map(|d| d.code).collect()
    }

    /// Each diagnostic as `line:column code message`.
    fn lines(&self) -> Vec<String> {
        let line = |d: &Diagnostic| {
            let at = d.primary.as_ref().map(|label| self.sources.position(label.span)).expect("a place");
            format!("{}:{} {} {}", at.line, at.column, d.code, d.message)
        };
        self.parsed.diagnostics.iter().map(line).collect()
    }

    fn records(&self) -> Vec<&str> {
        self.parsed.set.records().map(|record| record.full_name.as_str()).collect()
    }
}
