//! From annotated records to the desired-state graph.
//!
//! Pure: schemas, catalog and configuration in, a graph and diagnostics out. It knows nothing of Datadog's
//! present state.

mod checks;
pub mod composite;
mod graph;
mod metric;
mod modifiers;
mod monitor;
mod node;
mod parameters;
mod placement;

use std::collections::BTreeMap;

pub use graph::DesiredGraph;
pub use modifiers::Modifiers;
pub use node::{Node, Parameter, ResourceKind, SetBy};

use self::monitor::MetricFacts;
use self::parameters::Layers;
use self::placement::Placement;
use crate::catalog::{Builds, Catalog, Evaluator, Kind, On};
use crate::config::{Config, Environment};
use crate::diag::{self, Code, Diagnostic, Sources, Span};
use crate::model::Address;
use crate::parallel::in_parts;
use crate::schema::{Annotation, Field, Record, SchemaSet};
use crate::value::{Node as JsonNode, Value};

/// What is compiled, for which environment.
pub struct Input<'a> {
    /// The annotation kinds.
    pub catalog: &'a Catalog,
    /// The project's configuration.
    pub config: &'a Config,
    /// The environment's name.
    pub environment_name: &'a str,
    /// The environment.
    pub environment: &'a Environment,
    /// The files, so that corrections can move text.
    pub sources: &'a Sources,
}

/// Compiles all records. The graph is complete only if no diagnostic is an error.
pub fn compile<'a>(input: &Input<'a>, schemas: &'a SchemaSet) -> (DesiredGraph, Vec<Diagnostic>) {
    let mut out = Vec::new();
    let layers = Layers::new(input.catalog, &input.config.defaults, &input.environment.defaults, &mut out);
    let records: Vec<&Record> = schemas.records().collect();
    let placement = Placement {
        catalog: input.catalog,
        foreign: &input.config.foreign_annotations,
        sources: input.sources,
    };
    schemas.protocols().for_each(|annotations| placement.protocol(annotations, &mut out));
    placement.misplaced(schemas.misplaced(), &records, &mut out);
    let parts = in_parts(&records, |records| {
        let mut compiler = Compiler::new(input, &layers);
        for record in records {
            compiler.record(record);
        }
        checks::each(&compiler.nodes, input.catalog, &mut compiler.out);
        (compiler.nodes, compiler.out)
    });
    let mut nodes = Vec::with_capacity(parts.iter().map(|(nodes, _)| nodes.len()).sum());
    for (mut of_part, said) in parts {
        nodes.append(&mut of_part);
        out.extend(said);
    }
    checks::twins(&nodes, &mut out);
    let graph = DesiredGraph::build(nodes, &mut out);
    diag::sort(&mut out);
    (graph, out)
}

/// One monitor or metric that an annotation asks for.
struct Request<'r> {
    kind: &'r Kind,
    record: &'r Record,
    field: Option<&'r Field>,
    modifiers: &'r Modifiers,
    address: Address,
    former: Vec<Address>,
    id: Option<&'r str>,
    /// Where to point when no parameter is to blame: the annotation's name.
    span: Span,
}

struct Compiler<'a> {
    catalog: &'a Catalog,
    config: &'a Config,
    environment_name: &'a str,
    environment: &'a Environment,
    sources: &'a Sources,
    layers: &'a Layers,
    evaluator: Evaluator<'a>,
    nodes: Vec<Node>,
    out: Vec<Diagnostic>,
}

impl<'a> Compiler<'a> {
    fn new(input: &Input<'a>, layers: &'a Layers) -> Self {
        Self {
            catalog: input.catalog,
            config: input.config,
            environment_name: input.environment_name,
            environment: input.environment,
            sources: input.sources,
            layers,
            evaluator: input.catalog.templates.evaluator(),
            nodes: Vec::new(),
            out: Vec::new(),
        }
    }

    fn record(&mut self, record: &Record) {
        let placement = Placement {
            catalog: self.catalog,
            foreign: &self.config.foreign_annotations,
            sources: self.sources,
        };
        placement.record(record, &mut self.out);
        let modifiers = Modifiers::default()
            .overlay(&record.protocol_annotations, &mut self.out)
            .overlay(&record.annotations, &mut self.out);
        for (kind, annotation) in self.known(&record.annotations, On::Record) {
            self.annotation(kind, annotation, record, None, &modifiers, &mut BTreeMap::new());
        }
        for field in &record.fields {
            // A metric comes before the monitors that stand on it, whatever the order in the file.
            let is_metric = |(kind, _): &(&Kind, _)| matches!(kind.builds, Builds::Metric);
            let (metrics, monitors): (Vec<_>, Vec<_>) =
                self.known(field.all_annotations(), On::Field).into_iter().partition(is_metric);
            let mut facts = BTreeMap::new();
            for (kind, annotation) in metrics.into_iter().chain(monitors) {
                self.annotation(kind, annotation, record, Some(field), &modifiers, &mut facts);
            }
        }
    }

