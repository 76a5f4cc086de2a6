//! The files of a project and those they import, each read once.
//!
//! Reaches the outside only through [`Loader`]. Knows paths and the order of files, not what is declared.

use std::collections::HashMap;
use std::sync::Arc;

use super::ir::{self, Format, Import, Item};
use super::source::{self, Decoded, Undecodable};
use super::{avro_json, idl};
use crate::diag::{self, Code, Diagnostic, FileId, Sources, Span};
use crate::parallel::in_parts;

/// One file as found by the reader of the project.
#[derive(Debug, Clone)]
pub struct InputFile {
    /// Relative to the project, with `/`.
    pub path: String,
    /// The content, not decoded yet.
    pub bytes: Vec<u8>,
}

/// Gives the content of imported files that are not among the project's schemas.
pub trait Loader {
    /// The bytes at `path`, which is normalised, relative to the project and with `/`; it starts with `../`
    /// or `/` only if it leaves the project.
    ///
    /// # Errors
    ///
    /// When there is no such file, or it cannot be read.
    fn load(&self, path: &str) -> Result<Vec<u8>, LoadError>;
}

/// Why a file cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// There is no such file; other directories may have it.
    #[error("there is no such file")]
    NotFound,
    /// It is there, but cannot be read.
    #[error("{0}")]
    Other(String),
}

/// What parsing needs besides the files.
#[derive(Clone, Copy)]
pub struct ParseOptions<'a> {
    /// Where imports are looked up after the importing file's own directory.
    pub import_directories: &'a [String],
    /// Gives imported files.
    pub loader: &'a dyn Loader,
}

/// All files that were read.
pub(super) struct Project {
    /// First the given files in order, then imported ones in the order in which they were met.
    pub files: Vec<ir::File>,
    /// For each file, the files that its imports name, in order; `None` where there is none.
    pub imports: Vec<Vec<Option<usize>>>,
    pub diagnostics: Vec<Diagnostic>,
    /// Whether declarations may be missing.
    pub incomplete: bool,
}

struct Reading<'a, 'b> {
    options: &'a ParseOptions<'b>,
    sources: &'a mut Sources,
    project: Project,
    /// The text of each path; `None` if there is no readable one.
    texts: HashMap<String, Option<FileId>>,
    known: HashMap<(String, Format), usize>,
    paths: Vec<String>,
}

/// Reads the files and everything they import.
pub(super) fn read(files: Vec<InputFile>, options: &ParseOptions<'_>, sources: &mut Sources) -> Project {
    let project =
        Project { files: Vec::new(), imports: Vec::new(), diagnostics: Vec::new(), incomplete: false };
    let mut reading = Reading {
        options,
        sources,
        project,
        texts: HashMap::new(),
        known: HashMap::new(),
        paths: Vec::new(),
    };
    // All given files are decoded first, so that an import finds them without asking the loader.
    let mut roots = Vec::new();
    for file in files {
        let path = normalise("", &file.path);
        if !reading.texts.contains_key(&path) {
            reading.decode(&path, file.bytes);
            roots.push(path);
        }
    }
    // To parse a file takes no other file, so that the given ones are parsed at the same time.
    let given: Vec<(String, Format, FileId, Arc<str>)> = roots
        .into_iter()
        .filter_map(|path| {
            let id = reading.texts.get(&path).copied().flatten()?;
            let text = Arc::clone(&reading.sources.file(id).text);
            Some((path.clone(), format_of(&path), id, text))
        })
        .collect();
    let parse_all = |files: &[(String, Format, FileId, Arc<str>)]| -> Vec<_> {
        files.iter().map(|(_, format, id, text)| parse(*id, text, *format)).collect()
    };
    let parsed = in_parts(&given, parse_all).into_iter().flatten();
    for ((path, format, ..), (file, diagnostics)) in given.iter().zip(parsed) {
        reading.add(path, *format, file, diagnostics);
    }
    let mut next = 0;
    // Files are appended while their importers are worked through, so chains need no recursion.
    while next < reading.project.files.len() {
        reading.follow(next);
        next += 1;
    }
    reading.project
}

