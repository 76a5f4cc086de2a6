//! Annotations at places where they have no effect, and names that are most likely mistyped.

use std::collections::{BTreeMap, HashSet};

use crate::catalog::{Builds, Catalog, MODIFIERS, On};
use crate::diag::{self, Code, Diagnostic, Sources, Span};
use crate::schema::{Annotation, Field, Misplaced, Place, Record};

/// Judges where annotations stand.
pub struct Placement<'a> {
    pub catalog: &'a Catalog,
    /// Annotations of others.
    pub foreign: &'a [String],
    /// For corrections that move an annotation.
    pub sources: &'a Sources,
}

impl Placement<'_> {
    /// Reports what stands wrongly on a protocol.
    pub fn protocol(&self, annotations: &[Annotation], out: &mut Vec<Diagnostic>) {
        self.duplicates(annotations, out);
        for annotation in annotations {
            if self.catalog.kind(&annotation.name).is_some() {
                let message = format!("`@{}` has no effect on a protocol", annotation.name);
                out.push(
                    Diagnostic::at(Code::Misplaced, annotation.name_span, message, "")
                        .with_help("put it on each record it is meant for"),
                );
            }
            self.unknown(annotation, out);
        }
    }

    /// Reports what stands wrongly on a record and its fields.
    pub fn record(&self, record: &Record, out: &mut Vec<Diagnostic>) {
        self.duplicates(&record.annotations, out);
        for annotation in &record.annotations {
            if self.on(annotation) == Some(On::Field) {
                let message = format!("`@{}` has no effect on a record", annotation.name);
                out.push(
                    Diagnostic::at(Code::Misplaced, annotation.name_span, message, "")
                        .with_secondary(record.name_span, "this is a record")
                        .with_help(field_help(record)),
                );
            }
            self.unknown(annotation, out);
        }
        // An annotation before the type of several fields belongs to each of them, but stands there once.
        let mut said = HashSet::new();
        for field in &record.fields {
            self.duplicates(field.all_annotations(), out);
            for annotation in field.all_annotations() {
                if self.on(annotation) == Some(On::Record) && said.insert(annotation.span) {
                    let message = format!("`@{}` has no effect on a field", annotation.name);
                    let diagnostic = Diagnostic::at(Code::Misplaced, annotation.name_span, message, "")
                        .with_secondary(field.name_span, "this is a field")
                        .with_help(format!("put it on the record `{}`", record.name()));
                    out.push(self.with_move(diagnostic, annotation, Target::Record(record)));
                }
                self.unknown(annotation, out);
            }
        }
    }

    /// Reports known annotations at places where none can have an effect.
    pub fn misplaced(&self, misplaced: &[Misplaced], records: &[&Record], out: &mut Vec<Diagnostic>) {
        let mut declarations = None;
        for misplaced in misplaced {
            let annotation = &misplaced.annotation;
            let Some(on) = self.on(annotation) else {
                self.unknown(annotation, out);
                continue;
            };
            let place = describe(misplaced.place);
            let message = format!("`@{}` has no effect on {place}", annotation.name);
            let mut diagnostic = Diagnostic::at(Code::Misplaced, annotation.name_span, message, "");
            if let Some((name, span)) = &misplaced.subject {
                let place = if misplaced.place == Place::InnerType { "the field" } else { place };
                diagnostic = diagnostic.with_secondary(*span, format!("`{name}` is {place}"));
            }
            let declarations = declarations.get_or_insert_with(|| Declarations::new(records));
            let target = declarations.meant(misplaced, on, self.sources);
            let help = match target {
                Some(Target::Record(record)) if matches!(misplaced.place, Place::Enum | Place::Fixed) => {
                    format!("did you mean the record that follows, `{}`?", record.name())
                }
                Some(Target::Record(record)) => format!("put it on the record `{}`", record.name()),
                Some(Target::Field(field)) => {
                    format!("put it on the field `{}`, not on its type", field.name)
                }
                None if on == On::Field => "put it on the field whose values it counts".to_owned(),
                None => "put it on the record it is meant for".to_owned(),
            };
            diagnostic = diagnostic.with_help(help);
            if let Some(target) = target {
                diagnostic = self.with_move(diagnostic, annotation, target);
            }
            out.push(diagnostic);
        }
    }

    fn duplicates<'a>(
        &self,
        annotations: impl IntoIterator<Item = &'a Annotation>,
        out: &mut Vec<Diagnostic>,
    ) {
        let mut seen: Vec<&Annotation> = Vec::new();
        for annotation in annotations {
            if self.on(annotation).is_none() {
                continue;
            }
            let first = seen.iter().find(|first| first.name == annotation.name);
            let Some(first) = first.map(|first| first.name_span).or(annotation.lost) else {
                seen.push(annotation);
                continue;
            };
            let help = match self.catalog.kind(&annotation.name).map(|kind| &kind.builds) {
                Some(Builds::Monitor(_) | Builds::RawMonitor) => {
                    "give one annotation a list: [{\"id\": \"day\", …}, {\"id\": \"night\", …}]"
                }
                _ => "keep one",
            };
            out.push(
                Diagnostic::at(
                    Code::DuplicateAnnotation,
                    annotation.name_span,
                    format!("`@{}` is given twice", annotation.name),
                    "again here",
                )
                .with_secondary(first, "first here")
                .with_help(help),
            );
        }
    }

    /// Reports a name that is most likely a mistyped one of ours.
    fn unknown(&self, annotation: &Annotation, out: &mut Vec<Diagnostic>) {
        let name = annotation.name.as_str();
        if self.on(annotation).is_some() || self.foreign.iter().any(|foreign| foreign == name) {
            return;
        }
        if let Some(meant) = self.catalog.closest(name) {
            let message = format!("unknown annotation `@{name}`");
            out.push(
                Diagnostic::at(Code::UnknownAnnotation, annotation.name_span, message, "")
                    .with_help(format!("did you mean `@{meant}`?"))
                    .with_help("if it is meant for another tool: name it in `foreign_annotations` of bellwether.toml")
                    .with_fix(annotation.name_span, meant),
            );
        }
    }

    /// Where an annotation belongs; `None` for one that bellwether does not know.
    fn on(&self, annotation: &Annotation) -> Option<On> {
        match self.catalog.kind(&annotation.name) {
            Some(kind) => Some(kind.on),
            None => is_modifier(&annotation.name).then_some(On::Record),
        }
    }

    /// Adds the correction that moves the annotation, unless one of its name is there already.
    fn with_move(&self, mut diagnostic: Diagnostic, annotation: &Annotation, to: Target<'_>) -> Diagnostic {
        let (there, start, name) = match to {
            Target::Record(record) => (&record.annotations, record.start, record.name_span),
            Target::Field(field) => (&field.annotations, field.name_span.start, field.name_span),
        };
        if there.iter().all(|other| other.name != annotation.name) {
            let file = self.sources.file(annotation.span.file);
            diagnostic.fix.extend(diag::relocate(file, annotation.span, start, name).into_iter().flatten());
        }
        diagnostic
    }
}

