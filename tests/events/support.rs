//! Schemas from files in memory or on disk.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bellwether::diag::{Severity, Sources};
use bellwether::schema::{InputFile, LoadError, Loader, ParseOptions, SchemaSet, avro_json, parse_project};

/// Where imports come from.
pub struct Files {
    pub directory: PathBuf,
    pub memory: HashMap<String, Vec<u8>>,
}

impl Files {
    pub fn of(directory: impl AsRef<Path>) -> Self {
        Self { directory: directory.as_ref().to_owned(), memory: HashMap::new() }
    }
}

impl Loader for Files {
    fn load(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        match self.memory.get(path) {
            Some(bytes) => Ok(bytes.clone()),
            None => std::fs::read(self.directory.join(path)).map_err(|_| LoadError::NotFound),
        }
    }
}

/// The schemas of some files, if nothing is wrong with them.
pub fn schemas(inputs: Vec<(&str, Vec<u8>)>, files: &Files) -> Option<SchemaSet> {
    let directories = ["putOnClassPath".to_owned()];
    let options = ParseOptions { import_directories: &directories, loader: files };
    let inputs = inputs.into_iter().map(|(path, bytes)| InputFile { path: path.into(), bytes }).collect();
    let parsed = parse_project(inputs, &options, &mut Sources::default());
    parsed.diagnostics.iter().all(|d| d.severity() != Severity::Error).then_some(parsed.set)
}

/// The Avro JSON of one file, if nothing is wrong with it.
pub fn json(path: &str, bytes: Vec<u8>, files: &Files) -> Option<serde_json::Value> {
    let directories = ["putOnClassPath".to_owned()];
    let options = ParseOptions { import_directories: &directories, loader: files };
    let (text, _) = avro_json(InputFile { path: path.into(), bytes }, &options, &mut Sources::default());
    text.map(|text| serde_json::from_str(&text).unwrap())
}
