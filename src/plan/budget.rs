//! What the aggregate metrics cost, and the mark in a metric's description that tells.

use serde_json::Value;

use super::metric::metric_document;
use super::types::BudgetLine;
use crate::compile::DesiredGraph;
use crate::config::Budget;
use crate::model::{Document, Snapshot};
use crate::normalise::{ADDRESS_TAG, at};

/// What bellwether writes at the end of a metric's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark<'d> {
    /// The address that configures the metric.
    pub address: &'d str,
    /// The hash of what was applied.
    pub rev: &'d str,
    /// The most series in an hour.
    pub series: u64,
}

/// The mark of a metric's document, if bellwether wrote it:
/// `… At most 66 series an hour. bellwether:<address>@<rev>`.
pub fn mark_of(document: &Document) -> Option<Mark<'_>> {
    let description = at(document, "metadata.description").and_then(Value::as_str)?;
    let (text, mark) = description.rsplit_once(ADDRESS_TAG)?;
    let (address, rev) = mark.split_whitespace().next()?.rsplit_once('@')?;
    let (before, _) = text.rsplit_once(" series an hour")?;
    let series = before.rsplit(' ').next()?.parse().ok()?;
    Some(Mark { address, rev, series })
}

/// The budget line of a plan.
pub fn line(graph: &DesiredGraph, snapshot: &Snapshot, budget: &Budget) -> BudgetLine {
    let wanted: u64 =
        graph.nodes().filter_map(|node| node.rule.as_ref()).map(|rule| rule.series_per_hour).sum();
    let live: u64 = snapshot
        .metrics
        .iter()
        .filter_map(|(name, metric)| mark_of(&metric_document(name, metric)).map(|mark| mark.series))
        .sum();
    BudgetLine {
        custom_metrics: wanted,
        limit: budget.custom_metrics,
        delta: wanted as i64 - live as i64,
        monthly_cost: cost(wanted, budget),
    }
}

/// Dollars a month for so many custom metrics, to the cent.
pub fn cost(series: u64, budget: &Budget) -> f64 {
    (series as f64 * budget.price_per_100).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(description: &str) -> Document {
        json!({"metadata": {"description": description}}).as_object().unwrap().clone()
    }

    #[test]
    fn a_mark_is_found_and_anything_else_is_none() {
        let ours = document(
            "Highest rate. At most 66 series an hour. bellwether:com.x.E.id/aggregate_metric@0123456789ab",
        );
        let mark = Mark { address: "com.x.E.id/aggregate_metric", rev: "0123456789ab", series: 66 };
        assert_eq!(mark_of(&ours), Some(mark));
        for other in [
            "",
            "At most 66 series an hour.",
            "bellwether:",
            "bellwether:a/b@c",
            "At most x series an hour. bellwether:a/b@c",
        ] {
            assert_eq!(mark_of(&document(other)), None, "{other}");
        }
    }
}
