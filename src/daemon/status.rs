//! What the daemon knows of itself, for its page, its health and its metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::aggregate::publish::Publication;
use crate::aggregate::{Report, Rule};

/// What is shown, replaced at the end of each pane.
#[derive(Debug, Default)]
pub struct Status(Mutex<Shown>);

/// What is shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Shown {
    /// The environment's name.
    pub environment: String,
    /// Where the lines go.
    pub agent: String,
    /// The rules by their addresses.
    pub rules: BTreeMap<String, ShownRule>,
    /// The hour's budget.
    pub budget: ShownBudget,
    /// The fleet, if panes are merged with those of other instances.
    pub fleet: Option<ShownFleet>,
    /// What was wrong when the rules were last read; none if they could be.
    pub reload_error: Option<String>,
}

/// A rule and its last report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownRule {
    /// The rule.
    pub rule: Rule,
    /// What was last reported; none before the first pane has ended.
    pub report: Option<Report>,
    /// Whether the report is of this instance alone, although there are others.
    pub unmerged: bool,
    /// How many series were published of it.
    pub series: usize,
    /// How many seconds after its end the last pane was published.
    pub lag_seconds: f64,
}

/// The distinct series of the clock hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ShownBudget {
    /// The most that may be published.
    pub limit: u64,
    /// Those that have their place, published or not, and those that were published.
    pub used: u64,
    /// Those that were published.
    pub published: u64,
    /// How many times a series was refused since the start.
    pub refused: u64,
}

/// This instance among others.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ShownFleet {
    /// Its name.
    pub instance: String,
    /// How many instances there should be.
    pub expected: u32,
    /// How many have counted in the last pane that was published.
    pub seen: u32,
    /// Whether Redis answers.
    pub connected: bool,
}

impl Status {
    /// What is shown now, to read or to change.
    pub fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shown {
    /// Shows these rules; those that were shown before keep their reports.
    pub fn set_rules<'r>(&mut self, rules: impl IntoIterator<Item = &'r Rule>) {
        let mut former = std::mem::take(&mut self.rules);
        for rule in rules {
            let address = rule.address.to_string();
            let shown = former.remove(&address).map(|shown| ShownRule { rule: rule.clone(), ..shown });
            let fresh = || ShownRule {
                rule: rule.clone(),
                report: None,
                unmerged: false,
                series: 0,
                lag_seconds: 0.0,
            };
            self.rules.insert(address, shown.unwrap_or_else(fresh));
        }
    }

    /// Shows what was published of a rule.
    pub fn published(&mut self, publication: &Publication, unmerged: bool, lag_seconds: f64) {
        if let Some(shown) = self.rules.get_mut(publication.rule.address.as_str()) {
            shown.report = Some(publication.report.clone());
            shown.series = publication.gauges.len();
            (shown.unmerged, shown.lag_seconds) = (unmerged, lag_seconds);
        }
    }
}