fn parse(id: FileId, text: &str, format: Format) -> (ir::File, Vec<Diagnostic>) {
    match format {
        Format::Idl => idl::parse(id, text),
        _ => avro_json::parse(id, text, format),
    }
}

fn format_of(path: &str) -> Format {
    Format::of_extension(path).unwrap_or(Format::Idl)
}

impl Reading<'_, '_> {
    fn decode(&mut self, path: &str, bytes: Vec<u8>) {
        let id = match source::decode(bytes) {
            Ok(Decoded { text, first_byte }) => Some(self.sources.add_decoded(path, text, first_byte)),
            Err(Undecodable { reason, text, offset }) => {
                let id = self.sources.add(path, text);
                let end = self.sources.file(id).text.len() as u32;
                let span = Span::new(id, offset as u32, end);
                self.project.diagnostics.push(Diagnostic::at(Code::Unreadable, span, reason, ""));
                self.project.incomplete = true;
                None
            }
        };
        self.texts.insert(path.to_owned(), id);
    }

    /// Parses a decoded file, once for each format that imports say it has.
    fn file(&mut self, path: &str, (format, said): (Format, Span)) -> Option<usize> {
        let key = (path.to_owned(), format);
        if let Some(index) = self.known.get(&key) {
            return Some(*index);
        }
        let id = self.texts.get(path).copied().flatten()?;
        let text = self.sources.file(id).text.clone();
        let (file, mut diagnostics) = parse(id, &text, format);
        // The mistake is in the import, not in the file.
        if let Some(other) = Format::of_extension(path).filter(|other| *other != format)
            && diag::has_errors(&diagnostics)
        {
            let word = other.word();
            let message = format!("`{path}` is imported as `{}`, and cannot be read as such", format.word());
            let diagnostic = Diagnostic::at(Code::Import, said, message, "")
                .with_help(format!("write `import {word}`"))
                .with_fix(said, word);
            diagnostics = vec![diagnostic];
            self.project.incomplete = true;
        }
        Some(self.add(path, format, file, diagnostics))
    }

    fn add(&mut self, path: &str, format: Format, file: ir::File, mut diagnostics: Vec<Diagnostic>) -> usize {
        let index = self.project.files.len();
        self.project.incomplete |= file.incomplete;
        self.project.diagnostics.append(&mut diagnostics);
        self.project.files.push(file);
        self.project.imports.push(Vec::new());
        self.paths.push(path.to_owned());
        self.known.insert((path.to_owned(), format), index);
        index
    }

    fn follow(&mut self, importer: usize) {
        let Some(file) = self.project.files.get(importer) else { return };
        let imports: Vec<(Format, Span, String, Span)> = file
            .items
            .iter()
            .filter_map(|item| match item {
                Item::Import(Import { format, format_span, path, span }) => {
                    Some((*format, *format_span, path.clone(), *span))
                }
                _ => None,
            })
            .collect();
        for (format, format_span, path, span) in imports {
            let target = self.import(importer, (format, format_span), &path, span);
            self.project.incomplete |= target.is_none();
            if let Some(targets) = self.project.imports.get_mut(importer) {
                targets.push(target);
            }
        }
    }

    fn import(
        &mut self,
        importer: usize,
        format: (Format, Span),
        written: &str,
        span: Span,
    ) -> Option<usize> {
        let path = match from_uri(written) {
            Ok(path) => path,
            Err(Uri { message, help, fix }) => {
                let mut diagnostic = Diagnostic::at(Code::Import, span, message, "").with_help(help);
                if let Some(fix) = fix {
                    diagnostic = diagnostic.with_fix(span, format!("\"{fix}\""));
                }
                self.project.diagnostics.push(diagnostic);
                return None;
            }
        };
        let own = self.paths.get(importer).map(|path| directory(path).to_owned()).unwrap_or_default();
        let mut tried = Vec::new();
        for base in
            std::iter::once(own.as_str()).chain(self.options.import_directories.iter().map(String::as_str))
        {
            let candidate = normalise(base, &path);
            if tried.contains(&candidate) {
                continue;
            }
            if !self.texts.contains_key(&candidate) {
                match self.options.loader.load(&candidate) {
                    Ok(bytes) => self.decode(&candidate, bytes),
                    Err(LoadError::NotFound) => {
                        tried.push(candidate);
                        continue;
                    }
                    Err(LoadError::Other(reason)) => {
                        let message = format!("cannot read `{candidate}`: {reason}");
                        self.project.diagnostics.push(Diagnostic::at(Code::Unreadable, span, message, ""));
                        return None;
                    }
                }
            }
            return self.file(&candidate, format);
        }
        let message = format!("there is no file `{path}` to import");
        let help = format!("looked for {}", tried.join(", "));
        let mut diagnostic = Diagnostic::at(Code::Import, span, message, "").with_help(help);
        if !path.rsplit('/').next().unwrap_or_default().contains('.') {
            diagnostic = diagnostic.with_help("the extension is part of the path, as in `common.avdl`");
        }
        self.project.diagnostics.push(diagnostic);
        None
    }
}

