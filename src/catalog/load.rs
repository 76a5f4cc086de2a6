//! Reading catalog files into a [`Catalog`], with every mistake at its place.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::parameter::{Parameter, ParameterType};
use super::template::{Template, Templates};
use super::{BUILTIN, Builds, Catalog, Check, Kind, MODIFIERS, MonitorTemplate, On};
use crate::config::toml::{self, Table};
use crate::diag::{Code, Diagnostic, FileId, Span};
use crate::suggest::closest;
use crate::units::seconds;
use crate::value::{Member, Node, Value};

/// What templates may name besides the parameters of their kind.
pub const CONTEXT: &[&str] = &[
    "environment",
    "errors",
    "event",
    "event_tag",
    "field",
    "filter",
    "footer",
    "id",
    "metric",
    "notify",
    "owner",
    "per",
    "received",
    "record",
    "runbook",
    "scope",
    "when_text",
];

impl Catalog {
    /// The embedded kinds alone.
    pub fn builtin() -> Self {
        let mut sources = crate::diag::Sources::default();
        let file = sources.add("builtin.toml", BUILTIN);
        Self::load(file, &[]).0
    }

    /// The embedded kinds, which `builtin` names as a source file, and the repository's own in `files`.
    pub fn load(builtin: FileId, files: &[(FileId, &str)]) -> (Self, Vec<Diagnostic>) {
        let mut loader = Loader {
            catalog: Self {
                kinds: BTreeMap::new(),
                templates: Templates::new(),
                footer: Template::Constant(Json::from("")),
            },
            common: Common::default(),
            builtin: true,
            out: Vec::new(),
        };
        loader.file(builtin, BUILTIN, true);
        for (file, text) in files {
            loader.file(*file, text, false);
        }
        (loader.catalog, loader.out)
    }
}

/// What all monitor kinds share.
#[derive(Default)]
struct Common {
    parameters: BTreeMap<String, Parameter>,
    options: Vec<(Vec<String>, Template)>,
}

struct Loader {
    catalog: Catalog,
    common: Common,
    /// Whether the file at hand is the embedded one.
    builtin: bool,
    out: Vec<Diagnostic>,
}

impl Loader {
    fn complain(&mut self, span: Span, message: impl Into<String>) {
        self.out.push(Diagnostic::at(Code::Catalog, span, message, ""));
    }

    fn file(&mut self, file: FileId, text: &str, builtin: bool) {
        self.builtin = builtin;
        let root = match toml::parse(file, text, Code::Catalog) {
            Ok(root) => root,
            Err(diagnostic) => {
                self.out.push(*diagnostic);
                return;
            }
        };
        let mut table = Table::new(&root, "the catalog file", Code::Catalog, &mut self.out);
        let common = if builtin { table.get("common") } else { None };
        let kinds = table.get("kinds");
        table.finish(&mut self.out);
        if let Some(node) = common {
            self.common(node);
        }
        let Some(kinds) = kinds else { return };
        for member in kinds.members() {
            self.kind(member);
        }
    }

    fn common(&mut self, node: &Node) {
        let mut table = Table::new(node, "[common]", Code::Catalog, &mut self.out);
        let (footer, parameters, options) =
            (table.get("footer"), table.get("parameters"), table.get("options"));
        table.finish(&mut self.out);
        if let Some(node) = parameters {
            self.common.parameters = self.parameters(node);
        }
        if let Some(node) = options {
            self.common.options = self.options("common", node);
        }
        if let Some(node) = footer
            && let Some(template) = self.template("common/footer".to_owned(), node)
        {
            self.catalog.footer = template;
        }
    }

