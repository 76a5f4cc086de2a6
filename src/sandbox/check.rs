//! What the server refuses in a monitor. Messages in the words of the real API where they are known
//! (recordings, issues of its clients); the others say `The value provided for parameter …`, as its
//! recorded refusals do.

use serde_json::{Map, Value};

use super::query::{self, Parsed};
use super::reply::Refusal;

/// At most this many tags (DataDog/documentation pull request 15181), of at most this many characters.
const MAX_TAGS: usize = 80;
const MAX_TAG_LENGTH: usize = 200;

/// The thresholds that are compared; other keys are accepted and kept (Terraform provider issue 1516).
const THRESHOLDS: &[&str] =
    &["critical", "warning", "ok", "unknown", "critical_recovery", "warning_recovery"];

/// Options whose text is one of a list.
const ENUMERATED: &[(&str, &[&str])] = &[
    ("on_missing_data", &["default", "show_no_data", "show_and_notify_no_data", "resolve"]),
    (
        "notification_preset_name",
        &[
            "show_all",
            "hide_query",
            "hide_handles",
            "hide_all",
            "hide_query_and_handles",
            "show_only_snapshot",
            "hide_handles_and_footer",
        ],
    ),
];

/// Options that are true or false.
const FLAGS: &[&str] = &[
    "notify_no_data",
    "notify_audit",
    "include_tags",
    "require_full_window",
    "locked",
    "groupby_simple_monitor",
    "enable_logs_sample",
    "enable_samples",
];

/// Options that are whole numbers, or null, and their range.
const NUMBERS: &[(&str, i64, i64)] = &[
    ("timeout_h", 0, 24),
    ("evaluation_delay", 0, i64::MAX),
    ("new_group_delay", 0, i64::MAX),
    ("new_host_delay", 0, i64::MAX),
    ("no_data_timeframe", 0, i64::MAX),
    ("renotify_interval", 0, i64::MAX),
    ("renotify_occurrences", 0, i64::MAX),
    ("min_failure_duration", 0, 7200),
];

/// The type of a create, or of an update.
pub(super) fn kind(body: &Map<String, Value>, base: Option<&Map<String, Value>>) -> Result<String, Refusal> {
    let stored = base.and_then(|base| base.get("type")).and_then(Value::as_str);
    let sent = match body.get("type") {
        None | Some(Value::Null) => None,
        Some(Value::String(kind)) => Some(kind.as_str()),
        Some(_) => return Err(Refusal::parameter("type", "not a string")),
    };
    match (sent, stored) {
        // DataDog/dogapi issue 132.
        (None, None) => Err(Refusal::bad("The parameter 'type' is required")),
        (None, Some(stored)) => Ok(stored.to_owned()),
        (Some(sent), _) if !query::known_type(sent) => {
            Err(Refusal::parameter("type", format_args!("unknown monitor type: {sent}")))
        }
        (Some(sent), Some(stored)) if !same_type(sent, stored) => {
            // The title of Terraform provider issue 718.
            Err(Refusal::bad("Monitor type change not allowed"))
        }
        (Some(sent), _) => Ok(sent.to_owned()),
    }
}

/// The two names of a metric monitor are one type to an update (datadogpy issue 326).
fn same_type(sent: &str, stored: &str) -> bool {
    let metric = |kind| matches!(kind, "metric alert" | "query alert");
    sent == stored || (metric(sent) && metric(stored))
}

/// A create needs a query; an update may not empty it.
pub(super) fn query_present(
    body: &Map<String, Value>,
    base: Option<&Map<String, Value>>,
) -> Result<(), Refusal> {
    match body.get("query") {
        None if base.is_some() => Ok(()),
        None | Some(Value::Null) => Err(Refusal::bad("The parameter 'query' is required")),
        Some(Value::String(query)) if query.trim().is_empty() => {
            Err(Refusal::bad("The parameter 'query' is required"))
        }
        Some(_) => Ok(()),
    }
}

pub(super) fn priority(value: &Value) -> Result<Value, Refusal> {
    match value {
        Value::Null => Ok(Value::Null),
        value => match value.as_i64() {
            Some(0) => Ok(Value::Null),
            Some(1..=5) => Ok(value.clone()),
            _ => Err(Refusal::parameter("priority", "not a number between 1 and 5")),
        },
    }
}