fn directory(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(directory, _)| directory)
}

/// Joins a path to a directory and resolves `.` and `..` by text alone, as URIs do.
fn normalise(base: &str, path: &str) -> String {
    let base = if path.starts_with('/') { "" } else { base };
    let absolute = path.starts_with('/') || base.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if absolute => {}
            _ => parts.push(part),
        }
    }
    format!("{}{}", if absolute { "/" } else { "" }, parts.join("/"))
}

struct Uri {
    message: String,
    help: String,
    fix: Option<String>,
}

/// The path of an import is a URI reference.
fn from_uri(written: &str) -> Result<String, Uri> {
    if written.is_empty() {
        return Err(Uri { message: "the path is empty".into(), help: "name a file".into(), fix: None });
    }
    if let Some((scheme, _)) = written.split_once(':')
        && !scheme.contains('/')
    {
        return Err(Uri {
            message: format!("`{scheme}:` paths cannot be imported"),
            help: "write a path relative to this file or to a directory of `imports`".into(),
            fix: None,
        });
    }
    if let Some(bad) =
        written.chars().find(|c| c.is_whitespace() || c.is_control() || "\"<>\\^`{|}".contains(*c))
    {
        let (help, fix) = match bad {
            '\\' => ("separate directories with `/`".to_owned(), Some(written.replace('\\', "/"))),
            ' ' => ("write `%20` for a blank".to_owned(), Some(written.replace(' ', "%20"))),
            _ => ("write it as `%` and two hexadecimal digits".to_owned(), None),
        };
        let message = match bad {
            ' ' => "the path of an import is a URI, which has no blanks".to_owned(),
            _ => format!("the path of an import is a URI, which has no `{}`", bad.escape_debug()),
        };
        return Err(Uri { message, help, fix });
    }
    let mut bytes = Vec::with_capacity(written.len());
    let mut pieces = written.split('%');
    bytes.extend_from_slice(pieces.next().unwrap_or_default().as_bytes());
    for piece in pieces {
        let digits = piece.get(..2).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(byte) = byte else {
            return Err(Uri {
                message: "`%` must be followed by two hexadecimal digits".into(),
                help: "write `%25` for a percent sign".into(),
                fix: None,
            });
        };
        bytes.push(byte);
        bytes.extend_from_slice(piece.get(2..).unwrap_or_default().as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| Uri {
        message: "the path is not UTF-8 once its `%` escapes are resolved".into(),
        help: "write the characters themselves".into(),
        fix: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_by_text() {
        assert_eq!(normalise("a/b", "../c.avdl"), "a/c.avdl");
        assert_eq!(normalise("", "sub/../c.avdl"), "c.avdl");
        assert_eq!(normalise("a", "../../c.avdl"), "../c.avdl");
        assert_eq!(normalise("a", "/x/./c.avdl"), "/x/c.avdl");
        assert_eq!(normalise("./a", "c.avdl"), "a/c.avdl");
    }

    #[test]
    fn an_import_is_a_uri() {
        assert_eq!(from_uri("a%20b.avdl").ok().as_deref(), Some("a b.avdl"));
        assert_eq!(from_uri("a b.avdl").err().and_then(|e| e.fix).as_deref(), Some("a%20b.avdl"));
        for bad in ["", "a%2", "a%zz", "file:///a", "%ff", "a\\b"] {
            assert!(from_uri(bad).is_err(), "{bad}");
        }
    }
}
