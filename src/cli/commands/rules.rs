//! `rules`

use serde_json::json;

use super::super::args::Global;
use super::super::output::Output;
use super::Outcome;
use super::session::Session;
use crate::aggregate::{Aggregator, OWN_SERIES, Rule, series_per_hour};
use crate::ops::Exit;
use crate::units::duration_text;

pub fn run(global: &Global, output: &mut Output) -> Outcome {
    let session = Session::open(global)?;
    let compiled = session.compile()?;
    let rules: Vec<&Rule> = compiled.graph.rules().collect();
    let total = series_per_hour(rules.iter().copied());
    let limit = session.project.config.budget.custom_metrics;
    if output.json {
        output.json(&json!({
            "format_version": 1, "environment": session.name, "rules": rules,
            "budget": {"custom_metrics": total, "limit": limit},
        }));
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for rule in &rules {
        text.push_str(&format!("{}\n", rule.address));
        text.push_str(&format!("    counts     {} by {}\n", rule.record, rule.field));
        text.push_str(&format!("    publishes  {}, the highest rate per {}", rule.metric, rule.per.as_str()));
        text.push_str(&format!(
            ", over {} every {}\n",
            duration_text(rule.window_seconds),
            duration_text(rule.pane_seconds)
        ));
        if !rule.tags.is_empty() {
            text.push_str(&format!("    tagged     {}\n", rule.tags.join(" ")));
        }
        text.push_str(&format!(
            "    at most    {} series an hour: {} ranks, {} ids, {} others\n\n",
            rule.series_per_hour,
            rule.top,
            rule.ids_per_hour,
            Rule::FIXED_SERIES
        ));
    }
    text.push_str(&format!("{} of {limit} custom metrics an hour\n", total));
    output.result(&text);
    Ok(Exit::Done)
}
