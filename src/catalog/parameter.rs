//! Parameters of annotation kinds: their types, ranges and defaults, and the check of a given value.

use serde_json::Value as Json;

use crate::config::{is_metric_name, is_reserved_tag, is_tag};
use crate::diag::{Code, Span};
use crate::suggest::closest;
use crate::units::{duration_text, number_value, plain, seconds, window_text};
use crate::value::{Node, Value};

/// One parameter of a kind.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ParameterType,
    /// Used when nobody gives it; null when there is no default.
    pub default: Json,
    /// Whether the annotation or the defaults must give it.
    pub required: bool,
    /// The least allowed value; for durations in seconds.
    pub min: Option<f64>,
    /// A value that must be exceeded.
    pub above: Option<f64>,
    /// The greatest allowed value; for durations in seconds.
    pub max: Option<f64>,
    /// The allowed values, where they are few.
    pub values: Vec<Json>,
    /// One line for people.
    pub help: String,
}

/// What a parameter may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Text for people, several lines if need be.
    Text,
    /// One of a few words.
    Choice,
    /// A length of time such as `15m`, `4h`, `1d`, `1w`.
    Duration,
    /// A length of time that Datadog takes for the window of an evaluation: whole minutes.
    Window,
    /// One line that goes into a query; quotes are escaped there.
    Query,
    /// The key of a tag or an attribute.
    TagKey,
    /// A list of tag keys.
    TagKeys,
    /// A list of tags.
    Tags,
    /// Handles to notify: a text or a list of texts.
    Handles,
    /// The name of a metric.
    MetricName,
    /// Addresses joined by `&&`, `||`, `!` and parentheses.
    Expression,
}

impl ParameterType {
    const NAMES: &[(&str, Self)] = &[
        ("integer", Self::Integer),
        ("number", Self::Number),
        ("boolean", Self::Boolean),
        ("text", Self::Text),
        ("choice", Self::Choice),
        ("duration", Self::Duration),
        ("window", Self::Window),
        ("query", Self::Query),
        ("tag_key", Self::TagKey),
        ("tag_keys", Self::TagKeys),
        ("tags", Self::Tags),
        ("handles", Self::Handles),
        ("metric_name", Self::MetricName),
        ("expression", Self::Expression),
    ];

    /// The type that catalog files call `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// The names of all types, as catalog files write them.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().map(|(name, _)| *name)
    }

    /// The name that catalog files use.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    fn expected(self) -> &'static str {
        match self {
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Boolean => "true or false",
            Self::Text => "a text",
            Self::Choice => "one of the allowed values",
            Self::Window => "a duration of whole minutes such as \"15m\", \"4h\" or \"1d\"",
            Self::Duration => "a duration such as \"15m\", \"4h\" or \"1d\"",
            Self::Query => "a text of one line",
            Self::TagKey => "a tag's key",
            Self::TagKeys => "a list of tag keys",
            Self::Tags => "a list of tags",
            Self::Handles => "a text or a list of texts",
            Self::MetricName => "a metric's name",
            Self::Expression => "addresses joined by `&&`, `||` and `!`",
        }
    }
}

/// Why a value was refused.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// What kind of mistake it is.
    pub code: Code,
    /// The value, or the element of it, that is wrong.
    pub span: Span,
    /// The whole sentence.
    pub message: String,
    /// The remark under the value.
    pub remark: String,
    /// What was most likely meant, as it would be written.
    pub meant: Option<String>,
}

impl Parameter {
    /// The value of `node` if this parameter may have it.
    ///
    /// # Errors
    ///
    /// The reason to refuse it.
    pub fn check(&self, node: &Node) -> Result<Json, Refusal> {
        if matches!(node.value, Value::Null) && !self.required {
            return Ok(Json::Null);
        }
        let value = self.typed(node).map_err(|(span, remark)| Refusal {
            code: Code::ParameterType,
            span,
            message: format!("`{}` must be {}", self.name, self.kind.expected()),
            remark,
            meant: self.unquoted(node),
        })?;
        self.ranged(value, node.span)
    }

    /// The number or flag that a text holds, if this parameter would take it.
    fn unquoted(&self, node: &Node) -> Option<String> {
        let text = node.as_str()?.trim();
        let value = match serde_json::from_str(text).ok()? {
            Json::Bool(flag) => Value::Bool(flag),
            Json::Number(number) => number.as_i64().map(Value::Int).or(number.as_f64().map(Value::Float))?,
            _ => return None,
        };
        let unquoted = self.typed(&Node { span: node.span, value }).is_ok();
        unquoted.then(|| text.to_owned())
    }