/// An empty list is refused (Terraform provider): nobody could edit the monitor.
pub(super) fn restricted_roles(value: &Value) -> Result<Value, Refusal> {
    match value {
        Value::Null => Ok(Value::Null),
        Value::Array(roles) if !roles.is_empty() && roles.iter().all(Value::is_string) => Ok(value.clone()),
        _ => Err(Refusal::parameter("restricted_roles", "not a list of role ids")),
    }
}

pub(super) fn draft_status(value: &Value) -> Result<Value, Refusal> {
    match value.as_str() {
        None if value.is_null() => Ok(Value::String("published".to_owned())),
        Some("draft" | "published") => Ok(value.clone()),
        _ => Err(Refusal::parameter("draft_status", "neither draft nor published")),
    }
}

pub(super) fn tags(value: &Value) -> Result<Vec<Value>, Refusal> {
    let tags = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(tags) => tags,
        _ => return Err(Refusal::parameter("tags", "not a list")),
    };
    if tags.len() > MAX_TAGS {
        return Err(Refusal::parameter("tags", format_args!("more than {MAX_TAGS} tags")));
    }
    for tag in tags {
        match tag.as_str() {
            Some(tag) if tag.chars().count() <= MAX_TAG_LENGTH && !tag.trim().is_empty() => {}
            Some(_) => return Err(Refusal::parameter("tags", "a tag has 1 to 200 characters")),
            None => return Err(Refusal::parameter("tags", "not a list of strings")),
        }
    }
    Ok(tags.clone())
}

pub(super) fn assets(value: &Value) -> Result<Vec<Value>, Refusal> {
    let assets = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(assets) => assets,
        _ => return Err(Refusal::parameter("assets", "not a list")),
    };
    for asset in assets {
        let text = |key: &str| asset.get(key).and_then(Value::as_str);
        let typed = asset.get("resource_type").is_none_or(|kind| kind.is_null() || kind == "notebook");
        if text("category") != Some("runbook") || text("name").is_none() || text("url").is_none() || !typed {
            return Err(Refusal::parameter("assets", "an asset needs category runbook, a name and a url"));
        }
    }
    Ok(assets.clone())
}

/// The shape of each option, and the rules that need no query.
pub(super) fn options(kind: &str, options: &Map<String, Value>) -> Result<(), Refusal> {
    let given = |name: &str| options.get(name).filter(|value| !value.is_null());
    let invalid = |name: &str, detail: &str| Err(Refusal::parameter(&format!("options.{name}"), detail));
    for (name, allowed) in ENUMERATED {
        if given(name).is_some_and(|value| !value.as_str().is_some_and(|text| allowed.contains(&text))) {
            return invalid(name, "not an allowed value");
        }
    }
    for name in FLAGS {
        if given(name).is_some_and(|value| !value.is_boolean()) {
            return invalid(name, "not a boolean");
        }
    }
    for (name, least, most) in NUMBERS {
        if given(name).is_some_and(|value| !value.as_i64().is_some_and(|n| (*least..=*most).contains(&n))) {
            return invalid(name, "not a number in range");
        }
    }
    if given("escalation_message").is_some_and(|value| !value.is_string()) {
        return invalid("escalation_message", "not a string");
    }
    if given("silenced").is_some_and(|value| !value.is_object()) {
        return invalid("silenced", "not an object");
    }
    let statuses = ["alert", "warn", "no data"];
    let status = |value: &Value| value.as_str().is_some_and(|text| statuses.contains(&text));
    if given("renotify_statuses").is_some_and(|v| !v.as_array().is_some_and(|list| list.iter().all(status))) {
        return invalid("renotify_statuses", "not a list of alert, warn and no data");
    }
    if kind == "log alert" && given("no_data_timeframe").is_some() {
        return Err(Refusal::bad("The no_data_timeframe option is not allowed for log alert monitors"));
    }
    // Specified; datadog-sync-cli adds the option before it sends, as the server would refuse.
    let scheduled = given("scheduling_options").and_then(|s| s.get("custom_schedule")).is_some();
    if scheduled && matches!(kind, "metric alert" | "query alert") && given("on_missing_data").is_none() {
        return invalid("on_missing_data", "required with a custom schedule");
    }
    Ok(())
}

