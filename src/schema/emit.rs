//! The Avro JSON of a file, as Java prints it: order of keys, short names, types inlined at first use.

use std::collections::{HashMap, HashSet};

use super::ir::{Body, Definition, Field, File, Kind, Logical, Message, Order, Type};
use super::model::Annotation;
use super::names;
use super::project::Project;
use super::reach::reach;
use super::resolve::Names;
use super::writer::Writer;

/// A chain of records that contain each other would end the stack; nobody reads JSON that deep.
const DEPTH_LIMIT: usize = 400;

/// The output would be nested too deep.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooDeep;

struct Emit<'a, 'n> {
    names: &'n Names<'a>,
    writer: Writer,
    /// The types written so far; later uses are names.
    written: HashSet<&'a str>,
    /// Write no type inside another, no documentation, no aliases, and full names only.
    shape_only: bool,
    too_deep: bool,
}

/// What two declarations of one name have to agree in. Equal shapes may be written in different formats.
pub(super) fn shape<'a>(definition: &'a Definition, names: &Names<'a>) -> Result<serde_json::Value, String> {
    let mut emit = Emit::new(names);
    emit.shape_only = true;
    emit.definition(definition, "");
    let text = emit.writer.finish();
    // The text itself serves where it is too deep for the parser: then even the order of keys counts.
    serde_json::from_str(&text).map_err(|_| text)
}

/// The JSON of the file of that index: a protocol, a schema, or a list of schemas.
pub(super) fn file(project: &Project, index: usize, names: &Names<'_>) -> Result<String, TooDeep> {
    let Some(File { protocol, main, .. }) = project.files.get(index) else { return Err(TooDeep) };
    let mut emit = Emit::new(names);
    let reach = reach(project, index);
    if let Some(protocol) = protocol {
        let (namespace, name) = names::split(&protocol.full_name);
        emit.writer.open('{');
        emit.text("protocol", name);
        if !namespace.is_empty() {
            emit.text("namespace", namespace);
        }
        emit.doc(protocol.doc.as_deref());
        emit.properties(&protocol.properties);
        emit.writer.key("types");
        emit.writer.open('[');
        for definition in &reach.types {
            if !emit.written.contains(definition.full_name.as_str()) {
                emit.definition(definition, namespace);
            }
        }
        emit.writer.close(']');
        emit.writer.key("messages");
        emit.writer.open('{');
        for message in &reach.messages {
            emit.message(message, namespace);
        }
        emit.writer.close('}');
        emit.writer.close('}');
    } else if let Some(main) = main {
        emit.schema(main, "", false);
    } else {
        emit.writer.open('[');
        for definition in &reach.types {
            // Each element stands for itself.
            emit.written.clear();
            emit.definition(definition, "");
        }
        emit.writer.close(']');
    }
    if emit.too_deep { Err(TooDeep) } else { Ok(emit.writer.finish()) }
}

impl<'a, 'n> Emit<'a, 'n> {
    fn new(names: &'n Names<'a>) -> Self {
        Self { names, writer: Writer::default(), written: HashSet::new(), shape_only: false, too_deep: false }
    }

    fn text(&mut self, key: &str, text: &str) {
        self.writer.key(key);
        self.writer.string(text);
    }

    fn doc(&mut self, doc: Option<&str>) {
        if let Some(doc) = doc.filter(|_| !self.shape_only) {
            self.text("doc", doc);
        }
    }

    /// Of several annotations of one name the last, at the place of the first.
    fn properties(&mut self, annotations: &[Annotation]) {
        let mut last: HashMap<&str, &Annotation> = HashMap::with_capacity(annotations.len());
        for annotation in annotations {
            last.insert(&annotation.name, annotation);
        }
        for annotation in annotations {
            if let Some(annotation) = last.remove(annotation.name.as_str()) {
                self.writer.key(&annotation.name);
                self.writer.node(&annotation.value);
            }
        }
    }