    fn kind(&mut self, member: &Member) {
        let builtin = self.builtin;
        let name = member.key.as_str();
        let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        if !is_name {
            self.complain(
                member.key_span,
                format!("`{name}` is not a kind's name: lower-case letters, digits and `_`"),
            );
            return;
        }
        if self.catalog.kinds.contains_key(name) || MODIFIERS.iter().any(|modifier| modifier.name == name) {
            self.complain(member.key_span, format!("there is a kind `{name}` already"));
            return;
        }
        let what = format!("[kinds.{name}]");
        let mut table = Table::new(&member.value, &what, Code::Catalog, &mut self.out);
        let on = table.string("on", &mut self.out);
        let summary = table.string("summary", &mut self.out).unwrap_or_default();
        let example = table.string("example", &mut self.out).unwrap_or_else(|| format!("@{name}({{}})"));
        let builds = table.string("builds", &mut self.out);
        let needs = table.string("needs", &mut self.out);
        let monitor_type = table.string("type", &mut self.out);
        let parts = ["name", "query", "message"].map(|key| table.get(key));
        let options = table.get("options");
        let checks = table.get("checks");
        let parameters = table.get("parameters");
        table.finish(&mut self.out);

        let on = match on.as_deref() {
            Some("record") | None => On::Record,
            Some("field") => On::Field,
            Some(other) => {
                self.complain(
                    member.value.span,
                    format!("`on` of {what} must be \"record\" or \"field\", not {other:?}"),
                );
                On::Record
            }
        };
        let mut own = parameters.map(|node| self.parameters(node)).unwrap_or_default();
        let builds = match builds.as_deref() {
            None | Some("monitor") => {
                for (name, parameter) in &self.common.parameters {
                    own.entry(name.clone()).or_insert_with(|| parameter.clone());
                }
                match self.monitor(member, monitor_type, parts, options, &own) {
                    Some(template) => Builds::Monitor(template),
                    None => return,
                }
            }
            Some("raw monitor") if builtin => Builds::RawMonitor,
            Some("metric") if builtin => Builds::Metric,
            Some(other) => {
                self.complain(member.value.span, format!("`builds` of {what} cannot be {other:?}"));
                return;
            }
        };
        let checks = checks.map(|node| self.checks(node, &own)).unwrap_or_default();
        let kind = Kind {
            name: name.to_owned(),
            on,
            builds,
            summary,
            example,
            parameters: own,
            checks,
            needs,
            builtin,
        };
        self.catalog.kinds.insert(name.to_owned(), kind);
    }

    fn monitor(
        &mut self,
        member: &Member,
        monitor_type: Option<String>,
        parts: [Option<&Node>; 3],
        options: Option<&Node>,
        parameters: &BTreeMap<String, Parameter>,
    ) -> Option<MonitorTemplate> {
        let kind = &member.key;
        let [Some(name), Some(query), Some(message)] = parts else {
            self.complain(member.key_span, format!("[kinds.{kind}] needs `name`, `query` and `message`"));
            return None;
        };
        let Some(monitor_type) = monitor_type else {
            self.complain(member.key_span, format!("[kinds.{kind}] needs `type`, Datadog's monitor type"));
            return None;
        };
        let template = MonitorTemplate {
            monitor_type,
            name: self.template(format!("{kind}/name"), name)?,
            query: self.template(format!("{kind}/query"), query)?,
            message: self.template(format!("{kind}/message"), message)?,
            options: {
                let mut own = options.map(|node| self.options(kind, node)).unwrap_or_default();
                for (path, template) in &self.common.options {
                    if !own.iter().any(|(taken, _)| taken == path) {
                        own.push((path.clone(), template.clone()));
                    }
                }
                own
            },
            made_of: BTreeMap::new(),
        };
        let made_of = self.made_of(&template);
        let known: BTreeSet<&str> =
            parameters.keys().map(String::as_str).chain(CONTEXT.iter().copied()).collect();
        for (part, names) in &made_of {
            for unknown in names.iter().filter(|name| !known.contains(name.as_str())) {
                let span = match part.as_str() {
                    "name" => name.span,
                    "query" => query.span,
                    "message" => message.span,
                    _ => options.map_or(member.key_span, |node| node.span),
                };
                let mut diagnostic = Diagnostic::at(
                    Code::Catalog,
                    span,
                    format!(
                        "`{part}` of [kinds.{kind}] uses `{unknown}`, which is neither a parameter nor known"
                    ),
                    "",
                );
                if let Some(meant) = closest(unknown, known.iter().copied()) {
                    diagnostic = diagnostic.with_help(format!("did you mean `{meant}`?"));
                }
                self.out.push(diagnostic);
            }
        }
        let made_of = made_of
            .into_iter()
            .map(|(part, names)| {
                (part, names.into_iter().filter(|name| parameters.contains_key(name)).collect())
            })
            .collect();
        Some(MonitorTemplate { made_of, ..template })
    }