    /// The value, or what is wrong with it and where.
    fn typed(&self, node: &Node) -> Result<Json, (Span, String)> {
        match self.kind {
            ParameterType::TagKeys => list(node, tag_key),
            ParameterType::Tags => list(node, |text| {
                if is_reserved_tag(text) {
                    return Err(format!("`{text}` is set by bellwether alone"));
                }
                is_tag(text).then(|| Json::from(text)).ok_or_else(|| format!("`{text}` is not a tag"))
            }),
            ParameterType::Handles if node.elements().is_some() => {
                list(node, |text| handle(text).map(Json::from))
            }
            _ => self.scalar(node).map_err(|remark| (node.span, remark)),
        }
    }

    fn scalar(&self, node: &Node) -> Result<Json, String> {
        let found = || format!("this is {}", node.type_name());
        let text = || match &node.value {
            Value::String(text) => Ok(text.as_str()),
            _ => Err(found()),
        };
        let one_line = |text: &str| {
            let control = text.chars().any(char::is_control);
            if text.trim().is_empty() {
                Err("this is empty".to_owned())
            } else if control {
                Err("this has a line break or another control character".to_owned())
            } else {
                Ok(Json::from(text.trim()))
            }
        };
        match self.kind {
            ParameterType::Integer => match node.value {
                Value::Int(number) => Ok(number.into()),
                // 4.0 is what some JSON writers make of 4.
                Value::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
                    Ok((number as i64).into())
                }
                _ => Err(found()),
            },
            ParameterType::Number => match node.value {
                Value::Int(number) => Ok(number.into()),
                Value::Float(number) => {
                    number_value(number).ok_or_else(|| "this is no finite number".to_owned())
                }
                _ => Err(found()),
            },
            ParameterType::Boolean => match node.value {
                Value::Bool(flag) => Ok(flag.into()),
                _ => Err(found()),
            },
            ParameterType::Text => text().map(Json::from),
            ParameterType::Choice => text().map(Json::from),
            ParameterType::Duration => {
                let text = text()?;
                seconds(text).map(|_| Json::from(text)).ok_or_else(|| "this is no duration".to_owned())
            }
            ParameterType::Window => {
                let text = text()?;
                match seconds(text) {
                    Some(seconds) if seconds.is_multiple_of(60) => Ok(Json::from(window_text(seconds))),
                    Some(_) => Err("these are no whole minutes".to_owned()),
                    None => Err("this is no duration".to_owned()),
                }
            }
            ParameterType::Query | ParameterType::Expression => one_line(text()?),
            ParameterType::TagKey => tag_key(text()?),
            ParameterType::MetricName => {
                let text = text()?;
                is_metric_name(text).then(|| Json::from(text)).ok_or_else(|| {
                    "a letter, then letters, digits, `_` and `.`, at most 200 characters".to_owned()
                })
            }
            ParameterType::Handles => Ok(Json::Array(vec![handle(text()?)?.into()])),
            // Lists are read element by element.
            ParameterType::TagKeys | ParameterType::Tags => Err(found()),
        }
    }

    fn ranged(&self, value: Json, span: Span) -> Result<Json, Refusal> {
        let refusal = |message: String, remark: String| Refusal {
            code: Code::ParameterRange,
            span,
            message,
            remark,
            meant: None,
        };
        if !self.values.is_empty() && !self.values.iter().any(|allowed| same(allowed, &value)) {
            let allowed: Vec<String> = self.values.iter().map(plain).collect();
            let message = format!("`{}` cannot be {}", self.name, plain(&value));
            let refusal = refusal(message, format!("one of {}", allowed.join(", ")));
            let texts = self.values.iter().filter_map(Json::as_str);
            let meant =
                value.as_str().and_then(|text| closest(text, texts)).map(|meant| format!("{meant:?}"));
            return Err(Refusal { meant, ..refusal });
        }
        let number = match (self.kind, &value) {
            (ParameterType::Duration | ParameterType::Window, Json::String(text)) => {
                seconds(text).map(|s| s as f64)
            }
            (_, value) => value.as_f64(),
        };
        let unit = |bound: f64| match self.kind {
            ParameterType::Duration | ParameterType::Window => duration_text(bound as u64),
            _ => plain(&number_value(bound).unwrap_or(Json::Null)),
        };
        let Some(number) = number else { return Ok(value) };
        let out_of_range = format!("`{}` is out of range", self.name);
        if let Some(min) = self.min.filter(|min| number < *min) {
            return Err(refusal(out_of_range, format!("below the minimum of {}", unit(min))));
        }
        if let Some(above) = self.above.filter(|above| number <= *above) {
            return Err(refusal(out_of_range, format!("must be above {}", unit(above))));
        }
        if let Some(max) = self.max.filter(|max| number > *max) {
            return Err(refusal(out_of_range, format!("above the maximum of {}", unit(max))));
        }
        Ok(value)
    }

    /// The allowed range or values in words, empty when anything goes.
    pub fn range_text(&self) -> String {
        let bound = |bound: f64| match self.kind {
            ParameterType::Duration | ParameterType::Window => duration_text(bound as u64),
            _ => plain(&number_value(bound).unwrap_or(Json::Null)),
        };
        if !self.values.is_empty() {
            return self.values.iter().map(plain).collect::<Vec<_>>().join(", ");
        }
        match (self.min, self.above, self.max) {
            (Some(min), _, Some(max)) => format!("{} to {}", bound(min), bound(max)),
            (_, Some(above), Some(max)) => format!("above {}, to {}", bound(above), bound(max)),
            (Some(min), _, None) => format!("{} or more", bound(min)),
            (_, Some(above), None) => format!("above {}", bound(above)),
            (None, None, Some(max)) => format!("up to {}", bound(max)),
            (None, None, None) => String::new(),
        }
    }
}

