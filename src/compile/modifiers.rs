//! Modifiers: `@alert_channel`, `@priority`, `@runbook`, `@owner` and `@monitor_tags`, from protocol and record.

use crate::catalog::handle;
use crate::config::{is_reserved_tag, is_tag};
use crate::diag::{Code, Diagnostic, Span};
use crate::schema::Annotation;
use crate::value::{Node, Value};

/// The modifiers that apply to the monitors of one record, each with the place that set it.
#[derive(Debug, Clone, Default)]
pub struct Modifiers {
    /// Handles to notify.
    pub alert_channel: Option<(Vec<String>, Span)>,
    /// Priority 1 to 5.
    pub priority: Option<(i64, Span)>,
    /// A URL.
    pub runbook: Option<(String, Span)>,
    /// Who answers for the event.
    pub owner: Option<(String, Span)>,
    /// Tags, those of the protocol and those of the record together.
    pub tags: Vec<String>,
}

impl Modifiers {
    /// Reads the modifiers among `annotations` over those of the protocol around the record.
    pub fn overlay(&self, annotations: &[Annotation], out: &mut Vec<Diagnostic>) -> Self {
        let mut modifiers = self.clone();
        for annotation in annotations {
            let span = annotation.value.span;
            let result = match annotation.name.as_str() {
                "alert_channel" => {
                    handles(&annotation.value).map(|handles| modifiers.alert_channel = Some((handles, span)))
                }
                "priority" => {
                    priority(&annotation.value).map(|number| modifiers.priority = Some((number, span)))
                }
                "runbook" => url(&annotation.value).map(|text| modifiers.runbook = Some((text, span))),
                "owner" => line(&annotation.value).map(|text| modifiers.owner = Some((text, span))),
                "monitor_tags" => tags(&annotation.value).map(|tags| {
                    for tag in tags {
                        if !modifiers.tags.contains(&tag) {
                            modifiers.tags.push(tag);
                        }
                    }
                }),
                _ => continue,
            };
            if let Err((code, span, remark)) = result {
                let message = format!("the value of `@{}` is not right", annotation.name);
                let mut diagnostic = Diagnostic::at(code, span, message, remark);
                if let Some(number) = quoted_priority(annotation) {
                    diagnostic =
                        diagnostic.with_help(format!("did you mean `{number}`?")).with_fix(span, number);
                }
                out.push(diagnostic);
            }
        }
        modifiers
    }
}

type Refused = (Code, Span, String);

fn text(node: &Node, code: Code) -> Result<&str, Refused> {
    match &node.value {
        Value::String(text) => Ok(text),
        _ => Err((code, node.span, format!("this is {}, not a text", node.type_name()))),
    }
}

fn texts(node: &Node, code: Code) -> Result<Vec<(&str, Span)>, Refused> {
    match &node.value {
        Value::Array(items) => items.iter().map(|item| Ok((text(item, code)?, item.span))).collect(),
        _ => Ok(vec![(text(node, code)?, node.span)]),
    }
}

fn handles(node: &Node) -> Result<Vec<String>, Refused> {
    let mut handles = Vec::new();
    for (text, span) in texts(node, Code::Channel)? {
        let handle = handle(text).map_err(|message| (Code::Channel, span, message))?;
        if !handles.contains(&handle) {
            handles.push(handle);
        }
    }
    Ok(handles)
}

/// The number that a text such as `"2"` or `"P2"` means as a priority.
fn quoted_priority(annotation: &Annotation) -> Option<&str> {
    let text = annotation.value.as_str().filter(|_| annotation.name == "priority")?;
    let number = text.strip_prefix(['P', 'p']).unwrap_or(text);
    matches!(number, "1" | "2" | "3" | "4" | "5").then_some(number)
}

fn priority(node: &Node) -> Result<i64, Refused> {
    match node.value {
        Value::Int(number @ 1..=5) => Ok(number),
        Value::Int(_) => Err((Code::ParameterRange, node.span, "priorities go from 1 to 5".to_owned())),
        _ => {
            Err((Code::ParameterType, node.span, format!("this is {}, not a whole number", node.type_name())))
        }
    }
}

fn line(node: &Node) -> Result<String, Refused> {
    let text = text(node, Code::ParameterType)?.trim();
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err((Code::ParameterType, node.span, "a text of one line".to_owned()));
    }
    Ok(text.to_owned())
}

fn url(node: &Node) -> Result<String, Refused> {
    let text = line(node)?;
    let is_url = text.starts_with("https://") || text.starts_with("http://");
    if !is_url || text.contains(char::is_whitespace) {
        return Err((Code::ParameterType, node.span, "a URL, https://…".to_owned()));
    }
    Ok(text)
}

fn tags(node: &Node) -> Result<Vec<String>, Refused> {
    let mut tags = Vec::new();
    for (text, span) in texts(node, Code::ParameterType)? {
        if is_reserved_tag(text) {
            return Err((Code::Tag, span, "this tag is set by bellwether alone".to_owned()));
        }
        if !is_tag(text) {
            return Err((
                Code::Tag,
                span,
                "a letter, then letters, digits and `_-:./`, at most 200".to_owned(),
            ));
        }
        tags.push(text.to_owned());
    }
    Ok(tags)
}
