//! Names to declarations, and the rules that need them: redefinition, undefined types, unions, defaults.
//!
//! One table of names serves the whole project. Knows nothing of files but their order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::ir::{Body, Definition, Field, File, Item, Kind, Message, Reference, Type};
use super::undefined::Declared;
use super::{defaults, emit, logical, names};
use crate::diag::{Code, Diagnostic};

/// Which definition a full name stands for: the first one.
#[derive(Default)]
pub(super) struct Names<'a> {
    by_name: HashMap<&'a str, &'a Definition>,
}

impl<'a> Names<'a> {
    pub fn get(&self, full_name: &str) -> Option<&'a Definition> {
        self.by_name.get(full_name).copied()
    }

    pub fn resolve(&self, reference: &Reference) -> Option<&'a Definition> {
        self.get(&reference.full_name).or_else(|| {
            let (_, simple) = names::split(&reference.full_name);
            reference.or_null_namespace.then(|| self.get(simple)).flatten()
        })
    }

    /// Whether this is the definition its name stands for, not a repetition of it.
    pub fn is_first(&self, definition: &Definition) -> bool {
        self.get(&definition.full_name).is_some_and(|first| std::ptr::eq(first, definition))
    }
}

/// Makes the table and reports definitions that contradict each other.
pub(super) fn names<'a>(files: &'a [File], diagnostics: &mut Vec<Diagnostic>) -> Names<'a> {
    let mut names = Names::default();
    let definitions = || {
        files.iter().flat_map(|file| &file.items).filter_map(|item| match item {
            Item::Definition(definition) => Some(definition),
            _ => None,
        })
    };
    let mut repeated = Vec::new();
    for definition in definitions() {
        match names.by_name.entry(&definition.full_name) {
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(definition);
            }
            std::collections::hash_map::Entry::Occupied(entry) => repeated.push((*entry.get(), definition)),
        }
    }
    // Compared when all names are known, as the same type may be referred to in different ways.
    for (first, again) in repeated {
        if first.broken || again.broken || emit::shape(first, &names) == emit::shape(again, &names) {
            continue;
        }
        let message = format!("`{}` is defined twice, and differently", again.full_name);
        diagnostics.push(
            Diagnostic::at(Code::Redefined, again.name_span, message, "")
                .with_secondary(first.name_span, "first defined here")
                .with_help("rename one, or make them equal: fields, symbols, size and annotations count"),
        );
    }
    names
}

/// Reports what the declarations of the files get wrong about each other.
pub(super) fn check(files: &[File], names: &Names<'_>, incomplete: bool, diagnostics: &mut Vec<Diagnostic>) {
    let mut check = Check { names, incomplete, declared: None, diagnostics };
    for file in files {
        if let Some(main) = &file.main {
            check.schema(main);
        }
        check.items(&file.items);
    }
}

