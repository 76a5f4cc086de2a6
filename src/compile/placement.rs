//! Annotations at places where they have no effect, and names that are most likely mistyped.

use crate::catalog::{Catalog, MODIFIERS, On};
use crate::diag::{Code, Diagnostic};
use crate::schema::{Annotation, Misplaced, Place, Record};

/// Reports what stands wrongly on a record, its protocol and its fields.
pub fn record(catalog: &Catalog, record: &Record, out: &mut Vec<Diagnostic>) {
    for annotation in record.protocol_annotations.iter() {
        if catalog.kind(&annotation.name).is_some() {
            let message = format!("`@{}` has no effect on a protocol", annotation.name);
            out.push(
                Diagnostic::at(Code::Misplaced, annotation.name_span, message, "")
                    .with_help("put it before each record it is meant for"),
            );
        }
        unknown(catalog, annotation, out);
    }
    duplicates(catalog, &record.annotations, out);
    for annotation in &record.annotations {
        if catalog.kind(&annotation.name).is_some_and(|kind| kind.on == On::Field) {
            let message = format!("`@{}` has no effect on a record", annotation.name);
            out.push(
                Diagnostic::at(Code::Misplaced, annotation.name_span, message, "")
                    .with_secondary(record.name_span, "this is a record")
                    .with_help("put it on the field whose values it counts"),
            );
        }
        unknown(catalog, annotation, out);
    }
    for field in &record.fields {
        duplicates(catalog, &field.annotations, out);
        for annotation in field.annotations.iter().chain(&field.type_annotations) {
            let on_record = catalog.kind(&annotation.name).is_some_and(|kind| kind.on == On::Record);
            if on_record || is_modifier(&annotation.name) {
                let message = format!("`@{}` has no effect on a field", annotation.name);
                out.push(
                    Diagnostic::at(Code::Misplaced, annotation.name_span, message, "")
                        .with_secondary(field.name_span, "this is a field")
                        .with_help(format!("put it before the record `{}`", record.name())),
                );
            }
            unknown(catalog, annotation, out);
        }
    }
}

/// Reports a known annotation at a place where none can have an effect.
pub fn misplaced(catalog: &Catalog, misplaced: &Misplaced, out: &mut Vec<Diagnostic>) {
    let annotation = &misplaced.annotation;
    let kind = catalog.kind(&annotation.name);
    if kind.is_none() && !is_modifier(&annotation.name) {
        unknown(catalog, annotation, out);
        return;
    }
    let place = match misplaced.place {
        Place::Enum => "an enum",
        Place::EnumSymbol => "an enum's symbol",
        Place::Fixed => "a fixed type",
        Place::Message => "a message",
        Place::Parameter => "a message's parameter",
        Place::Union => "a union",
        Place::InnerType => "a type inside another",
        Place::MainSchema => "the main schema",
    };
    let message = format!("`@{}` has no effect on {place}", annotation.name);
    let mut diagnostic = Diagnostic::at(Code::Misplaced, annotation.name_span, message, "");
    if let Some((name, span)) = &misplaced.subject {
        diagnostic = diagnostic.with_secondary(*span, format!("`{name}` is {place}"));
    }
    let help = match (kind.map(|kind| kind.on), misplaced.place) {
        (Some(On::Field), _) => "put it on the field whose values it counts, between its type and its name",
        (_, Place::Enum | Place::Fixed) => "did you mean the record that follows?",
        _ => "put it before the record it is meant for",
    };
    out.push(diagnostic.with_help(help));
}

fn is_modifier(name: &str) -> bool {
    MODIFIERS.iter().any(|modifier| modifier.name == name)
}

fn unknown(catalog: &Catalog, annotation: &Annotation, out: &mut Vec<Diagnostic>) {
    let name = annotation.name.as_str();
    if catalog.kind(name).is_some() || is_modifier(name) {
        return;
    }
    if let Some(meant) = catalog.closest(name) {
        let message = format!("unknown annotation `@{name}`");
        out.push(
            Diagnostic::at(Code::UnknownAnnotation, annotation.name_span, message, "")
                .with_help(format!("did you mean `@{meant}`?"))
                .with_fix(annotation.name_span, meant),
        );
    }
}

fn duplicates(catalog: &Catalog, annotations: &[Annotation], out: &mut Vec<Diagnostic>) {
    for (index, annotation) in annotations.iter().enumerate() {
        let known = catalog.kind(&annotation.name).is_some() || is_modifier(&annotation.name);
        let first = annotations[..index].iter().find(|first| first.name == annotation.name);
        if let Some(first) = first.filter(|_| known) {
            let message = format!("`@{}` is given twice", annotation.name);
            let help = if is_modifier(&annotation.name) {
                "keep one"
            } else {
                "give one annotation a list: [{\"id\": \"day\", …}, {\"id\": \"night\", …}]"
            };
            out.push(
                Diagnostic::at(Code::DuplicateAnnotation, annotation.name_span, message, "again here")
                    .with_secondary(first.name_span, "first here")
                    .with_help(help),
            );
        }
    }
}