    /// The annotations that build something, each kind once: `placement` has reported the others.
    fn known<'r>(
        &self,
        annotations: impl IntoIterator<Item = &'r Annotation>,
        on: On,
    ) -> Vec<(&'a Kind, &'r Annotation)> {
        let mut known: Vec<(&Kind, &Annotation)> = Vec::new();
        for annotation in annotations {
            let kind = self.catalog.kind(&annotation.name).filter(|kind| kind.on == on);
            if let Some(kind) = kind.filter(|kind| known.iter().all(|(other, _)| other.name != kind.name)) {
                known.push((kind, annotation));
            }
        }
        known
    }

    fn annotation(
        &mut self,
        kind: &Kind,
        annotation: &Annotation,
        record: &Record,
        field: Option<&Field>,
        modifiers: &Modifiers,
        facts: &mut BTreeMap<Option<String>, MetricFacts>,
    ) {
        for (id, value) in self.instances(kind, annotation) {
            let address = |record: &str, field_name: Option<&str>| {
                let subject = match field_name {
                    Some(field) => format!("{record}.{field}"),
                    None => record.to_owned(),
                };
                Address::new(&subject, &kind.name, id)
            };
            let field_names = || {
                let names = field.map(|field| {
                    std::iter::once(field.name.as_str()).chain(field.aliases.iter().map(String::as_str))
                });
                names.map_or_else(|| vec![None], |names| names.map(Some).collect())
            };
            let records =
                std::iter::once(record.full_name.as_str()).chain(record.aliases.iter().map(String::as_str));
            let mut addresses =
                records.flat_map(|record| field_names().into_iter().map(move |field| (record, field)));
            let own = addresses.next().map(|(record, field)| address(record, field));
            let Some(own) = own else { continue };
            let request = Request {
                kind,
                record,
                field,
                modifiers,
                former: addresses.map(|(record, field)| address(record, field)).collect(),
                address: own,
                id,
                span: origin(annotation, value),
            };
            self.build(&request, value, facts);
        }
    }

    fn build(
        &mut self,
        request: &Request<'_>,
        value: &JsonNode,
        facts: &mut BTreeMap<Option<String>, MetricFacts>,
    ) {
        let kind = request.kind;
        if let Builds::RawMonitor = kind.builds {
            let node = monitor::from_json(self, request, value);
            self.nodes.extend(node);
            return;
        }
        let before = self.out.len();
        let set = self.layers.overlay(kind, value.members(), &mut self.out);
        let complete = parameters::require(kind, &set, value.members(), request.span, &mut self.out);
        if !complete || diag::has_errors(&self.out[before..]) {
            return;
        }
        match &kind.builds {
            Builds::Metric => {
                if let Some((node, fact)) = metric::build(self, request, set) {
                    facts.insert(request.id.map(str::to_owned), fact);
                    self.nodes.push(node);
                }
            }
            Builds::Monitor(template) => {
                let fact = match &kind.needs {
                    None => None,
                    Some(needed) => {
                        // The metric of the same id, or the only one of the field.
                        let key = request.id.map(str::to_owned);
                        let fact =
                            facts.get(&key).or_else(|| facts.get(&None)).or_else(|| match facts.len() {
                                1 => facts.values().next(),
                                _ => None,
                            });
                        if fact.is_none() && facts.is_empty() {
                            let message = format!("`@{}` needs `@{needed}` on the same field", kind.name);
                            self.out.push(
                                Diagnostic::at(Code::Misplaced, request.span, message, "")
                                    .with_help(format!("put `@{needed}({{}})` beside it")),
                            );
                            return;
                        }
                        fact
                    }
                };
                let node = monitor::from_template(self, request, template, set, fact);
                self.nodes.extend(node);
            }
            Builds::RawMonitor => {}
        }
    }

    /// The objects of an annotation's value, each with its `id`.
    fn instances<'v>(
        &mut self,
        kind: &Kind,
        annotation: &'v Annotation,
    ) -> Vec<(Option<&'v str>, &'v JsonNode)> {
        let mut complain = |span: Span, message: String, help: String| {
            self.out.push(Diagnostic::at(Code::AnnotationValue, span, message, "").with_help(help));
        };
        let example = || format!("for example {}", kind.example);
        match &annotation.value.value {
            Value::Object(_) => match id_of(&annotation.value) {
                Ok(id) => vec![(id, &annotation.value)],
                Err((span, message)) => {
                    complain(span, message, example());
                    Vec::new()
                }
            },
            Value::Array(items) => {
                let mut instances = Vec::new();
                for item in items {
                    if !matches!(item.value, Value::Object(_)) {
                        let message = format!("`@{}` takes objects; this is {}", kind.name, item.type_name());
                        complain(item.span, message, example());
                        continue;
                    }
                    match id_of(item) {
                        Ok(Some(id)) => instances.push((Some(id), item)),
                        Ok(None) => complain(
                            item.span,
                            "each object of a list needs an `id`".to_owned(),
                            "it tells the monitors apart: {\"id\": \"night\", …}".to_owned(),
                        ),
                        Err((span, message)) => complain(span, message, example()),
                    }
                }
                instances
            }
            _ => {
                let found = annotation.value.type_name();
                let message =
                    format!("`@{}` takes an object or a list of objects; this is {found}", kind.name);
                complain(annotation.value.span, message, example());
                Vec::new()
            }
        }
    }
}

/// Where a monitor is asked for: the annotation's name, or in a list the `id` of its object.
fn origin(annotation: &Annotation, value: &JsonNode) -> Span {
    match annotation.value.value {
        Value::Array(_) => value.get("id").map_or(value.span, |id| id.span),
        _ => annotation.name_span,
    }
}

fn id_of(object: &JsonNode) -> Result<Option<&str>, (Span, String)> {
    let Some(node) = object.get("id") else { return Ok(None) };
    match &node.value {
        Value::String(id)
            if !id.is_empty()
                && id.len() <= 50
                && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
                && !id.ends_with('_') =>
        {
            Ok(Some(id))
        }
        _ => Err((node.span, "an `id` is a text of at most 50 letters, digits, `_` and `-`".to_owned())),
    }
}
