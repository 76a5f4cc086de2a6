//! The normalisation table: how Datadog rewrites what it is sent, and which spellings it takes for one.
//!
//! It is the only place that knows this; the diff applies it to both sides. Sources of each row: recorded
//! exchanges of Datadog's own clients, its OpenAPI document, and what other tools learned the hard way.

use serde_json::{Value, json};

/// What is done to the value at a path before it is compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Treatment {
    /// Blanks at both ends do not count.
    Trim,
    /// Order and repetitions do not count.
    Set,
    /// Absent, null and this value are one.
    Default(Value),
    /// Absent and this value are one; null is a value of its own.
    DefaultButNotNull(Value),
    /// These two words are one.
    Alias(&'static str, &'static str),
    /// Only these keys of each object of the list count.
    OnlyKeys(&'static [&'static str]),
    /// Absent is the number that the query compares with.
    ThresholdOfQuery,
    /// It counts only where the value at this path is true.
    OnlyIf(&'static str),
    /// Never compared and never sent.
    Ignore,
}

/// The field that Datadog derives where it is left out.
pub const FILLED_IN: &str = "options.thresholds.critical";

/// One row: a path and its treatments, applied in order.
pub struct Row {
    /// The path, `options.thresholds.critical`.
    pub path: &'static str,
    /// What is done there.
    pub treatments: Vec<Treatment>,
}

fn row(path: &'static str, treatments: Vec<Treatment>) -> Row {
    Row { path, treatments }
}

/// The table. Numbers are compared as numbers and null counts as absent everywhere; only what differs from
/// that has a row.
pub fn rows() -> Vec<Row> {
    use Treatment::{
        Alias, Default, DefaultButNotNull, Ignore, OnlyIf, OnlyKeys, Set, ThresholdOfQuery, Trim,
    };
    let mut rows = vec![
        // The server strips blanks, line breaks included.
        row("name", vec![Trim]),
        row("query", vec![Trim]),
        row("message", vec![Trim, Default(json!(""))]),
        row("options.escalation_message", vec![Trim, Default(json!(""))]),
        // The server swaps the two, both ways.
        row("type", vec![Alias("metric alert", "query alert")]),
        row("tags", vec![Set, Default(json!([]))]),
        row("priority", vec![Default(json!(0))]),
        row("restricted_roles", vec![Set, Default(json!([]))]),
        row("draft_status", vec![Default(json!("published"))]),
        row(
            "assets",
            vec![OnlyKeys(&["category", "name", "url", "resource_key", "resource_type"]), Default(json!([]))],
        ),
        row(FILLED_IN, vec![ThresholdOfQuery]),
        row("options.notify_by", vec![Set]),
        row(
            "options.renotify_statuses",
            vec![Set, OnlyIf("options.renotify_interval"), Default(json!(["alert", "no data"]))],
        ),
        row("options.renotify_occurrences", vec![OnlyIf("options.renotify_interval")]),
        // Injected when it is not sent; an explicit null is kept as null.
        row("options.new_host_delay", vec![DefaultButNotNull(json!(300))]),
        // Not returned without notify_no_data.
        row("options.no_data_timeframe", vec![OnlyIf("options.notify_no_data")]),
        row("options.scheduling_options", vec![Default(json!({}))]),
        row("options.variables", vec![Default(json!([]))]),
        // Of a metric: the order of tags is random, the mode is false unless it is said.
        row("tag_configuration.tags", vec![Set]),
        row("tag_configuration.exclude_tags_mode", vec![Default(json!(false))]),
    ];
    for (path, value) in [
        ("options.notify_audit", json!(false)),
        ("options.include_tags", json!(true)),
        ("options.notify_no_data", json!(false)),
        ("options.groupby_simple_monitor", json!(false)),
        ("options.require_full_window", json!(false)),
        ("options.evaluation_delay", json!(0)),
        ("options.timeout_h", json!(0)),
        ("options.renotify_interval", json!(0)),
        ("options.on_missing_data", json!("default")),
        ("options.notification_preset_name", json!("show_all")),
        ("options.enable_logs_sample", json!(false)),
        ("options.enable_samples", json!(false)),
        ("options.min_failure_duration", json!(0)),
        ("options.min_location_failed", json!(1)),
    ] {
        rows.push(row(path, vec![Default(value)]));
    }
    for path in [
        // Read-only, or changing by themselves.
        "id",
        "org_id",
        "created",
        "created_at",
        "creator",
        "modified",
        "modified_at",
        "deleted",
        "multi",
        "overall_state",
        "overall_state_modified",
        "state",
        "matching_downtimes",
        "author_handle",
        "author_name",
        "classification",
        "url",
        "restricted",
        "run_as",
        "restriction_policy",
        // Mutes belong to people on call.
        "options.silenced",
        // Deprecated, injected without notice, or read-only.
        "options.locked",
        "options.avalanche_window",
        "options.synthetics_check_id",
        "options.device_ids",
        "options.aggregation",
    ] {
        rows.push(row(path, vec![Ignore]));
    }
    rows
}
