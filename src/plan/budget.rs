//! What the aggregate metrics cost.

use super::mark::{mark_of, metric_document};
use super::types::BudgetLine;
use crate::compile::DesiredGraph;
use crate::config::Budget;
use crate::model::Snapshot;

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
