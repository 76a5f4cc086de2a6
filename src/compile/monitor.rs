//! Monitors from templates, and the monitor that is given as raw JSON.

use minijinja::value::Value as TemplateValue;
use serde_json::Value as Json;

use super::composite;
use super::modifiers::Modifiers;
use super::node::{Node, Parameter, ResourceKind, SetBy};
use super::parameters::{self, Set};
use super::{Compiler, Request};
use crate::catalog::{Kind, MonitorTemplate, Names, context};
use crate::config::{is_reserved_tag, is_tag};
use crate::diag::{Code, Diagnostic};
use crate::model::{Address, Document};
use crate::query;
use crate::value::{Node as JsonNode, Value};

/// Metric facts that the monitors of an aggregate metric refer to.
pub struct MetricFacts {
    /// The gauge's name.
    pub name: String,
    /// The unit of its rate.
    pub per: &'static str,
    /// The node that configures it.
    pub address: Address,
}

/// Builds the monitor of one request; `None` when a mistake was reported.
pub fn from_template(
    compiler: &mut Compiler<'_>,
    request: &Request<'_>,
    template: &MonitorTemplate,
    mut set: Set,
    metric: Option<&MetricFacts>,
) -> Option<Node> {
    let kind = request.kind;
    inherit(&mut set, request.modifiers);
    let mut needs = Vec::new();
    let mut when = None;
    if let Some(parameter) = set.get("when").filter(|_| kind.parameters.contains_key("when")) {
        let text = parameter.value.as_str().unwrap_or_default();
        match composite::parse(text, &request.record.full_name) {
            Ok(expression) => {
                needs.extend(expression.operands.iter().map(|address| (address.clone(), parameter.span)));
                when = Some(expression);
            }
            Err(message) => {
                let span = parameter.span;
                compiler
                    .out
                    .push(Diagnostic::at(Code::Composite, span, message, "").with_help(&kind.example));
                return None;
            }
        }
    }
    let mut names = compiler.names(request, &set, metric);
    if let Some(expression) = &when {
        names.push(("when".into(), TemplateValue::from(expression.query.as_str())));
        names.push(("when_text".into(), TemplateValue::from(expression.text.as_str())));
    }
    let known = context(names.clone());
    if !checks_hold(compiler, request, &set, &known) {
        return None;
    }
    let evaluator = &mut compiler.evaluator;
    let built = (|| {
        let footer = evaluator.render(&compiler.catalog.footer, &known)?;
        names.push(("footer".into(), TemplateValue::from(footer.as_str().unwrap_or_default().trim_end())));
        let context = context(names);
        let name = match set.get("name").and_then(|parameter| parameter.value.as_str()) {
            Some(name) => Json::from(name.trim()),
            None => {
                let name = evaluator.render(&template.name, &context)?;
                match request.id {
                    Some(id) => Json::from(format!("{} ({id})", name.as_str().unwrap_or_default().trim())),
                    None => name,
                }
            }
        };
        let query = evaluator.render(&template.query, &context)?;
        let message = evaluator.render(&template.message, &context)?;
        let mut options = Document::new();
        for (path, template) in &template.options {
            insert(&mut options, path, evaluator.render(template, &context)?);
        }
        Ok::<_, String>((name, query, message, options))
    })();
    let (name, query, message, options) = match built {
        Ok(parts) => parts,
        Err(message) => {
            let message = format!("a template of `{}` failed: {message}", kind.name);
            compiler.out.push(Diagnostic::at(Code::Template, request.span, message, ""));
            return None;
        }
    };
    let tags = tags(compiler, request, set.get("tags"))?;
    let priority = set.get("priority").map_or(Json::Null, |parameter| parameter.value.clone());
    let mut document = Document::new();
    document.insert("type".to_owned(), template.monitor_type.clone().into());
    document.insert("name".to_owned(), trimmed(name));
    document.insert("query".to_owned(), trimmed(query));
    document.insert("message".to_owned(), trimmed(message));
    document.insert("priority".to_owned(), priority);
    document.insert("tags".to_owned(), tags);
    document.insert("options".to_owned(), Json::Object(options));
    if let Some(facts) = metric {
        needs.push((facts.address.clone(), request.span));
    }
    Some(node(request, document, set, needs))
}

