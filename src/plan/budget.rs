//! What the aggregate metrics cost.

use super::types::BudgetLine;
use crate::compile::DesiredGraph;
use crate::config::Budget;
use crate::model::{LiveMetric, Snapshot};

/// The series that a live metric's description says it has, if bellwether wrote it.
pub fn live_series(metric: &LiveMetric) -> Option<u64> {
    let description = metric.metadata.as_ref()?.get("description")?.as_str()?;
    description.contains("bellwether:").then_some(())?;
    let (before, _) = description.split_once(" series an hour")?;
    before.rsplit(' ').next()?.parse().ok()
}

/// The budget line of a plan.
pub fn line(graph: &DesiredGraph, snapshot: &Snapshot, budget: &Budget) -> BudgetLine {
    let wanted: u64 =
        graph.nodes().filter_map(|node| node.rule.as_ref()).map(|rule| rule.series_per_hour).sum();
    let live: u64 = snapshot.metrics.values().filter_map(live_series).sum();
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
