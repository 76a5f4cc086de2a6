//! What the server does to a monitor it is sent: trims, floats, defaults, drops. One table per kind of
//! rewrite, each line with the recording it comes from.
//!
//! The double states these rules for itself, from the recordings: it shares no code with the part that
//! compares desired and live monitors, so that a wrong belief shows as a difference.

use serde_json::{Map, Value, json};

use super::check;
use super::reply::Refusal;

/// Which monitor types a rewrite is for.
enum Types {
    All,
    Only(&'static [&'static str]),
}

/// An option the server adds when it was not sent.
struct Injected {
    option: &'static str,
    value: fn() -> Value,
    types: Types,
    /// Sending this option instead stops the injection.
    unless: Option<&'static str>,
}

const INJECTED: &[Injected] = &[
    // Create-a-metric-monitor; not in Create-a-metric-monitor-with-a-custom-schedule and
    // Get-a-synthetics-monitor-s-details, which have `on_missing_data`.
    Injected {
        option: "notify_no_data",
        value: || json!(false),
        types: Types::All,
        unless: Some("on_missing_data"),
    },
    // Every create in the recordings that left them out.
    Injected { option: "notify_audit", value: || json!(false), types: Types::All, unless: None },
    Injected { option: "new_host_delay", value: || json!(300), types: Types::All, unless: None },
    Injected { option: "include_tags", value: || json!(true), types: Types::All, unless: None },
    Injected { option: "silenced", value: || json!({}), types: Types::All, unless: None },
    // Create-a-RUM-formula-and-functions-monitor, Create-a-ci-tests-monitor and so on have it;
    // Create-a-Cost-Monitor, Create-a-Data-Quality-monitor, Create-a-metric-monitor have not.
    Injected {
        option: "groupby_simple_monitor",
        value: || json!(false),
        types: Types::Only(&[
            "log alert",
            "rum alert",
            "ci-pipelines alert",
            "ci-tests alert",
            "error-tracking alert",
            "llm-observability alert",
        ]),
        unless: None,
    },
];

/// A top-level field a client may write.
struct Field {
    name: &'static str,
    rewrite: fn(&Value) -> Result<Value, Refusal>,
    /// What a create that leaves it out gets.
    default: fn() -> Value,
}

/// Everything else at the top level is dropped silently (`classification` and the like), or is
/// read-only and set by the store.
const FIELDS: &[Field] = &[
    Field { name: "name", rewrite: |value| text("name", value), default: || json!("") },
    Field { name: "query", rewrite: |value| text("query", value), default: || json!("") },
    Field { name: "message", rewrite: |value| text("message", value), default: || json!("") },
    Field { name: "tags", rewrite: tags, default: || json!([]) },
    // Edit-a-monitor: null clears; 0 is stored as null.
    Field { name: "priority", rewrite: check::priority, default: || Value::Null },
    Field { name: "restricted_roles", rewrite: check::restricted_roles, default: || Value::Null },
    // Create-an-Error-Tracking-monitor keeps "draft".
    Field { name: "draft_status", rewrite: check::draft_status, default: || json!("published") },
    Field { name: "assets", rewrite: assets, default: || json!([]) },
];

/// A monitor as the server will store it, without its read-only fields. `base` is the stored monitor of
/// an update: at the top level an update is partial (Edit-a-monitor).
pub(super) fn draft(
    body: &Map<String, Value>,
    base: Option<&Map<String, Value>>,
) -> Result<Map<String, Value>, Refusal> {
    let kind = check::kind(body, base)?;
    check::query_present(body, base)?;
    let mut draft = Map::new();
    for field in FIELDS {
        let value = match (body.get(field.name), base.and_then(|base| base.get(field.name))) {
            (Some(sent), _) => (field.rewrite)(sent)?,
            (None, Some(stored)) => stored.clone(),
            (None, None) => (field.default)(),
        };
        draft.insert(field.name.to_owned(), value);
    }
    // Not recorded. The monitor in datadogpy issue 326 has its query in backquotes for a name, which is
    // taken for what a create without a name gets.
    if draft.get("name").and_then(Value::as_str) == Some("") {
        let query = draft.get("query").and_then(Value::as_str).unwrap_or_default();
        let name = json!(format!("`{query}`"));
        draft.insert("name".to_owned(), name);
    }
    let stored = base.and_then(|base| base.get("options")).and_then(Value::as_object);
    let options = match (body.get("options"), stored) {
        (Some(sent), _) => options(&kind, sent, stored)?,
        (None, Some(stored)) => stored.clone(),
        (None, None) => options(&kind, &Value::Null, None)?,
    };
    let kind = flipped(&kind, &draft, &options);
    draft.insert("type".to_owned(), json!(kind));
    draft.insert("options".to_owned(), Value::Object(options));
    Ok(draft)
}