/// Builds the monitor that the annotation's value is.
pub fn from_json(compiler: &mut Compiler<'_>, request: &Request<'_>, value: &JsonNode) -> Option<Node> {
    let mut document = Document::new();
    for member in value.members().iter().filter(|member| member.key != "id" || request.id.is_none()) {
        document.insert(member.key.clone(), trimmed(member.value.to_json()));
    }
    let mut complete = true;
    for required in ["type", "query"] {
        if document.get(required).is_none_or(|value| value.as_str().is_none_or(|text| text.trim().is_empty()))
        {
            let message = format!("`@{}` needs `{required}`, a text", request.kind.name);
            compiler.out.push(
                Diagnostic::at(Code::MissingParameter, request.span, message, "")
                    .with_help(format!("for example {}", request.kind.example)),
            );
            complete = false;
        }
    }
    for (key, right) in [
        ("options", Json::is_object as fn(&Json) -> bool),
        ("message", Json::is_string),
        ("name", Json::is_string),
    ] {
        if let (Some(found), Some(node)) = (document.get(key), value.get(key))
            && !right(found)
        {
            let message = format!("`{key}` cannot be {}", node.type_name());
            compiler.out.push(Diagnostic::at(Code::ParameterType, node.span, message, ""));
            complete = false;
        }
    }
    if let Some(node) =
        value.get("name").filter(|node| node.as_str().is_some_and(|name| name.trim().is_empty()))
    {
        compiler.out.push(Diagnostic::at(Code::ParameterRange, node.span, "`name` is empty", ""));
        complete = false;
    }
    for read_only in ["created", "creator", "deleted", "modified", "overall_state", "state"] {
        if let Some(member) = value.members().iter().find(|member| member.key == read_only) {
            let message = format!("`{read_only}` is set by Datadog alone");
            compiler.out.push(Diagnostic::at(
                Code::UnknownParameter,
                member.key_span,
                message,
                "remove this",
            ));
            complete = false;
        }
    }
    if let Some(node) = value.get("tags") {
        let wrong = match &node.value {
            Value::Array(items) => items.iter().find(|item| !matches!(item.value, Value::String(_))),
            _ => Some(node),
        };
        if let Some(wrong) = wrong {
            let message = format!("`tags` is a list of texts; this is {}", wrong.type_name());
            compiler.out.push(Diagnostic::at(Code::ParameterType, wrong.span, message, ""));
            complete = false;
        }
    }
    let own_tags = value.get("tags").map(|node| match node.to_json() {
        Json::Array(tags) => tags,
        _ => Vec::new(),
    });
    let own_tags = own_tags.map(|tags| Parameter {
        value: Json::Array(tags),
        set_by: SetBy::Annotation,
        span: value.get("tags").map_or(request.span, |node| node.span),
    });
    let tags = tags(compiler, request, own_tags.as_ref())?;
    if !complete {
        return None;
    }
    document.insert("tags".to_owned(), tags);
    if !document.contains_key("name") {
        document.insert("name".to_owned(), request.address.subject().into());
    }
    let message = document.get("message").and_then(Json::as_str).unwrap_or_default().to_owned();
    let message = with_handles(message, request.modifiers);
    document.insert("message".to_owned(), message.into());
    if let Some((priority, _)) = request.modifiers.priority
        && !document.contains_key("priority")
    {
        document.insert("priority".to_owned(), priority.into());
    }
    let mut needs = Vec::new();
    if document.get("type").and_then(Json::as_str) == Some("composite") {
        let query = document.get("query").and_then(Json::as_str).unwrap_or_default();
        for operand in composite::references(query) {
            match Address::parse(operand) {
                Ok(address) => needs.push((address, request.span)),
                Err(error) => {
                    compiler.out.push(Diagnostic::at(Code::Composite, request.span, error.to_string(), ""));
                    return None;
                }
            }
        }
    }
    Some(node(request, document, Set::new(), needs))
}

fn with_handles(message: String, modifiers: &Modifiers) -> String {
    let Some((handles, _)) = &modifiers.alert_channel else { return message };
    let present = query::handles(&message);
    let missing: Vec<&str> =
        handles.iter().map(String::as_str).filter(|handle| !present.contains(handle)).collect();
    match (missing.is_empty(), message.is_empty()) {
        (true, _) => message,
        (false, true) => missing.join(" "),
        (false, false) => format!("{}\n{}", message.trim_end(), missing.join(" ")),
    }
}

fn node(
    request: &Request<'_>,
    document: Document,
    parameters: Set,
    needs: Vec<(Address, crate::diag::Span)>,
) -> Node {
    Node {
        address: request.address.clone(),
        former: request.former.clone(),
        kind: ResourceKind::Monitor,
        document,
        origin: request.span,
        parameters,
        needs,
        rule: None,
    }
}

/// Modifiers stand below the annotation's own parameters and above the configured defaults.
fn inherit(set: &mut Set, modifiers: &Modifiers) {
    let mut offer = |name: &str, value: Option<(Json, crate::diag::Span)>| {
        let taken = set.get(name).is_some_and(|parameter| parameter.set_by == SetBy::Annotation);
        if let Some((value, span)) = value.filter(|_| !taken) {
            set.insert(name.to_owned(), Parameter { value, set_by: SetBy::Modifier, span });
        }
    };
    let channels = modifiers.alert_channel.as_ref();
    offer("alert_channel", channels.map(|(handles, span)| (Json::from(handles.clone()), *span)));
    offer("priority", modifiers.priority.map(|(number, span)| (number.into(), span)));
}

fn checks_hold(
    compiler: &mut Compiler<'_>,
    request: &Request<'_>,
    set: &Set,
    context: &TemplateValue,
) -> bool {
    let mut hold = true;
    for check in &request.kind.checks {
        let span = set.get(&check.parameter).map_or(request.span, |parameter| parameter.span);
        match compiler.evaluator.holds(&check.that, context) {
            Ok(true) => continue,
            Ok(false) => compiler.out.push(
                Diagnostic::at(Code::ParameterCombination, span, check.message.clone(), "")
                    .with_help(format!("for example {}", request.kind.example)),
            ),
            Err(message) => compiler.out.push(Diagnostic::at(Code::Template, span, message, "")),
        }
        hold = false;
    }
    hold
}

