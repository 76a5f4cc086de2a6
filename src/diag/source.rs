//! Source files held in memory, and positions in them.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Names one file of a [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A half-open range of bytes in one file. It always lies on character boundaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The range `start..end` of `file`.
    pub fn new(file: FileId, start: u32, end: u32) -> Self {
        Self { file, start, end }
    }

    /// The smallest span that covers both; `other` must lie in the same file.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { file: self.file, start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A line and a column, both counted from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Position {
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

/// One file as text.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// The path as shown to users: relative to the project, with `/`.
    pub path: String,
    /// The content, decoded to UTF-8.
    pub text: Arc<str>,
    /// The byte of the file where `text` starts, behind a byte order mark. `None` if the file is not UTF-8:
    /// then bytes of `text` are not bytes of the file.
    pub first_byte: Option<u32>,
    /// Made when first needed: most files have nothing to say about them.
    index: OnceLock<Index>,
}

/// Where lines and characters start.
#[derive(Debug, Clone)]
struct Index {
    lines: Vec<u32>,
    /// How many characters start before each block, so that a column in a long line needs no search.
    characters: Vec<u32>,
}

/// The bytes of a block of [`Index::characters`].
const BLOCK: usize = 1024;

/// How many characters start in these bytes of UTF-8.
fn characters(bytes: &[u8]) -> u32 {
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count() as u32
}

impl Index {
    fn new(text: &str) -> Self {
        // Files above 4 GiB are refused before they get here (`project::files` caps a file's size).
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = std::iter::once(0).chain(breaks.map(|(at, _)| at as u32 + 1)).collect();
        let blocks = text.as_bytes().chunks(BLOCK).scan(0, |sum, block| {
            *sum += characters(block);
            Some(*sum)
        });
        Self { lines, characters: std::iter::once(0).chain(blocks).collect() }
    }
}

impl SourceFile {
    fn new(path: String, text: Arc<str>, first_byte: Option<u32>) -> Self {
        Self { path, text, first_byte, index: OnceLock::new() }
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| Index::new(&self.text))
    }

    fn line_starts(&self) -> &[u32] {
        &self.index().lines
    }

    /// How the lines of this file end, as the first one tells.
    pub fn newline(&self) -> &'static str {
        let first = self.text.find('\n').and_then(|at| self.text.get(..at));
        if first.is_some_and(|line| line.ends_with('\r')) { "\r\n" } else { "\n" }
    }

    /// The position of a byte offset; offsets past the end give the end.
    pub fn position(&self, offset: u32) -> Position {
        let offset = (offset as usize).min(self.text.len());
        let line_starts = self.line_starts();
        let line = line_starts.partition_point(|start| *start as usize <= offset) - 1;
        let start = line_starts[line] as usize;
        let column = self.characters_before(offset) - self.characters_before(start);
        Position { line: line as u32 + 1, column: column + 1 }
    }

    fn characters_before(&self, offset: usize) -> u32 {
        let block = offset / BLOCK;
        self.index().characters[block] + characters(&self.text.as_bytes()[block * BLOCK..offset])
    }

    /// The lines of `start..end` and one on either side: their bytes, and the number of the first.
    pub fn lines_around(&self, start: u32, end: u32) -> (Range<usize>, usize) {
        let starts = self.line_starts();
        let line = |offset: u32| starts.partition_point(|line| *line <= offset).saturating_sub(1);
        let first = line(start).saturating_sub(1);
        let byte = |line: usize| starts.get(line).map_or(self.text.len(), |start| *start as usize);
        (byte(first)..byte(line(end) + 2), first + 1)
    }
}

/// All files of one run, in the order in which they were read.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    files: Vec<SourceFile>,
}

impl Sources {
    /// Adds a file whose bytes are `text`, and names it.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<Arc<str>>) -> FileId {
        self.add_decoded(path, text, Some(0))
    }

    /// Adds a file that was decoded to `text`; see [`SourceFile::first_byte`].
    pub fn add_decoded(
        &mut self,
        path: impl Into<String>,
        text: impl Into<Arc<str>>,
        first_byte: Option<u32>,
    ) -> FileId {
        let id = FileId(self.files.len() as u32);
        self.files.push(SourceFile::new(path.into(), text.into(), first_byte));
        id
    }

    /// The file of that name.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// The text of a span.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Where a span starts.
    pub fn position(&self, span: Span) -> Position {
        self.file(span.file).position(span.start)
    }

    /// `path:line` of a span's start.
    pub fn file_line(&self, span: Span) -> String {
        format!("{}:{}", self.file(span.file).path, self.position(span).line)
    }

    /// The paths of all files, in the order in which they were read.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.path.as_str())
    }

    /// How many files there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_in_a_long_line_count_all_its_characters() {
        let mut sources = Sources::default();
        let file = sources.add("a.avdl", format!("x\n{}", "äb".repeat(5000)));
        assert_eq!(sources.file(file).position(2 + 3 * 4000), Position { line: 2, column: 8001 });
        assert_eq!(sources.file(file).position(u32::MAX), Position { line: 2, column: 10_001 });
    }

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let mut sources = Sources::default();
        let file = sources.add("a.avdl", "ä b\nsecond");
        let at = |offset| sources.file(file).position(offset);
        assert_eq!(at(0), Position { line: 1, column: 1 });
        assert_eq!(at(3), Position { line: 1, column: 3 });
        assert_eq!(at(5), Position { line: 2, column: 1 });
        assert_eq!(at(999), Position { line: 2, column: 7 });
    }

    #[test]
    fn lines_come_with_a_neighbour_on_either_side() {
        let mut sources = Sources::default();
        let file = sources.add("a.avdl", "1\n2\n3\n4\n5\n");
        let around = |start, end| sources.file(file).lines_around(start, end);
        assert_eq!(around(4, 5), (2..8, 2));
        assert_eq!(around(0, 1), (0..4, 1));
        assert_eq!(around(10, 10), (8..10, 5));
    }
}