    fn made_of(&self, template: &MonitorTemplate) -> BTreeMap<String, Vec<String>> {
        let templates = &self.catalog.templates;
        let mut parts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        parts.insert("name".to_owned(), templates.variables(&template.name));
        parts.insert("query".to_owned(), templates.variables(&template.query));
        let mut message = templates.variables(&template.message);
        if message.contains("footer") {
            message.extend(templates.variables(&self.catalog.footer));
        }
        if message.contains("notify") {
            message.insert("alert_channel".to_owned());
        }
        parts.insert("message".to_owned(), message);
        for (path, template) in &template.options {
            parts.insert(format!("options.{}", path.join(".")), templates.variables(template));
        }
        parts.into_iter().map(|(part, names)| (part, names.into_iter().collect())).collect()
    }

    fn template(&mut self, name: String, node: &Node) -> Option<Template> {
        let Value::String(source) = &node.value else {
            self.complain(node.span, "a template must be a text");
            return None;
        };
        match self.catalog.templates.add(name, source) {
            Ok(template) => Some(template),
            Err(message) => {
                self.out.push(Diagnostic::at(Code::Template, node.span, message, "in this template"));
                None
            }
        }
    }

    /// The leaves of an options table. Lists and anything without a template in it are constants.
    fn options(&mut self, kind: &str, node: &Node) -> Vec<(Vec<String>, Template)> {
        let mut leaves = Vec::new();
        self.option_leaves(kind, node, &mut Vec::new(), &mut leaves);
        leaves
    }

    fn option_leaves(
        &mut self,
        kind: &str,
        node: &Node,
        path: &mut Vec<String>,
        leaves: &mut Vec<(Vec<String>, Template)>,
    ) {
        match &node.value {
            Value::Object(members) => {
                for member in members {
                    path.push(member.key.clone());
                    self.option_leaves(kind, &member.value, path, leaves);
                    path.pop();
                }
            }
            Value::String(_) => {
                if let Some(template) = self.template(format!("{kind}/options/{}", path.join(".")), node) {
                    leaves.push((path.clone(), template));
                }
            }
            _ => leaves.push((path.clone(), Template::Constant(node.to_json()))),
        }
    }

    fn checks(&mut self, node: &Node, parameters: &BTreeMap<String, Parameter>) -> Vec<Check> {
        let Value::Array(items) = &node.value else {
            self.complain(node.span, "`checks` must be a list of tables");
            return Vec::new();
        };
        let mut checks = Vec::new();
        for item in items {
            let mut table = Table::new(item, "a check", Code::Catalog, &mut self.out);
            let that = table.string("that", &mut self.out);
            let message = table.string("message", &mut self.out);
            let parameter = table.string("parameter", &mut self.out);
            table.finish(&mut self.out);
            let (Some(that), Some(message), Some(parameter)) = (that, message, parameter) else {
                self.complain(item.span, "a check needs `that`, `message` and `parameter`");
                continue;
            };
            if !parameters.contains_key(&parameter) {
                self.complain(item.span, format!("there is no parameter `{parameter}`"));
                continue;
            }
            // Compiled once here, for its mistakes alone.
            if let Err(message) = self.catalog.templates.add(String::new(), &format!("${{{that}}}")) {
                self.out.push(Diagnostic::at(Code::Template, item.span, message, "in this condition"));
                continue;
            }
            checks.push(Check { that, message, parameter });
        }
        checks
    }

    fn parameters(&mut self, node: &Node) -> BTreeMap<String, Parameter> {
        let mut parameters = BTreeMap::new();
        for member in node.members() {
            if !self.builtin && CONTEXT.contains(&member.key.as_str()) {
                self.complain(
                    member.key_span,
                    format!("`{}` is taken: templates know it already", member.key),
                );
                continue;
            }
            if let Some(parameter) = self.parameter(member) {
                parameters.insert(member.key.clone(), parameter);
            }
        }
        parameters
    }

