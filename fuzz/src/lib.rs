//! What the fuzz targets share: how an input is cut into files, and what holds of every diagnostic.

use bellwether::diag::{Diagnostic, Sources, Span};
use bellwether::render::{self, Page};
use bellwether::schema::{InputFile, LoadError, Loader, ParseOptions};

/// A line that separates the files of one input.
const SEPARATOR: &str = "\n%%\n";

/// The file that an input names by its first byte, and the parts behind it.
pub struct Input<'a> {
    /// `s` stands for .avsc, `p` for .avpr and anything else for .avdl.
    pub path: &'static str,
    /// The first part, without that byte.
    pub schema: &'a [u8],
    parts: Vec<&'a [u8]>,
}

impl<'a> Input<'a> {
    /// Cuts an input into its parts.
    pub fn new(data: &'a [u8]) -> Self {
        let (path, data) = match data.split_first() {
            Some((b's', rest)) => ("main.avsc", rest),
            Some((b'p', rest)) => ("main.avpr", rest),
            Some((_, rest)) => ("main.avdl", rest),
            None => ("main.avdl", data),
        };
        let mut parts = Vec::new();
        let mut rest = data;
        while let Some(at) = rest.windows(SEPARATOR.len()).position(|w| w == SEPARATOR.as_bytes()) {
            parts.push(&rest[..at]);
            rest = &rest[at + SEPARATOR.len()..];
        }
        parts.push(rest);
        Self { path, schema: parts.remove(0), parts }
    }

    /// The part of that number behind the first; empty if there is none.
    pub fn part(&self, number: usize) -> &'a [u8] {
        self.parts.get(number).copied().unwrap_or_default()
    }

    /// The first part as a file of a project.
    pub fn file(&self) -> InputFile {
        InputFile { path: self.path.to_owned(), bytes: self.schema.to_vec() }
    }
}

/// Gives one file, under a name for each format.
pub struct Other<'a>(pub &'a [u8]);

impl Loader for Other<'_> {
    fn load(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        match path {
            "other.avdl" | "other.avsc" | "other.avpr" | "lib/deep.avdl" => Ok(self.0.to_vec()),
            "lib/locked.avdl" => Err(LoadError::Other("permission denied".to_owned())),
            _ => Err(LoadError::NotFound),
        }
    }
}

/// Options that look for imports in `loader`, below its root and `lib`.
pub fn options<'a>(directories: &'a [String], loader: &'a Other<'a>) -> ParseOptions<'a> {
    ParseOptions { import_directories: directories, loader }
}

/// Asserts that each diagnostic points at characters of its file and can be shown.
pub fn check_diagnostics(diagnostics: &[Diagnostic], sources: &Sources) {
    for diagnostic in diagnostics {
        let labels = diagnostic.primary.iter().chain(&diagnostic.secondary).map(|label| label.span);
        for span in labels.chain(diagnostic.fix.iter().map(|edit| edit.span)) {
            check_span(span, sources, diagnostic);
        }
        assert!(!diagnostic.message.is_empty() && !diagnostic.message.ends_with('.'), "{diagnostic:?}");
    }
    // Drawing takes longer than all the rest, so each input has one width, by its number of diagnostics.
    let (width, color) = [(120, false), (40, true), (1, false)][diagnostics.len() % 3];
    let page = Page { color, width, ..Page::PLAIN };
    render::diagnostics(diagnostics, sources, &page);
    let json = render::diagnostics_json(diagnostics, sources);
    assert_eq!(json.len(), diagnostics.len());
}

fn check_span(Span { file, start, end }: Span, sources: &Sources, diagnostic: &Diagnostic) {
    let text = &sources.file(file).text;
    let inside = start <= end && text.get(start as usize..end as usize).is_some();
    assert!(inside, "{start}..{end} is no range of characters of its file: {diagnostic:?}");
}