    fn aliases<'s>(&mut self, aliases: impl ExactSizeIterator<Item = &'s str>) {
        if aliases.len() == 0 || self.shape_only {
            return;
        }
        self.writer.key("aliases");
        self.writer.open('[');
        for alias in aliases {
            self.writer.string(alias);
        }
        self.writer.close(']');
    }

    fn definition(&mut self, definition: &Definition, enclosing: &str) {
        if self.writer.depth() > DEPTH_LIMIT {
            self.too_deep = true;
            return self.writer.raw("null");
        }
        if let Some(first) = self.names.get(&definition.full_name) {
            self.written.insert(&first.full_name);
        }
        let (namespace, name) = names::split(&definition.full_name);
        self.writer.open('{');
        self.text("type", definition.body.kind());
        self.text("name", name);
        if namespace != enclosing {
            self.text("namespace", namespace);
        }
        self.doc(definition.doc.as_deref());
        match &definition.body {
            Body::Record { fields, .. } => {
                self.writer.key("fields");
                self.fields(fields, namespace);
            }
            Body::Enum { symbols, default } => {
                self.writer.key("symbols");
                self.writer.open('[');
                symbols.iter().for_each(|symbol| self.writer.string(symbol));
                self.writer.close(']');
                if let Some(default) = default {
                    self.text("default", default);
                }
            }
            Body::Fixed { size } => {
                self.writer.key("size");
                self.writer.raw(size);
            }
        }
        self.properties(&definition.properties);
        self.aliases(definition.aliases.iter().map(|alias| match names::split(alias) {
            (own, simple) if own == namespace => simple,
            _ => alias,
        }));
        self.writer.close('}');
    }

    fn fields(&mut self, fields: &[Field], namespace: &str) {
        self.writer.open('[');
        for field in fields {
            self.writer.open('{');
            self.text("name", &field.name);
            self.writer.key("type");
            let null_last = field.default.as_ref().is_some_and(|d| d.value != super::json::Value::Null);
            self.schema(&field.schema, namespace, null_last);
            self.doc(field.doc.as_deref());
            if let Some(default) = &field.default {
                self.writer.key("default");
                self.writer.node(default);
            }
            if field.order != Order::Ascending {
                self.text("order", field.order.as_str());
            }
            self.aliases(field.aliases.iter().map(String::as_str));
            self.properties(&field.properties);
            self.writer.close('}');
        }
        self.writer.close(']');
    }

    fn schema(&mut self, schema: &Type, enclosing: &str, null_last: bool) {
        match &schema.kind {
            Kind::Reference(reference) => {
                let Some(definition) = self.names.resolve(reference) else {
                    return self.writer.string(&reference.full_name);
                };
                if self.shape_only {
                    self.writer.string(&definition.full_name);
                } else if self.written.contains(definition.full_name.as_str()) {
                    self.writer.string(names::relative(&definition.full_name, enclosing));
                } else {
                    self.definition(definition, enclosing);
                }
            }
            Kind::Union(branches) => {
                self.writer.open('[');
                branches.iter().for_each(|branch| self.schema(branch, enclosing, false));
                self.writer.close(']');
            }
            Kind::Optional(inner) => {
                self.writer.open('[');
                if !null_last {
                    self.writer.string("null");
                }
                self.schema(inner, enclosing, false);
                if null_last {
                    self.writer.string("null");
                }
                self.writer.close(']');
            }
            Kind::Primitive(primitive, None) if schema.properties.is_empty() => {
                self.writer.string(primitive.as_str());
            }
            kind => {
                self.writer.open('{');
                match kind {
                    Kind::Array(items) => {
                        self.text("type", "array");
                        self.writer.key("items");
                        self.schema(items, enclosing, false);
                    }
                    Kind::Map(values) => {
                        self.text("type", "map");
                        self.writer.key("values");
                        self.schema(values, enclosing, false);
                    }
                    Kind::Primitive(primitive, logical) => {
                        self.text("type", primitive.as_str());
                        logical.iter().for_each(|logical| self.logical(*logical));
                    }
                    Kind::Union(_) | Kind::Optional(_) | Kind::Reference(_) => {}
                }
                self.properties(&schema.properties);
                self.writer.close('}');
            }
        }
    }

    fn logical(&mut self, logical: Logical) {
        self.text("logicalType", logical.json_name());
        if let Logical::Decimal { precision, scale } = logical {
            self.writer.key("precision");
            self.writer.raw(precision);
            self.writer.key("scale");
            self.writer.raw(scale);
        }
    }

    fn message(&mut self, message: &Message, namespace: &str) {
        self.writer.key(&message.name);
        self.writer.open('{');
        self.doc(message.doc.as_deref());
        self.properties(&message.properties);
        self.writer.key("request");
        self.fields(&message.request, namespace);
        self.writer.key("response");
        self.schema(&message.response, namespace, false);
        if !message.errors.is_empty() {
            self.writer.key("errors");
            self.writer.open('[');
            message.errors.iter().for_each(|error| self.schema(error, namespace, false));
            self.writer.close(']');
        }
        if message.one_way {
            self.writer.key("one-way");
            self.writer.raw(true);
        }
        self.writer.close('}');
    }
}