/// Options replace the stored ones wholesale (Edit-a-monitor: `enable_logs_sample` and others vanish),
/// but for mutes: the mute endpoints make downtimes, which a write of options does not end.
fn options(
    kind: &str,
    sent: &Value,
    stored: Option<&Map<String, Value>>,
) -> Result<Map<String, Value>, Refusal> {
    let mut options = match sent {
        Value::Null => Map::new(),
        Value::Object(map) => map.clone(),
        _ => return Err(Refusal::parameter("options", "not an object")),
    };
    check::options(kind, &options)?;
    if let Some(Value::String(message)) = options.get_mut("escalation_message") {
        *message = message.trim().to_owned();
    }
    thresholds(kind, &mut options)?;
    for rule in INJECTED {
        let applies = match rule.types {
            Types::All => true,
            Types::Only(types) => types.contains(&kind),
        };
        let prevented = rule.unless.is_some_and(|other| options.get(other).is_some_and(|v| !v.is_null()));
        if applies && !prevented && !options.contains_key(rule.option) {
            options.insert(rule.option.to_owned(), (rule.value)());
        }
    }
    if !sent.get("silenced").is_some_and(Value::is_object)
        && let Some(mutes) = stored.and_then(|stored| stored.get("silenced"))
    {
        options.insert("silenced".to_owned(), mutes.clone());
    }
    drop_options(&mut options);
    Ok(options)
}

/// Numbers become floats, but for service checks; nulls go, and so does an empty object.
fn thresholds(kind: &str, options: &mut Map<String, Value>) -> Result<(), Refusal> {
    let Some(sent) = options.get("thresholds") else { return Ok(()) };
    let mut kept = Map::new();
    for (name, value) in check::thresholds(sent)? {
        let value = match value.as_f64() {
            // Delete-a-monitor: 2 comes back as 2.0. Service checks keep integers (17 of 17).
            Some(number) if value.is_number() && kind != "service check" => json!(number),
            _ => value,
        };
        if !value.is_null() {
            kept.insert(name, value);
        }
    }
    if kept.is_empty() {
        options.remove("thresholds");
    } else {
        options.insert("thresholds".to_owned(), Value::Object(kept));
    }
    Ok(())
}

/// Options that are accepted and not given back.
fn drop_options(options: &mut Map<String, Value>) {
    // Create-a-metric-monitor-with-a-custom-schedule: `default` is dropped beside a custom schedule.
    let scheduled = options.get("scheduling_options").and_then(|s| s.get("custom_schedule")).is_some();
    if scheduled && options.get("on_missing_data") == Some(&json!("default")) {
        options.remove("on_missing_data");
    }
    // Terraform provider issues 369 and 383: a timeframe without notify_no_data is not returned. The
    // explicit null of Delete-a-monitor is.
    let notifies = options.get("notify_no_data") == Some(&json!(true));
    if !notifies && options.get("no_data_timeframe").is_some_and(|value| !value.is_null()) {
        options.remove("no_data_timeframe");
    }
}

/// The server swaps the two metric types by its own rules; these two are recorded, all else is echoed.
fn flipped(kind: &str, draft: &Map<String, Value>, options: &Map<String, Value>) -> String {
    let query = draft.get("query").and_then(Value::as_str).unwrap_or_default();
    let cumulative = query.contains("(current_");
    let aggregated = options.get("variables").and_then(Value::as_array).is_some_and(|variables| {
        variables.iter().any(|variable| {
            variable
                .get("data_source")
                .and_then(Value::as_str)
                .is_some_and(|source| source.starts_with("aggregate_") && source.ends_with("_query"))
        })
    });
    match kind {
        // Create-a-metric-monitor.
        "metric alert" if cumulative => "query alert".to_owned(),
        // Create-a-monitor-with-aggregate-augmented-query-variables, -filtered-.
        "query alert" if aggregated && query.starts_with("formula(") => "metric alert".to_owned(),
        _ => kind.to_owned(),
    }
}

/// Outer whitespace goes, newlines included; all else is kept (Create-a-Cost-Monitor keeps `(amplify ,athena`).
fn text(name: &str, value: &Value) -> Result<Value, Refusal> {
    match value {
        Value::Null => Ok(json!("")),
        Value::String(text) => Ok(json!(text.trim())),
        _ => Err(Refusal::parameter(name, "not a string")),
    }
}

/// Duplicates go; order and case stay.
fn tags(value: &Value) -> Result<Value, Refusal> {
    let mut kept: Vec<Value> = Vec::new();
    for tag in check::tags(value)? {
        if !kept.contains(&tag) {
            kept.push(tag);
        }
    }
    Ok(Value::Array(kept))
}

/// Create-a-monitor-with-assets: four keys are added. `monitor_id` is added by the store, which knows it.
fn assets(value: &Value) -> Result<Value, Refusal> {
    let enriched = check::assets(value)?.into_iter().map(|asset| {
        let key = |name: &str| asset.get(name).cloned().unwrap_or(Value::Null);
        json!({
            "name": key("name"), "category": key("category"), "url": key("url"),
            "template_variables": {}, "options": {},
            "resource_key": key("resource_key"), "resource_type": key("resource_type"),
        })
    });
    Ok(Value::Array(enriched.collect()))
}