    fn parameter(&mut self, member: &Member) -> Option<Parameter> {
        let what = format!("parameter `{}`", member.key);
        let mut table = Table::new(&member.value, &what, Code::Catalog, &mut self.out);
        let kind = table.string("type", &mut self.out);
        let default = table.get("default");
        let required = table.boolean("required", &mut self.out).unwrap_or(false);
        let bounds = ["min", "above", "max"].map(|key| table.get(key));
        let values = table.get("values");
        let help = table.string("help", &mut self.out).unwrap_or_default();
        table.finish(&mut self.out);
        let Some(kind) = kind.as_deref().and_then(ParameterType::parse) else {
            let types: Vec<&str> = ParameterType::names().collect();
            self.complain(member.value.span, format!("`type` of {what} must be one of {}", types.join(", ")));
            return None;
        };
        let [min, above, max] = bounds.map(|node| node.and_then(|node| bound(kind, node)));
        let values = match values.map(Node::to_json) {
            Some(Json::Array(values)) => values,
            _ => Vec::new(),
        };
        let mut parameter = Parameter {
            name: member.key.clone(),
            kind,
            default: Json::Null,
            required,
            min,
            above,
            max,
            values,
            help,
        };
        if kind == ParameterType::Choice && parameter.values.is_empty() {
            self.complain(member.value.span, format!("{what} is a choice and needs `values`"));
        }
        if let Some(node) = default {
            match parameter.check(node) {
                Ok(value) => parameter.default = value,
                Err(refusal) => {
                    self.complain(node.span, format!("the default of {what} is refused: {}", refusal.remark));
                }
            }
        }
        Some(parameter)
    }
}

fn bound(kind: ParameterType, node: &Node) -> Option<f64> {
    match (&node.value, kind) {
        (Value::Int(number), _) => Some(*number as f64),
        (Value::Float(number), _) => Some(*number),
        (Value::String(text), ParameterType::Duration) => seconds(text).map(|s| s as f64),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Sources;

    fn load(text: &str) -> (Catalog, Vec<String>) {
        let mut sources = Sources::default();
        let builtin = sources.add("builtin.toml", BUILTIN);
        let own = sources.add("monitors/own.toml", text);
        let (catalog, diagnostics) = Catalog::load(builtin, &[(own, text)]);
        let lines = diagnostics.iter().map(|d| {
            let place = d.primary.as_ref().map(|label| sources.file_line(label.span)).unwrap_or_default();
            format!("{place} {} {}", d.message, d.helps.join(" "))
        });
        (catalog, lines.collect())
    }

    #[test]
    fn the_embedded_catalog_is_free_of_mistakes() {
        let (catalog, problems) = load("");
        assert_eq!(problems, Vec::<String>::new());
        assert!(catalog.kinds.len() >= 11);
        assert!(catalog.kinds.values().all(|kind| !kind.summary.is_empty()));
    }

    #[test]
    fn a_repository_adds_kinds_in_the_same_format() {
        let (catalog, problems) = load(
            "[kinds.latency_monitor]\ntype = \"query alert\"\nname = \"Latency of ${event}\"\n\
             query = \"avg(last_5m):avg:latency{${filter}} > ${above}\"\nmessage = \"${footer}\"\n\
             [kinds.latency_monitor.parameters]\nabove = { type = \"number\", required = true }\n",
        );
        assert_eq!(problems, Vec::<String>::new());
        let kind = catalog.kind("latency_monitor").unwrap();
        let Builds::Monitor(template) = &kind.builds else { panic!("{kind:?}") };
        assert_eq!(template.made_of["query"], ["above"]);
        assert!(kind.parameters.contains_key("priority"));
    }

    #[test]
    fn mistakes_in_a_catalog_file_are_reported_at_their_line() {
        let (_, problems) = load(
            "[kinds.a_monitor]\ntype = \"query alert\"\nname = \"x\"\nquery = \"${evnt}\"\nmessage = \"${1 +}\"\n\
             [kinds.log_monitor]\n[kinds.b_monitor]\nquerry = \"\"\n[kinds.b_monitor.parameters]\nx = { type = \"int\" }\n",
        );
        let text = problems.join("\n");
        for expected in [
            "own.toml:5 ",
            "own.toml:6 there is a kind `log_monitor`",
            "did you mean `query`?",
            "must be one of",
        ] {
            assert!(text.contains(expected), "{expected} in {text}");
        }
    }
}
