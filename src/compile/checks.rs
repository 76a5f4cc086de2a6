//! What Datadog would refuse, or what could never fire, found before anybody is asked.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::node::{Node, ResourceKind};
use crate::catalog::{Builds, Catalog};
use crate::diag::{Code, Diagnostic, Span};
use crate::query;

/// Checks every monitor by itself.
pub fn each(nodes: &[Node], catalog: &Catalog, out: &mut Vec<Diagnostic>) {
    for node in monitors(nodes) {
        thresholds(node, catalog, out);
        missing_data(node, out);
        routes(node, out);
    }
}

/// Checks all metrics and all monitors against each other.
pub fn twins(nodes: &[Node], out: &mut Vec<Diagnostic>) {
    let mut metrics: HashMap<&str, &Node> = HashMap::new();
    for node in nodes.iter().filter(|node| node.kind == ResourceKind::Metric) {
        let name = text(node, "metric");
        match metrics.get(name) {
            Some(first) => out.push(
                Diagnostic::at(
                    Code::Twin,
                    node.origin,
                    format!("two aggregate metrics are called `{name}`"),
                    "the second",
                )
                .with_secondary(first.origin, "the first")
                .with_help("give one of them another `metric`"),
            ),
            None => {
                metrics.insert(name, node);
            }
        }
    }
    let mut twins: HashMap<[&str; 3], &Node> = HashMap::with_capacity(nodes.len());
    for node in monitors(nodes) {
        let key = ["name", "query", "message"].map(|key| text(node, key));
        match twins.get(&key) {
            Some(first) => out.push(
                Diagnostic::at(
                    Code::Twin,
                    node.origin,
                    format!("`{}` has the name, query and message of `{}`", node.address, first.address),
                    "the second",
                )
                .with_secondary(first.origin, "the first")
                .with_help("give one of them another `name`"),
            ),
            None => {
                twins.insert(key, node);
            }
        }
    }
}

fn monitors(nodes: &[Node]) -> impl Iterator<Item = &Node> {
    nodes.iter().filter(|node| node.kind == ResourceKind::Monitor)
}

fn text<'n>(node: &'n Node, key: &str) -> &'n str {
    node.document.get(key).and_then(Json::as_str).unwrap_or_default()
}

/// The place of the parameter that a part of the document is made of, or of the annotation.
fn place(node: &Node, catalog: &Catalog, part: &str) -> Span {
    let kind = catalog.kind(node.address.kind());
    let made_of = match kind.map(|kind| &kind.builds) {
        Some(Builds::Monitor(template)) => template.made_of.get(part),
        _ => None,
    };
    let parameters = made_of.into_iter().flatten().filter_map(|name| node.parameters.get(name));
    parameters.max_by_key(|parameter| parameter.set_by).map_or(node.origin, |parameter| parameter.span)
}

fn thresholds(node: &Node, catalog: &Catalog, out: &mut Vec<Diagnostic>) {
    let options = node.document.get("options");
    let Some(Json::Object(thresholds)) = options.and_then(|options| options.get("thresholds")) else {
        return;
    };
    let monitor_type = text(node, "type");
    if matches!(monitor_type, "service check" | "composite") {
        return;
    }
    let Some(comparison) = query::comparison(text(node, "query")) else { return };
    let number = |key: &str| thresholds.get(key).and_then(Json::as_f64);
    let mut complain = |key: &str, message: String, help: String| {
        let span = place(node, catalog, &format!("options.thresholds.{key}"));
        out.push(Diagnostic::at(Code::Threshold, span, message, "").with_help(help));
    };
    let Some(critical) = number("critical") else {
        if thresholds.values().any(|value| !value.is_null()) && !thresholds.contains_key("critical_query") {
            complain(
                "critical",
                "thresholds without `critical`".to_owned(),
                format!(
                    "the query compares with {}: \"critical\": {}",
                    comparison.threshold, comparison.threshold
                ),
            );
        }
        return;
    };
    if critical != comparison.threshold {
        complain(
            "critical",
            format!(
                "the critical threshold is {critical}, but the query compares with {}",
                comparison.threshold
            ),
            "Datadog requires the two to be equal".to_owned(),
        );
        return;
    }
    // "Safe" is below for `>` and above for `<`.
    let safe = |value: f64, limit: f64| {
        (comparison.alerts_above() && value < limit) || (comparison.alerts_below() && value > limit)
    };
    let ordered = comparison.alerts_above() || comparison.alerts_below();
    let side = if comparison.alerts_above() { "below" } else { "above" };
    for (key, limit_key) in
        [("warning", "critical"), ("critical_recovery", "critical"), ("warning_recovery", "warning")]
    {
        let Some(value) = number(key) else { continue };
        let Some(limit) = number(limit_key) else {
            complain(key, format!("`{key}` without `{limit_key}`"), format!("give `{limit_key}` as well"));
            continue;
        };
        if ordered && !safe(value, limit) {
            complain(
                key,
                format!("`{key}` is {value}, on the wrong side of `{limit_key}`, {limit}"),
                format!("with `{}` it must be {side} {limit}", comparison.operator),
            );
        }
    }
}

fn missing_data(node: &Node, out: &mut Vec<Diagnostic>) {
    let Some(Json::Object(options)) = node.document.get("options") else { return };
    let on_missing = options.get("on_missing_data").is_some_and(|value| !value.is_null());
    let notify = options.get("notify_no_data") == Some(&Json::Bool(true));
    if on_missing && notify {
        out.push(
            Diagnostic::at(
                Code::ParameterCombination,
                node.origin,
                "`on_missing_data` and `notify_no_data` together",
                "",
            )
            .with_help("they are two ways to say the same; keep `on_missing_data`"),
        );
    }
}

fn routes(node: &Node, out: &mut Vec<Diagnostic>) {
    // A composite's operands often have no route on purpose, but the composite itself then has one.
    if query::handles(text(node, "message")).is_empty() {
        out.push(
            Diagnostic::at(Code::Unrouted, node.origin, format!("`{}` notifies nobody", node.address), "")
                .with_help("put `@alert_channel(\"…\")` before the record or its protocol"),
        );
    }
}
