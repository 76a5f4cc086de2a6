//! Guards: what keeps a plan from being applied, judged before the first write.

use std::collections::BTreeMap;

use super::types::{Blocked, Change, Plan};
use crate::aggregate::series_per_hour;
use crate::compile::{DesiredGraph, ResourceKind, composite};
use crate::config::{Budget, Guard};
use crate::diff::ChangedBy;

fn blocked(guard: &str, message: String, help: String) -> Blocked {
    Blocked { guard: guard.to_owned(), address: None, message, help }
}

/// Judges a plan against the brakes of `[guard]`. `managed` counts the live monitors that are ours.
pub fn judge(plan: &Plan, guard: &Guard, managed: u64, allow_deletes: Option<u64>) -> Vec<Blocked> {
    let mut found = Vec::new();
    let deletes = plan.monitor_deletes();
    let limit = guard.max_deletes.allowed(managed);
    match allow_deletes {
        Some(allowed) if allowed != deletes && deletes > 0 => found.push(blocked(
            "max_deletes",
            format!("--allow-deletes says {allowed}, but the plan deletes {deletes}"),
            format!("if that is right: --allow-deletes {deletes}"),
        )),
        None if deletes > limit => {
            let percent = deletes as f64 * 100.0 / managed.max(1) as f64;
            found.push(blocked(
                "max_deletes",
                format!(
                    "{deletes} deletes of {managed} managed monitors are {percent:.1}%, the limit is {}",
                    guard.max_deletes
                ),
                format!("if that is right: --allow-deletes {deletes}"),
            ));
        }
        _ => {}
    }
    found
}

/// Judges composites whose operands are neither live nor part of the plan: `--only` left them out.
pub fn judge_operands(changes: &[Change]) -> Vec<Blocked> {
    let planned = |address: &str| changes.iter().any(|change| change.address.as_str() == address);
    let mut found = Vec::new();
    for change in changes {
        let query = change.after.get("query").and_then(|query| query.as_str()).unwrap_or_default();
        let is_composite = change.after.get("type").and_then(|value| value.as_str()) == Some("composite");
        for operand in composite::references(query).filter(|operand| is_composite && !planned(operand)) {
            found.push(blocked(
                "operand",
                format!("{} needs {operand}, which does not exist yet", change.address),
                "take it into --only".to_owned(),
            ));
        }
    }
    found
}

/// Judges fields that were changed on both sides: which value is right is for people to say.
pub fn judge_conflicts(plan: &Plan) -> Vec<Blocked> {
    let mut found = Vec::new();
    for change in &plan.changes {
        let both: Vec<&str> = change
            .fields
            .iter()
            .filter(|field| field.changed_by == ChangedBy::Both)
            .map(|field| field.path.as_str())
            .collect();
        if !both.is_empty() {
            found.push(blocked(
                "conflict",
                format!("{} was changed in the schemas and in Datadog: {}", change.address, both.join(", ")),
                "take the schemas' values: apply --reset-drift; or bring the schema to the live value"
                    .to_owned(),
            ));
        }
    }
    found
}

/// Judges the desired state against `[budget]`.
pub fn judge_budget(graph: &DesiredGraph, budget: &Budget) -> Vec<Blocked> {
    let mut found = Vec::new();
    let total = series_per_hour(graph.rules());
    if total > budget.custom_metrics {
        let largest = graph.rules().max_by_key(|rule| rule.series_per_hour);
        let hint = largest.map_or_else(String::new, |rule| {
            format!(
                "lower `ids_per_hour` or `top` of {} ({} series), or raise the budget",
                rule.address, rule.series_per_hour
            )
        });
        found.push(blocked(
            "custom_metrics",
            format!(
                "the aggregate metrics may publish {total} series an hour, the budget is {}",
                budget.custom_metrics
            ),
            hint,
        ));
    }
    if let Some(limit) = budget.max_per_event {
        let mut per_event: BTreeMap<&str, u64> = BTreeMap::new();
        for rule in graph.rules() {
            *per_event.entry(&rule.record).or_default() += rule.series_per_hour;
        }
        for (record, series) in per_event.into_iter().filter(|(_, series)| *series > limit) {
            found.push(blocked(
                "max_per_event",
                format!("the aggregate metrics of {record} may publish {series} series an hour, the limit is {limit}"),
                "lower `ids_per_hour` or `top` there, or raise `max_per_event`".to_owned(),
            ));
        }
    }
    let monitors = graph.nodes().filter(|node| node.kind == ResourceKind::Monitor).count() as u64;
    if let Some(limit) = budget.max_monitors.filter(|limit| monitors > *limit) {
        found.push(blocked(
            "max_monitors",
            format!("the schemas ask for {monitors} monitors, the limit is {limit}"),
            "remove some, or raise `max_monitors`".to_owned(),
        ));
    }
    found
}
