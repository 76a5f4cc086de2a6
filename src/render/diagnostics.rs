//! Diagnostics: in rustc's look for people, and as JSON.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use serde_json::{Value, json};

use super::Page;
use crate::diag::{Diagnostic, Label, Severity, Sources, Span};
use crate::text::clean;

/// All diagnostics, one after the other, each ended by a blank line.
pub fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources, page: &Page) -> String {
    let renderer = if page.color { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Ascii).term_width(page.width);
    let mut text = String::new();
    for diagnostic in diagnostics {
        text.push_str(&renderer.render(&groups(diagnostic, sources)));
        text.push_str("\n\n");
    }
    text
}

/// A correction of several edits is drawn as a patch below the last help; a single one is told by its words.
fn groups<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Vec<Group<'a>> {
    let (helps, patched) = match diagnostic.helps.split_last() {
        Some((last, others)) if diagnostic.fix.len() > 1 => (others, Some(last)),
        _ => (&*diagnostic.helps, None),
    };
    let patch = patched.map(|help| {
        let file = sources.file(diagnostic.fix[0].span.file);
        let patches = diagnostic.fix.iter().map(|edit| Patch::new(range(edit.span), clean(&edit.text)));
        let snippet = Snippet::source(&*file.text).path(clean(&file.path)).fold(true).patches(patches);
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
        let of_file = labels.iter().filter(|(label, _)| label.span.file == id);
        // A character that would act on the terminal is made visible by the renderer itself.
        Snippet::source(&*file.text)
            .path(clean(&file.path))
            .fold(true)
            .annotations(of_file.map(|(label, kind)| kind.span(range(label.span)).label(clean(&label.text))))
    });
    let mut group = title.elements(snippets);
    for help in helps {
        group = group.element(Level::HELP.message(clean(help)));
    }
    group
}

fn range(span: Span) -> std::ops::Range<usize> {
    span.start as usize..span.end as usize
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