/// The elements of a list of texts, each read by `item`; the span is that of the wrong element.
fn list(node: &Node, item: impl Fn(&str) -> Result<Json, String>) -> Result<Json, (Span, String)> {
    let Some(elements) = node.elements() else {
        return Err((node.span, format!("this is {}", node.type_name())));
    };
    let elements = elements.iter().map(|element| match &element.value {
        Value::String(text) => item(text).map_err(|remark| (element.span, remark)),
        _ => Err((element.span, format!("this is {}, not a text", element.type_name()))),
    });
    elements.collect::<Result<Vec<_>, _>>().map(Json::Array)
}

fn same(a: &Json, b: &Json) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn tag_key(text: &str) -> Result<Json, String> {
    let fine = !text.is_empty()
        && text.len() <= 200
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '@')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./@".contains(c));
    fine.then(|| Json::from(text)).ok_or_else(|| format!("`{text}` is not a tag's key"))
}

/// A handle as Datadog writes it, `@slack-cart-alerts`.
///
/// `cart-alerts` and `#cart-alerts` mean a Slack channel. A name that starts with the prefix of one of
/// Datadog's integrations keeps it, and an e-mail address stays what it is.
///
/// # Errors
///
/// When Datadog would not take the text for one handle.
pub fn handle(text: &str) -> Result<String, String> {
    const INTEGRATIONS: &[&str] = &[
        "slack-",
        "pagerduty-",
        "pagerduty",
        "opsgenie-",
        "webhook-",
        "teams-",
        "hangouts-",
        "servicenow-",
        "jira-",
        "case-",
        "team-",
        "oncall-",
        "sns-",
        "victorops-",
        "workflow-",
        "incident-",
        "all",
        "here",
    ];
    let trimmed = text.trim();
    let explicit = trimmed.strip_prefix('@');
    let (name, is_channel) = match trimmed.strip_prefix('#') {
        Some(channel) => (channel, true),
        None => (explicit.unwrap_or(trimmed), false),
    };
    let fine = |c: char| c.is_alphanumeric() || "_-.@+/".contains(c);
    if name.is_empty() || !name.chars().all(fine) || !name.starts_with(char::is_alphanumeric) {
        return Err(format!("`{text}` is not a handle"));
    }
    let known = name.contains('@')
        || INTEGRATIONS.iter().any(|prefix| match prefix.strip_suffix('-') {
            Some(_) => name.starts_with(prefix),
            None => name == *prefix,
        });
    Ok(match (is_channel, known, explicit.is_some()) {
        (true, _, _) => format!("@slack-{}", name.strip_prefix("slack-").unwrap_or(name)),
        (false, true, _) | (false, false, true) => format!("@{name}"),
        (false, false, false) => format!("@slack-{name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_spelling_of_a_channel_becomes_its_handle() {
        for (written, handle_) in [
            ("cart-alerts", "@slack-cart-alerts"),
            ("slack-cart-alerts", "@slack-cart-alerts"),
            ("@slack-cart-alerts", "@slack-cart-alerts"),
            ("#cart-alerts", "@slack-cart-alerts"),
            ("@pagerduty-x", "@pagerduty-x"),
            ("jane@example.com", "@jane@example.com"),
            ("@jane@example.com", "@jane@example.com"),
            (" @some-team ", "@some-team"),
        ] {
            assert_eq!(handle(written).as_deref(), Ok(handle_), "{written}");
        }
        for wrong in ["", "@", "two words", "a,b", "#"] {
            assert!(handle(wrong).is_err(), "{wrong:?}");
        }
    }
}
