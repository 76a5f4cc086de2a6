//! Annotations in IDL: `@name(value)`, and the places where they mean nothing to bellwether.

use super::Parser;
use crate::diag::{Code, Diagnostic, Span};
use crate::schema::cursor::Reported;
use crate::schema::ir::{Kind, Type};
use crate::schema::json;
use crate::schema::lexer::TokenKind;
use crate::schema::model::{Annotation, Misplaced, Place};

impl Parser<'_> {
    pub(super) fn annotations(&mut self) -> Result<Vec<Annotation>, Reported> {
        let mut annotations = Vec::new();
        while self.cursor.at(TokenKind::At) {
            let annotation = self.annotation()?;
            // Most places have one; the vector's own first step would reserve four.
            if annotations.is_empty() {
                annotations.reserve_exact(1);
            }
            annotations.push(annotation);
        }
        Ok(annotations)
    }

    /// The annotations before a declaration, a message or a field.
    pub(super) fn leading_annotations(&mut self) -> Result<Vec<Annotation>, Reported> {
        let mut annotations = self.annotations()?;
        while self.lacks_at() {
            annotations.push(self.annotation_without_at()?);
            annotations.append(&mut self.annotations()?);
        }
        Ok(annotations)
    }

    fn annotation(&mut self) -> Result<Annotation, Reported> {
        let at = self.cursor.bump();
        self.named_annotation(at.start)
    }

    /// An annotation from its name on; it starts at the byte `start`.
    pub(super) fn named_annotation(&mut self, start: u32) -> Result<Annotation, Reported> {
        let name = self.name("the name of an annotation")?;
        if !self.cursor.at(TokenKind::LParen) {
            return Err(self.no_value(&name.text, start));
        }
        self.cursor.bump();
        if self.cursor.at(TokenKind::RParen) {
            let message = format!("`@{}()` has no value", name.text);
            let span = self.cursor.span_from(start).to(self.cursor.here());
            let diagnostic =
                Diagnostic::at(Code::Syntax, span, message, "").with_help(value_help(&name.text));
            return Err(self.cursor.report(diagnostic));
        }
        let value = json::value(&mut self.cursor)?;
        if !self.cursor.eat(TokenKind::RParen) {
            return Err(self.no_end(&value));
        }
        let span = self.cursor.span_from(start);
        Ok(Annotation { name: name.text, name_span: name.span, value, span, lost: None })
    }

    #[cold]
    fn no_end(&mut self, value: &json::Node) -> Reported {
        let what = "`)` after the value of the annotation";
        if !self.cursor.at(TokenKind::Comma) {
            return self.cursor.missing(")", what);
        }
        let written = self.cursor.slice(value.span);
        let written = if written.len() < 40 { written } else { "…" };
        self.cursor.expected_with(what, |diagnostic| {
            diagnostic.with_help(format!("an annotation has one value; several are a list: `[{written}, …]`"))
        })
    }

    #[cold]
    fn no_value(&mut self, name: &str, start: u32) -> Reported {
        if self.cursor.at(TokenKind::Colon) {
            return self.cursor.expected_with("`(` after the name of the annotation", |diagnostic| {
                diagnostic.with_help("names with `:` can be written in .avsc files only")
            });
        }
        if self.cursor.at(TokenKind::Error) {
            return Reported;
        }
        let glued = matches!(self.cursor.kind(0), TokenKind::Int | TokenKind::Float);
        if glued {
            return self.cursor.expected("`(` after the name of the annotation");
        }
        let span = self.cursor.span_from(start);
        let equals = usize::from(self.cursor.at(TokenKind::Equals));
        if matches!(self.cursor.kind(equals), TokenKind::String | TokenKind::Int) {
            let value = self.cursor.span(self.cursor.peek(equals));
            let message = "the value of an annotation stands in parentheses";
            let help = format!("write `@{name}({})`", self.cursor.slice(value));
            let behind = Span::new(value.file, value.end, value.end);
            let diagnostic = Diagnostic::at(Code::Syntax, value, message, "")
                .with_help(help)
                .with_fix(Span::new(value.file, span.end, value.start), "(")
                .with_fix(behind, ")");
            return self.cursor.report(diagnostic);
        }
        let message = format!("`@{name}` has no value");
        self.cursor.report(Diagnostic::at(Code::Syntax, span, message, "").with_help(value_help(name)))
    }

    /// Notes the annotations in and on a type that nobody will look for there. `own` is the place of the
    /// type's own annotations, `None` if they are the field's; `inner` that of types inside it.
    pub(super) fn misplaced_in(
        &mut self,
        schema: &Type,
        own: Option<Place>,
        inner: Place,
        subject: Option<(&str, Span)>,
    ) {
        misplaced_in(&mut self.misplaced, schema, own, inner, subject);
    }

    /// Notes annotations that stand on something that is no event.
    pub(super) fn misplace(
        &mut self,
        annotations: &[Annotation],
        place: Place,
        subject: Option<(&str, Span)>,
    ) {
        push(&mut self.misplaced, annotations, place, subject);
    }
}

fn value_help(name: &str) -> String {
    format!("Avro annotations need a value: write `@{name}({{}})` for no parameters, or `@{name}(true)`")
}

fn push(
    misplaced: &mut Vec<Misplaced>,
    annotations: &[Annotation],
    place: Place,
    subject: Option<(&str, Span)>,
) {
    misplaced.extend(annotations.iter().map(|annotation| Misplaced {
        annotation: annotation.clone(),
        place,
        subject: subject.map(|(name, span)| (name.to_owned(), span)),
    }));
}

/// See [`Parser::misplaced_in`]; the readers of JSON use it too.
pub(in crate::schema) fn misplaced_in(
    misplaced: &mut Vec<Misplaced>,
    schema: &Type,
    own: Option<Place>,
    inner: Place,
    subject: Option<(&str, Span)>,
) {
    match (&schema.kind, own) {
        (Kind::Union(_), None) => push(misplaced, &schema.properties, Place::Union, subject),
        (Kind::Union(_), Some(Place::InnerType | Place::MainSchema)) => {
            push(misplaced, &schema.properties, Place::Union, subject);
        }
        (_, Some(place)) => push(misplaced, &schema.properties, place, subject),
        (_, None) => {}
    }
    // `T?` is one type with one place; any other type inside is a place of its own.
    let inside = if matches!(schema.kind, Kind::Optional(_)) { own } else { Some(inner) };
    for child in schema.children() {
        misplaced_in(misplaced, child, inside, inner, subject);
    }
}