/// What an annotation was meant for.
#[derive(Clone, Copy)]
enum Target<'a> {
    Record(&'a Record),
    Field(&'a Field),
}

/// Records and fields by the place of their names.
struct Declarations<'a> {
    records: BTreeMap<Span, &'a Record>,
    fields: BTreeMap<Span, (&'a Record, &'a Field)>,
}

impl<'a> Declarations<'a> {
    fn new(records: &[&'a Record]) -> Self {
        let fields =
            records.iter().flat_map(|record| record.fields.iter().map(move |field| (*record, field)));
        Self {
            records: records.iter().map(|record| (record.name_span, *record)).collect(),
            fields: fields.map(|(record, field)| (field.name_span, (record, field))).collect(),
        }
    }

    fn meant(&self, misplaced: &Misplaced, on: On, sources: &Sources) -> Option<Target<'a>> {
        let (_, subject) = misplaced.subject.as_ref()?;
        // In JSON a type stands inside the record that uses it first, and what follows it is unrelated.
        let is_idl = sources.text(misplaced.annotation.span).starts_with('@');
        match misplaced.place {
            // The classic mistake: an enum was put between an event and its annotations.
            Place::Enum | Place::Fixed if on == On::Record && is_idl => {
                let (_, record) = self.records.range(subject..).next()?;
                (record.name_span.file == subject.file).then_some(Target::Record(record))
            }
            Place::Union | Place::InnerType => {
                let (record, field) = self.fields.get(subject)?;
                Some(if on == On::Field { Target::Field(field) } else { Target::Record(record) })
            }
            _ => None,
        }
    }
}

fn describe(place: Place) -> &'static str {
    match place {
        Place::Enum => "an enum",
        Place::EnumSymbol => "an enum's symbol",
        Place::Fixed => "a fixed type",
        Place::Message => "a message",
        Place::Parameter => "a message's parameter",
        Place::Union => "a union",
        Place::InnerType => "a type inside another",
        Place::MainSchema => "the main schema",
    }
}

/// Names a field that looks like an id, where there is one.
fn field_help(record: &Record) -> String {
    let is_id = |field: &&Field| field.name.to_ascii_lowercase().ends_with("id");
    match record.fields.iter().find(is_id) {
        Some(field) => format!("put it on the field whose values it counts, `{}` for example", field.name),
        None => "put it on the field whose values it counts".to_owned(),
    }
}

fn is_modifier(name: &str) -> bool {
    MODIFIERS.iter().any(|modifier| modifier.name == name)
}
