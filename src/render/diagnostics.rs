//! Diagnostics: in rustc's look for people, and as JSON.

use std::ops::Range;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use serde_json::{Value, json};

use super::Page;
use crate::diag::{Diagnostic, Label, Severity, SourceFile, Sources, Span};
use crate::text::clean;

/// So many are drawn: drawing one takes time in proportion to its lines, and nobody reads more.
const MOST: usize = 100;

/// A longer line is not drawn twice to show what a correction makes of it.
const LONGEST_PATCHED_LINE: usize = 240;

/// The diagnostics, one after the other, each ended by a blank line; of very many only the first, errors
/// before warnings.
pub fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources, page: &Page) -> String {
    let renderer = if page.color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(page.width);
    let mut text = String::new();
    let count = |severity| diagnostics.iter().filter(|d| d.severity() == severity).count();
    let errors = count(Severity::Error).min(MOST);
    let mut left = [errors, count(Severity::Warning).min(MOST - errors)];
    let shown = left[0] + left[1];
    for diagnostic in diagnostics {
        let left = &mut left[diagnostic.severity() as usize];
        if *left == 0 {
            continue;
        }
        *left -= 1;
        text.push_str(&renderer.render(&groups(diagnostic, sources)));
        text.push_str("\n\n");
    }
    if shown < diagnostics.len() {
        text.push_str(&format!("and {} more; `--format json` shows all\n\n", diagnostics.len() - shown));
    }
    text
}

/// Whether the lines that a correction changes are short enough to be read.
fn is_drawable(diagnostic: &Diagnostic, sources: &Sources) -> bool {
    diagnostic.fix.iter().all(|edit| {
        let text = sources.file(edit.span.file).text.as_bytes();
        let (before, after) = (&text[..edit.span.start as usize], &text[edit.span.end as usize..]);
        let length = |bytes: &mut dyn Iterator<Item = &u8>| {
            bytes.take(LONGEST_PATCHED_LINE).take_while(|byte| **byte != b'\n').count()
        };
        length(&mut before.iter().rev()) + length(&mut after.iter()) < LONGEST_PATCHED_LINE
    })
}

/// A correction of several edits is drawn as a patch below the last help; a single one, or one in a very long
/// line, is told by its words.
fn groups<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Vec<Group<'a>> {
    let (helps, patched) = match diagnostic.helps.split_last() {
        Some((last, others)) if diagnostic.fix.len() > 1 && is_drawable(diagnostic, sources) => {
            (others, Some(last))
        }
        _ => (&*diagnostic.helps, None),
    };
    let patch = patched.map(|help| {
        let file = sources.file(diagnostic.fix[0].span.file);
        let excerpt = Excerpt::new(file, diagnostic.fix.iter().map(|edit| edit.span));
        let patches =
            diagnostic.fix.iter().map(|edit| Patch::new(excerpt.range(edit.span), clean(&edit.text)));
        let snippet = Snippet::source(excerpt.text).line_start(excerpt.line);
        let snippet = snippet.path(clean(&file.path)).fold(true).patches(patches);
        Level::HELP.secondary_title(clean(help)).element(snippet)
    });
    std::iter::once(group(diagnostic, helps, sources)).chain(patch).collect()
}

fn group<'a>(diagnostic: &'a Diagnostic, helps: &'a [String], sources: &'a Sources) -> Group<'a> {
    let level = match diagnostic.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(clean(&diagnostic.message)).id(diagnostic.code.as_str());
    let mut files: Vec<crate::diag::FileId> = Vec::new();
    let labels: Vec<(&Label, AnnotationKind)> = diagnostic
        .primary
        .iter()
        .map(|label| (label, AnnotationKind::Primary))
        .chain(diagnostic.secondary.iter().map(|label| (label, AnnotationKind::Context)))
        .collect();
    for (label, _) in &labels {
        if !files.contains(&label.span.file) {
            files.push(label.span.file);
        }
    }
    let snippets = files.into_iter().map(|id| {
        let file = sources.file(id);
        let of_file = || labels.iter().filter(move |(label, _)| label.span.file == id);
        let excerpt = Excerpt::new(file, of_file().map(|(label, _)| label.span));
        let annotations =
            of_file().map(|(label, kind)| kind.span(excerpt.range(label.span)).label(clean(&label.text)));
        // A character that would act on the terminal is made visible by the renderer itself.
        Snippet::source(excerpt.text)
            .line_start(excerpt.line)
            .path(clean(&file.path))
            .fold(true)
            .annotations(annotations)
    });
    let mut group = title.elements(snippets);
    for help in helps {
        group = group.element(Level::HELP.message(clean(help)));
    }
    group
}