struct Check<'a, 'n, 'd> {
    names: &'n Names<'a>,
    /// Declarations may be missing, so an unknown name proves nothing.
    incomplete: bool,
    /// Made when first needed.
    declared: Option<Declared<'a>>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl Check<'_, '_, '_> {
    fn items(&mut self, items: &[Item]) {
        let mut seen: HashMap<&str, &Message> = HashMap::new();
        for item in items {
            match item {
                Item::Import(_) => {}
                Item::Definition(definition) => {
                    logical::check_definition(definition, self.diagnostics);
                    if let Body::Record { fields, .. } = &definition.body {
                        self.fields(fields);
                    }
                }
                Item::Message(message) => {
                    if let Some(earlier) = seen.insert(&message.name, message) {
                        let text = format!(
                            "the message `{}` is declared twice; Avro keeps the last one",
                            message.name
                        );
                        self.diagnostics.push(
                            Diagnostic::at(Code::Lost, message.name_span, text, "this one counts")
                                .with_secondary(earlier.name_span, "this one is lost"),
                        );
                    }
                    self.message(message);
                }
            }
        }
    }

    fn message(&mut self, message: &Message) {
        self.fields(&message.request);
        self.schema(&message.response);
        let mut seen = HashSet::new();
        // Every message may throw `"string"`, so Avro adds it by itself and allows nobody to write it.
        for error in &message.errors {
            self.schema(error);
            let Kind::Reference(reference) = &error.kind else {
                let text = format!("`{}` is thrown, but it is no error type", error.describe());
                self.diagnostics.push(Diagnostic::at(Code::Invalid, error.span, text, ""));
                continue;
            };
            let Some(definition) = self.names.resolve(reference) else { continue };
            if !seen.insert(&definition.full_name) {
                let text = format!("`{}` is thrown twice", definition.full_name);
                self.diagnostics.push(Diagnostic::at(Code::Invalid, error.span, text, ""));
            }
            if !matches!(definition.body, Body::Record { error: true, .. }) {
                let text = format!("`{}` is thrown, but it is no error type", definition.full_name);
                let code = if message.strict { Code::Invalid } else { Code::Lost };
                self.diagnostics.push(
                    Diagnostic::at(code, error.span, text, "")
                        .with_secondary(definition.name_span, "declared here")
                        .with_help("declare it with `error` instead of `record`"),
                );
            }
        }
    }

    fn fields(&mut self, fields: &[Field]) {
        let mut previous: Option<&Arc<Type>> = None;
        for field in fields {
            // Variables of one declaration share their type; its mistakes are told once.
            if previous.is_none_or(|previous| !Arc::ptr_eq(previous, &field.schema)) {
                self.schema(&field.schema);
            }
            previous = Some(&field.schema);
            if let Some(default) = &field.default {
                defaults::check(&field.schema, default, &field.name, self.names, self.diagnostics);
            }
        }
    }

    fn schema(&mut self, schema: &Type) {
        match &schema.kind {
            Kind::Reference(reference) => self.reference(schema, reference),
            Kind::Union(branches) => self.union(branches),
            Kind::Optional(inner) if is_null(inner) => {
                self.diagnostics.push(Diagnostic::at(
                    Code::Invalid,
                    schema.span,
                    "`null?` is a union of null with null",
                    "",
                ));
            }
            _ => logical::check_type(schema, self.diagnostics),
        }
        for child in schema.children() {
            self.schema(child);
        }
    }

    fn union(&mut self, branches: &[Type]) {
        let mut seen = HashMap::with_capacity(branches.len());
        for branch in branches {
            if matches!(branch.kind, Kind::Union(_) | Kind::Optional(_)) {
                let message = "a union cannot stand directly inside another";
                self.diagnostics.push(
                    Diagnostic::at(Code::Invalid, branch.span, message, "")
                        .with_help("list its types in the outer union"),
                );
                continue;
            }
            let key = match &branch.kind {
                Kind::Primitive(primitive, _) => primitive.as_str(),
                Kind::Array(_) => "array",
                Kind::Map(_) => "map",
                Kind::Reference(reference) => {
                    self.names.resolve(reference).map_or(reference.full_name.as_str(), |d| &d.full_name)
                }
                _ => continue,
            };
            if let Some(first) = seen.insert(key, branch.span) {
                let message = format!("the union has two branches of type `{key}`");
                self.diagnostics.push(
                    Diagnostic::at(Code::Invalid, branch.span, message, "")
                        .with_secondary(first, "the other one"),
                );
            }
        }
    }

    fn reference(&mut self, schema: &Type, reference: &Reference) {
        if self.incomplete || self.names.resolve(reference).is_some() {
            return;
        }
        let names = self.names;
        let declared = self.declared.get_or_insert_with(|| Declared::new(names.by_name.keys().copied()));
        let message = format!("there is no type `{}`", reference.full_name);
        let diagnostic = Diagnostic::at(Code::Undefined, schema.span, message, "");
        let diagnostic = declared.explain(diagnostic, reference, schema.span);
        self.diagnostics.push(diagnostic);
    }
}

fn is_null(schema: &Type) -> bool {
    matches!(schema.kind, Kind::Primitive(super::ir::Primitive::Null, _))
}
