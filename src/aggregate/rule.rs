//! What is counted and published for one aggregate metric.

use serde::{Deserialize, Serialize};

use crate::model::Address;

/// The unit of a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// Events per second.
    Second,
    /// Events per minute.
    Minute,
    /// Events per hour.
    Hour,
}

impl Per {
    /// The unit's name, as in the annotation and in Datadog's metadata.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }

    /// The length of the unit.
    pub fn seconds(self) -> f64 {
        match self {
            Self::Second => 1.0,
            Self::Minute => 60.0,
            Self::Hour => 3600.0,
        }
    }

    /// The unit of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Second, Self::Minute, Self::Hour].into_iter().find(|per| per.as_str() == name)
    }
}

/// What the aggregator counts and publishes for one aggregate metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The metric configuration it belongs to.
    pub address: Address,
    /// The record whose events are counted, by its full name.
    pub record: String,
    /// The field whose values are the ids.
    pub field: String,
    /// The gauge that is published.
    pub metric: String,
    /// The unit of the rate.
    pub per: Per,
    /// The window over which a rate is taken, in seconds.
    pub window_seconds: u64,
    /// How often the window moves on, in seconds.
    pub pane_seconds: u64,
    /// How many ranks are published.
    pub top: u64,
    /// How many different ids an hour may be published by name.
    pub ids_per_hour: u64,
    /// How many ids are counted exactly at a time.
    pub capacity: u64,
    /// Constant tags of every series.
    pub tags: Vec<String>,
    /// The rate, in the rule's unit, from which the id at the top is told as an event: the lowest `above` of the
    /// field's `@top_rate_monitor`s.
    pub threshold: Option<f64>,
    /// The most distinct time series that are published in a clock hour.
    pub series_per_hour: u64,
}

impl Rule {
    /// The series besides ranks and ids: the top rate, the sustained rate, `__other__`, the number of distinct
    /// ids, the share of the top ids, and the bound of the counting error.
    pub const FIXED_SERIES: u64 = 6;

    /// The most distinct time series that such a rule publishes in a clock hour.
    pub fn series(top: u64, ids_per_hour: u64) -> u64 {
        Self::FIXED_SERIES + top + ids_per_hour
    }

    /// Whether what another rule has counted is what this one would have counted, in the same panes.
    pub fn counts_as(&self, other: &Self) -> bool {
        let counted = |rule: &Self| (rule.address.clone(), rule.pane_seconds, rule.capacity);
        counted(self) == counted(other)
    }

    /// How many panes make up the window.
    pub fn panes(&self) -> usize {
        (self.window_seconds / self.pane_seconds.max(1)).max(1) as usize
    }
}

/// A record's name without its namespace.
pub(super) fn event_name(record: &str) -> &str {
    record.rsplit_once('.').map_or(record, |(_, name)| name)
}

/// What the pipeline's metrics are tagged with for a record: `event:<this>`.
pub fn event_tag(record: &str) -> String {
    event_name(record).to_ascii_lowercase()
}

/// The rules of an environment, as `bellwether rules --format json` prints them for services that count by themselves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleSet {
    /// 1
    pub format_version: u32,
    /// The environment for which they were compiled.
    pub environment: String,
    /// The rules, in the order of their addresses.
    pub rules: Vec<Rule>,
    /// What they may publish.
    pub budget: SeriesBudget,
}

/// Distinct time series in a clock hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesBudget {
    /// What the rules may publish, with the aggregator's own.
    pub custom_metrics: u64,
    /// The most that `[budget]` of bellwether.toml allows.
    pub limit: u64,
}

impl RuleSet {
    /// The rules of an environment.
    pub fn new(environment: &str, rules: Vec<Rule>, limit: u64) -> Self {
        let budget = SeriesBudget { custom_metrics: series_per_hour(&rules), limit };
        Self { format_version: 1, environment: environment.to_owned(), rules, budget }
    }

    /// Reads what `bellwether rules --format json` has printed.
    ///
    /// # Errors
    ///
    /// When it is something else.
    pub fn read(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}

/// The series by which the aggregator tells of itself, `bellwether.aggregate.*`: they are billed like all others.
pub const OWN_SERIES: u64 = 8;

/// The most distinct time series that these rules publish in a clock hour, the aggregator's own among them.
pub fn series_per_hour<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> u64 {
    with_own_series(rules.into_iter().map(|rule| rule.series_per_hour).sum())
}

/// The series of rules, and those by which the aggregator tells of itself where there are any.
pub fn with_own_series(of_rules: u64) -> u64 {
    if of_rules > 0 { of_rules + OWN_SERIES } else { 0 }
}
