//! `rules`

use super::super::args::Global;
use super::super::output::Output;
use super::Outcome;
use super::session::Session;
use crate::aggregate::{OWN_SERIES, Rule, RuleSet, most_bytes};
use crate::ops::Exit;
use crate::units::duration_text;

pub fn run(global: &Global, output: &mut Output) -> Outcome {
    let session = Session::open(global)?;
    let compiled = session.compile()?;
    let limit = session.project.config.budget.custom_metrics;
    let set = RuleSet::new(&session.name, compiled.graph.rules().cloned().collect(), limit);
    if output.json {
        output.json(&set);
        return Ok(Exit::Done);
    }
    let mut text = String::new();
    for rule in &set.rules {
        text.push_str(&format!("{}\n", rule.address));
        text.push_str(&format!("    counts     {} by {}\n", rule.record, rule.field));
        text.push_str(&format!("    publishes  {}\n", rule.metric));
        text.push_str(&format!(
            "    rates      per {}, over {} every {}\n",
            rule.per.as_str(),
            duration_text(rule.window_seconds),
            duration_text(rule.pane_seconds)
        ));
        if !rule.tags.is_empty() {
            text.push_str(&format!("    tagged     {}\n", rule.tags.join(" ")));
        }
        text.push_str(&format!(
            "    at most    {} series an hour: {} ranks, {} ids, {} others\n",
            rule.series_per_hour,
            rule.top,
            rule.ids_per_hour,
            Rule::FIXED_SERIES
        ));
        if let Some(threshold) = rule.threshold {
            text.push_str(&format!("    alerts     above {threshold} per {}\n", rule.per.as_str()));
        }
        // As much as with two threads; each more takes as much as two panes.
        let memory = most_bytes(rule, 2).div_ceil(1 << 20);
        text.push_str(&format!(
            "    memory     at most {memory} MiB, for {} ids at a time\n\n",
            rule.capacity
        ));
    }
    text.push_str(&format!("{} of {limit} custom metrics an hour", set.budget.custom_metrics));
    if !set.rules.is_empty() {
        text.push_str(&format!(", {OWN_SERIES} of them the aggregator's own"));
    }
    text.push('\n');
    output.result(&text);
    Ok(Exit::Done)
}