/// Whether the conditions of a kind that builds no monitor hold.
pub fn conditions_hold(compiler: &mut Compiler<'_>, request: &Request<'_>, set: &Set) -> bool {
    let context = context(compiler.names(request, set, None));
    checks_hold(compiler, request, set, &context)
}

fn tags(compiler: &mut Compiler<'_>, request: &Request<'_>, own: Option<&Parameter>) -> Option<Json> {
    let address_tag = format!("bellwether:{}", request.address);
    if !is_tag(&address_tag) {
        compiler.out.push(
            Diagnostic::at(Code::Tag, request.span, format!("the address `{}` does not fit into a tag", request.address), "")
                .with_help("Datadog's tags have at most 200 characters: shorten the `id`, the record's name or its namespace"),
        );
        return None;
    }
    let mut tags = vec![compiler.environment.tag.clone(), address_tag];
    let own_tags = own.and_then(|parameter| parameter.value.as_array()).into_iter().flatten();
    for tag in request.modifiers.tags.iter().map(String::as_str).chain(own_tags.filter_map(Json::as_str)) {
        let span = own.map_or(request.span, |parameter| parameter.span);
        if is_reserved_tag(tag) {
            compiler.out.push(Diagnostic::at(
                Code::Tag,
                span,
                format!("`{tag}` is set by bellwether alone"),
                "",
            ));
            return None;
        }
        // The mark of an environment says whose a monitor is: another one's would hand the monitor over.
        let marks = |name: &&String| compiler.config.environments.get(*name).is_some_and(|e| e.tag == tag);
        if let Some(name) =
            compiler.config.environments.keys().find(marks).filter(|_| tag != compiler.environment.tag)
        {
            let message = format!("`{tag}` marks the monitors of the environment `{name}`");
            compiler.out.push(Diagnostic::at(Code::Tag, span, message, ""));
            return None;
        }
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    Some(Json::from(tags))
}

fn trimmed(value: Json) -> Json {
    match value {
        Json::String(text) => {
            let short = text.trim();
            if short.len() == text.len() { Json::String(text) } else { Json::from(short) }
        }
        other => other,
    }
}

fn insert(options: &mut Document, path: &[String], value: Json) {
    match path {
        [] => {}
        [last] => {
            options.insert(last.clone(), value);
        }
        [first, rest @ ..] => {
            let inner = options.entry(first.clone()).or_insert_with(|| Json::Object(Document::new()));
            if let Json::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}

impl Compiler<'_> {
    /// Everything that templates may name.
    fn names(&self, request: &Request<'_>, set: &Set, metric: Option<&MetricFacts>) -> Names {
        let kind: &Kind = request.kind;
        let event = request.record.name();
        let event_tag = event.to_lowercase();
        let scope = &self.environment.scope;
        let filter = if scope.is_empty() {
            format!("event:{event_tag}")
        } else {
            format!("event:{event_tag},{scope}")
        };
        let text = |name: &'static str, value: &str| (name.into(), TemplateValue::from(value));
        let optional = |name: &'static str, value: Option<&str>| {
            (name.into(), value.map_or_else(|| TemplateValue::from(()), TemplateValue::from))
        };
        let owner = request.modifiers.owner.as_ref().map(|(text, _)| text.as_str());
        let runbook = request.modifiers.runbook.as_ref().map(|(text, _)| text.as_str());
        let notify = match parameters::value(kind, set, "alert_channel") {
            Json::Array(handles) => handles.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(" "),
            _ => String::new(),
        };
        let mut names = vec![
            text("environment", self.environment_name),
            text("received", &self.config.metrics.received),
            text("errors", &self.config.metrics.errors),
            text("event", event),
            text("event_tag", &event_tag),
            text("record", &request.record.full_name),
            text("scope", scope),
            text("filter", &filter),
            text("notify", &notify),
            optional("owner", owner),
            optional("runbook", runbook),
            optional("id", request.id),
            optional("field", request.field.map(|field| field.name.as_str())),
        ];
        if let Some(facts) = metric {
            names.push(text("metric", &facts.name));
            names.push(text("per", facts.per));
        }
        for parameter in kind.parameters.values() {
            let value = set.get(&parameter.name).map_or(&parameter.default, |given| &given.value);
            names.push((parameter.name.clone().into(), template_value(value)));
        }
        names
    }
}

fn template_value(value: &Json) -> TemplateValue {
    match value {
        Json::Null => TemplateValue::from(()),
        Json::Bool(flag) => TemplateValue::from(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => TemplateValue::from(number),
            (None, Some(number)) => TemplateValue::from(number),
            (None, None) => TemplateValue::from(()),
        },
        Json::String(text) => TemplateValue::from(text.as_str()),
        other => minijinja::value::Serde(other).into(),
    }
}
