//! The front end as a whole: files in, records with their annotations and diagnostics out.

use std::collections::HashSet;
use std::sync::Arc;

use super::ir::{self, Body, Definition, File, Item};
use super::model::{Annotation, Field, Misplaced, Record};
use super::project::{self, InputFile, ParseOptions, Project};
use super::types::{Types, Undefined};
use super::{emit, resolve};
use crate::diag::{self, Code, Diagnostic, Sources, Span};

/// All records of a project.
#[derive(Debug, Clone, Default)]
pub struct SchemaSet {
    records: Vec<Record>,
    /// The enums and fixed types that the records' fields refer to.
    plain: Vec<Definition>,
    protocols: Vec<Arc<[Annotation]>>,
    misplaced: Vec<Misplaced>,
}

impl SchemaSet {
    /// The records, each once: in the order of files, then as they stand in them. Files that are only
    /// imported come last.
    pub fn records(&self) -> impl ExactSizeIterator<Item = &Record> {
        self.records.iter()
    }

    /// The annotations of each protocol, those without records included.
    pub fn protocols(&self) -> impl Iterator<Item = &[Annotation]> {
        self.protocols.iter().map(|annotations| &**annotations)
    }

    /// The annotations that stand where no monitor annotation can, in the order of files.
    pub fn misplaced(&self) -> &[Misplaced] {
        &self.misplaced
    }

    /// The types of all records with their references resolved, made when asked for: only who reads events
    /// needs them.
    ///
    /// # Errors
    ///
    /// When a type is referred to that nobody declares, which [`parse_project`] has reported.
    pub fn types(&self) -> Result<Types, Undefined> {
        Types::new(&self.records, &self.plain)
    }
}

/// What came of parsing a project.
#[derive(Debug, Clone, Default)]
pub struct Parsed {
    /// What could be read; complete only if there is no error among the diagnostics.
    pub set: SchemaSet,
    /// What is wrong, sorted.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads all schema files of a project, and what they import.
pub fn parse_project(files: Vec<InputFile>, options: &ParseOptions<'_>, sources: &mut Sources) -> Parsed {
    let mut project = project::read(files, options, sources);
    let mut diagnostics = std::mem::take(&mut project.diagnostics);
    let repeated: HashSet<Span> = {
        let names = resolve::names(&project.files, &mut diagnostics);
        resolve::check(&project.files, &names, project.incomplete, &mut diagnostics);
        let definitions = project.files.iter().flat_map(|file| &file.items);
        definitions
            .filter_map(|item| match item {
                Item::Definition(definition) if !names.is_first(definition) => Some(definition.name_span),
                _ => None,
            })
            .collect()
    };
    let mut set = SchemaSet::default();
    for file in project.files {
        lower(file, &repeated, &mut set);
    }
    diag::sort(&mut diagnostics);
    Parsed { set, diagnostics }
}

fn lower(file: File, repeated: &HashSet<Span>, set: &mut SchemaSet) {
    let protocol_annotations: Arc<[Annotation]> =
        file.protocol.map_or_else(|| Arc::from([]), |protocol| protocol.properties);
    if !protocol_annotations.is_empty() {
        set.protocols.push(Arc::clone(&protocol_annotations));
    }
    for item in file.items {
        let Item::Definition(definition) = item else { continue };
        if repeated.contains(&definition.name_span) {
            continue;
        }
        let Body::Record { fields, .. } = definition.body else {
            set.plain.push(definition);
            continue;
        };
        set.records.push(Record {
            full_name: definition.full_name,
            start: definition.start,
            name_span: definition.name_span,
            aliases: definition.aliases,
            doc: definition.doc,
            annotations: definition.properties,
            protocol_annotations: Arc::clone(&protocol_annotations),
            fields: fields.into_iter().map(field).collect(),
        });
    }
    set.misplaced.extend(file.misplaced);
}

fn field(field: ir::Field) -> Field {
    Field {
        type_name: field.schema.describe(),
        name: field.name,
        name_span: field.name_span,
        aliases: field.aliases,
        doc: field.doc,
        annotations: field.properties,
        schema: field.schema,
        default: field.default,
    }
}

/// The Avro JSON of one file, indented: a protocol, a schema or a list of schemas. There is none if there
/// are errors.
pub fn avro_json(
    file: InputFile,
    options: &ParseOptions<'_>,
    sources: &mut Sources,
) -> (Option<String>, Vec<Diagnostic>) {
    let mut project = project::read(vec![file], options, sources);
    let mut diagnostics = std::mem::take(&mut project.diagnostics);
    let json = emitted(&project, &mut diagnostics);
    diag::sort(&mut diagnostics);
    (json, diagnostics)
}

fn emitted(project: &Project, diagnostics: &mut Vec<Diagnostic>) -> Option<String> {
    let names = resolve::names(&project.files, diagnostics);
    resolve::check(&project.files, &names, project.incomplete, diagnostics);
    let file = project.files.first()?;
    if diag::has_errors(diagnostics) {
        return None;
    }
    emit::file(project, 0, &names)
        .inspect_err(|_| {
            let span = Span::new(file.id, 0, 0);
            let message = "its types contain each other too many levels deep to be written as JSON";
            diagnostics.push(Diagnostic::at(Code::Invalid, span, message, ""));
        })
        .ok()
}
