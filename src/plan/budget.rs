//! What the aggregate metrics cost.

use super::mark::{mark_of, metric_document};
use super::types::BudgetLine;
use crate::aggregate::{series_per_hour, with_own_series};
use crate::compile::DesiredGraph;
use crate::config::Budget;
use crate::model::Snapshot;

/// The budget line of a plan.
pub fn line(graph: &DesiredGraph, snapshot: &Snapshot, budget: &Budget) -> BudgetLine {
    let wanted = series_per_hour(graph.rules());
    let live: u64 = snapshot
        .metrics
        .iter()
        .filter_map(|(name, metric)| mark_of(&metric_document(name, metric)).map(|mark| mark.series))
        .sum();
    let live = with_own_series(live);
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