/// The lines of a file that matter. The renderer goes through all it is given, for each diagnostic anew.
struct Excerpt<'a> {
    text: &'a str,
    /// The byte of the file where it starts, and the number of its first line.
    start: usize,
    line: usize,
}

impl<'a> Excerpt<'a> {
    fn new(file: &'a SourceFile, spans: impl Iterator<Item = Span> + Clone) -> Self {
        let start = spans.clone().map(|span| span.start).min().unwrap_or_default();
        let end = spans.map(|span| span.end).max().unwrap_or_default();
        let (bytes, line) = file.lines_around(start, end);
        Self { text: file.text.get(bytes.clone()).unwrap_or_default(), start: bytes.start, line }
    }

    fn range(&self, span: Span) -> Range<usize> {
        span.start as usize - self.start..span.end as usize - self.start
    }
}

/// The diagnostics as JSON: lines and columns count from 1, bytes from 0 in the file; `end` is exclusive.
pub fn diagnostics_json(diagnostics: &[Diagnostic], sources: &Sources) -> Vec<Value> {
    diagnostics
        .iter()
        .map(|diagnostic| {
            let place = diagnostic.primary.as_ref().map(|label| label.span);
            json!({
                "code": diagnostic.code.as_str(),
                "severity": diagnostic.severity(),
                "summary": diagnostic.message,
                "file": place.map(|span| sources.file(span.file).path.as_str()),
                "start": place.map(|span| point(sources, span, span.start)),
                "end": place.map(|span| point(sources, span, span.end)),
                "labels": diagnostic.primary.iter().chain(&diagnostic.secondary)
                    .filter(|label| !label.text.is_empty())
                    .map(|label| json!({
                        "file": sources.file(label.span.file).path,
                        "start": point(sources, label.span, label.span.start),
                        "end": point(sources, label.span, label.span.end),
                        "text": label.text,
                    })).collect::<Vec<_>>(),
                "help": diagnostic.helps,
                "fix": (!diagnostic.fix.is_empty()).then(|| json!({
                    "edits": diagnostic.fix.iter().map(|edit| json!({
                        "file": sources.file(edit.span.file).path,
                        "start": point(sources, edit.span, edit.span.start),
                        "end": point(sources, edit.span, edit.span.end),
                        "text": edit.text,
                    })).collect::<Vec<_>>(),
                })),
            })
        })
        .collect()
}

fn point(sources: &Sources, span: Span, offset: u32) -> Value {
    let file = sources.file(span.file);
    let position = file.position(offset);
    let byte = file.first_byte.map(|first| first + offset);
    json!({"line": position.line, "column": position.column, "byte": byte})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Code;

    const PAGE: Page = Page { color: false, width: 80, unicode: false, verbose: false };

    #[test]
    fn of_very_many_diagnostics_the_first_errors_are_drawn_and_the_rest_is_counted() {
        let mut sources = Sources::default();
        let file = sources.add("a.avdl", "text");
        let at = |code, n: usize| Diagnostic::at(code, Span::new(file, 0, 4), format!("number {n}"), "");
        let mut all: Vec<Diagnostic> = (0..200).map(|n| at(Code::Lost, n)).collect();
        all.extend((200..290).map(|n| at(Code::Syntax, n)));
        let text = diagnostics(&all, &sources, &PAGE);
        assert_eq!(text.matches("error[").count(), 90);
        assert_eq!(text.matches("warning[").count(), 10);
        assert!(text.ends_with("and 190 more; `--format json` shows all\n\n"), "{text}");
    }

    #[test]
    fn a_correction_in_a_very_long_line_is_told_in_words() {
        for (blanks, drawn) in [(1, true), (300, false)] {
            let mut sources = Sources::default();
            let file = sources.add("a.avdl", format!("a b{}c", " ".repeat(blanks)));
            let diagnostic = Diagnostic::at(Code::Syntax, Span::new(file, 0, 1), "m", "")
                .with_help("swap them")
                .with_fix(Span::new(file, 0, 1), "b")
                .with_fix(Span::new(file, 2, 3), "a");
            let text = diagnostics(&[diagnostic], &sources, &PAGE);
            assert!(text.contains("swap them"));
            assert_eq!(text.contains("- a b"), drawn, "{text}");
        }
    }
}
