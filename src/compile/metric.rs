//! Aggregate metrics: the gauge's configuration in Datadog and the rule that the aggregator runs.

use serde_json::{Value as Json, json};

use super::monitor::{MetricFacts, conditions_hold};
use super::node::{Node, ResourceKind};
use super::parameters::{Set, value};
use super::{Compiler, Request};
use crate::aggregate::{Per, Rule};
use crate::config::is_metric_name;
use crate::diag::{Code, Diagnostic};
use crate::model::Document;
use crate::normalise::{ADDRESS_TAG, put, rev};
use crate::units::seconds;

/// Builds the node of one `@aggregate_metric`, and the facts that its monitors need.
pub fn build(compiler: &mut Compiler<'_>, request: &Request<'_>, set: Set) -> Option<(Node, MetricFacts)> {
    if !conditions_hold(compiler, request, &set) {
        return None;
    }
    let kind = request.kind;
    let field = request.field?;
    let parameter = |name: &str| value(kind, &set, name);
    let number = |name: &str| parameter(name).as_u64().unwrap_or_default();
    let duration = |name: &str| parameter(name).as_str().and_then(seconds).unwrap_or_default();
    let name = match parameter("metric") {
        Json::String(name) => name,
        _ => format!("{}.{}.top_rate", snake_case(request.record.name()), snake_case(&field.name)),
    };
    if !is_metric_name(&name) {
        let message = format!("`{name}` is not a metric name that Datadog would keep");
        compiler.out.push(
            Diagnostic::at(Code::ParameterRange, request.span, message, "")
                .with_help("give it one of ASCII letters, digits, `_` and `.`: {\"metric\": \"…\"}"),
        );
        return None;
    }
    let per = parameter("per").as_str().and_then(Per::parse).unwrap_or(Per::Hour);
    let constant_tags = compiler.environment.constant_tags();
    let mut keys: Vec<String> =
        constant_tags.iter().filter_map(|tag| tag.split_once(':')).map(|(key, _)| key.to_owned()).collect();
    if let Json::Array(own) = parameter("tags") {
        keys.extend(own.iter().filter_map(Json::as_str).map(str::to_owned));
    }
    keys.sort();
    keys.dedup();
    let (top, ids_per_hour) = (number("top"), number("ids_per_hour"));
    let rule = Rule {
        address: request.address.clone(),
        record: request.record.full_name.clone(),
        field: field.name.clone(),
        metric: name.clone(),
        per,
        window_seconds: duration("window"),
        pane_seconds: duration("pane"),
        top,
        ids_per_hour,
        capacity: number("capacity"),
        tags: constant_tags,
        threshold: None,
        series_per_hour: Rule::series(top, ids_per_hour),
    };
    // The description says what the series cost and whose it is, where people look at the metric in Datadog. A metric
    // has no tags of its own, so the address and the hash stand there as well.
    let text = format!(
        "Highest rate of one {} in {}, per {}. At most {} series an hour. {ADDRESS_TAG}{}",
        field.name,
        request.record.name(),
        per.as_str(),
        rule.series_per_hour,
        request.address
    );
    let mut document = object(json!({
        "metric": name,
        "metadata": {
            "type": "gauge",
            "unit": "event",
            "per_unit": per.as_str(),
            "short_name": format!("top rate by {}", field.name),
            "description": text,
        },
        "tag_configuration": {"metric_type": "gauge", "tags": keys},
    }));
    let marked = format!("{text}@{} for {}", rev(&document), compiler.environment.tag);
    put(&mut document, "metadata.description", marked.into());
    let facts = MetricFacts { name, per: per.as_str(), address: request.address.clone() };
    let node = Node {
        address: request.address.clone(),
        former: request.former.clone(),
        kind: ResourceKind::Metric,
        document,
        origin: request.span,
        parameters: set,
        needs: Vec::new(),
        rule: Some(rule),
    };
    Some((node, facts))
}

fn object(value: Json) -> Document {
    match value {
        Json::Object(document) => document,
        _ => Document::new(),
    }
}

/// `AddToCartEvent` as `add_to_cart_event`: Datadog's metric names are lower case by custom.
fn snake_case(name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (index, c) in characters.iter().enumerate() {
        let after_lower =
            index > 0 && (characters[index - 1].is_lowercase() || characters[index - 1].is_numeric());
        let before_lower = index > 0
            && characters[index - 1].is_uppercase()
            && characters.get(index + 1).is_some_and(|next| next.is_lowercase());
        if c.is_uppercase() && (after_lower || before_lower) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn names_become_snake_case() {
        assert_eq!(snake_case("ExperimentExposureEvent"), "experiment_exposure_event");
        assert_eq!(snake_case("HTTPRequest2Event"), "http_request2_event");
        assert_eq!(snake_case("experiment_id"), "experiment_id");
    }
}