/// The thresholds, strings that are numbers converted (early clients sent them so).
pub(super) fn thresholds(value: &Value) -> Result<Map<String, Value>, Refusal> {
    let mut thresholds = match value {
        Value::Null => Map::new(),
        Value::Object(thresholds) => thresholds.clone(),
        _ => return Err(Refusal::parameter("options.thresholds", "not an object")),
    };
    for (name, value) in &mut thresholds {
        if !THRESHOLDS.contains(&name.as_str()) || value.is_null() || value.is_number() {
            continue;
        }
        let number = value.as_str().and_then(|text| text.trim().parse::<f64>().ok());
        // Terraform provider issue 372.
        *value = number
            .and_then(serde_json::Number::from_f64)
            .map(Value::Number)
            .ok_or_else(|| Refusal::bad("Non-numeric threshold value."))?;
    }
    Ok(thresholds)
}

/// The rules that join the query and the options of a monitor that has been rewritten.
pub(super) fn monitor(draft: &Map<String, Value>) -> Result<Parsed, Refusal> {
    let text = |name: &str| draft.get(name).and_then(Value::as_str).unwrap_or_default();
    let kind = text("type");
    let parsed = query::parse(kind, text("query"))?;
    let options = draft.get("options").and_then(Value::as_object);
    let option = |name: &str| options.and_then(|options| options.get(name)).filter(|v| !v.is_null());
    let threshold = |name: &str| option("thresholds").and_then(|all| all.get(name)).and_then(Value::as_f64);

    if kind == "service check" {
        let largest = THRESHOLDS.iter().filter_map(|name| threshold(name)).fold(0.0, f64::max);
        #[allow(clippy::cast_precision_loss)] // at most 100, see the query check
        if parsed.last.is_some_and(|last| (last as f64) < largest) {
            return Err(Refusal::bad(
                "Last field should be larger than or equal to max threshold defined in monitor options",
            ));
        }
    } else if let Some(comparison) = &parsed.comparison {
        compare(comparison, threshold("critical"), threshold("warning"), option("thresholds"))?;
    }

    if let Some(Value::Array(keys)) = option("notify_by") {
        let all = keys.iter().any(|key| key == "*");
        let foreign = keys.iter().any(|key| !parsed.groups.iter().any(|group| key == group.as_str()));
        if (all && parsed.groups.is_empty()) || (!all && foreign) {
            return Err(Refusal::parameter("options.notify_by", "not a subset of the query's groups"));
        }
    }
    let scheduled = option("scheduling_options").and_then(|s| s.get("custom_schedule")).is_some();
    if scheduled && option("no_data_timeframe").is_some() {
        return Err(Refusal::parameter("options.no_data_timeframe", "not allowed with a custom schedule"));
    }
    Ok(parsed)
}

fn compare(
    comparison: &query::Comparison,
    critical: Option<f64>,
    warning: Option<f64>,
    thresholds: Option<&Value>,
) -> Result<(), Refusal> {
    let Some(critical) = critical else {
        let dynamic = thresholds.is_some_and(|all| all.get("critical_query").is_some());
        // DataDog/datadog-operator issue 2106.
        return if warning.is_some() && !dynamic {
            Err(Refusal::bad("Alert status is required."))
        } else {
            Ok(())
        };
    };
    #[allow(clippy::float_cmp)] // both were read from decimal text: equal text gives equal floats
    if critical != comparison.value {
        // datadogpy's tests; `{:?}` writes 90.0, as Python does.
        return Err(Refusal::bad(format!(
            "Alert threshold ({critical:?}) does not match that used in the query ({:?}).",
            comparison.value
        )));
    }
    let operator = comparison.operator.as_str();
    let safe = match (operator, warning) {
        (">" | ">=", Some(warning)) => (warning < critical, "less"),
        ("<" | "<=", Some(warning)) => (warning > critical, "greater"),
        _ => (true, ""),
    };
    match (safe, warning) {
        ((false, side), Some(warning)) => Err(Refusal::bad(format!(
            "Warning threshold ({warning:?}) must be {side} than the alert threshold ({critical:?}) with {operator} comparison."
        ))),
        _ => Ok(()),
    }
}
