//! `monitor/search` and `monitor/groups/search`: enough for tools that list monitors this way. Results
//! carry neither options nor message, as in `Monitors-search-returns-OK-response.json`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::payload::Params;
use super::reply::Refusal;

const STATUSES: &[&str] = &["alert", "ignored", "no data", "ok", "skipped", "unknown", "warn", "muted"];
const PER_PAGE: u64 = 30;
const MOST: u64 = 1000;

/// One word of a query.
struct Term {
    field: Option<String>,
    value: String,
}

/// Splits a query at blanks outside quotes, and each word at its first colon.
fn terms(query: &str) -> Vec<Term> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in query.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(String::new()),
            c => words.last_mut().into_iter().for_each(|word| word.push(c)),
        }
    }
    let words = words.into_iter().filter(|word| !matches!(word.as_str(), "" | "AND" | "OR"));
    words
        .map(|word| match word.split_once(':') {
            Some((field, value)) => Term { field: Some(field.to_lowercase()), value: value.to_lowercase() },
            None => Term { field: None, value: word.to_lowercase() },
        })
        .collect()
}

fn text<'a>(monitor: &'a Map<String, Value>, key: &str) -> &'a str {
    monitor.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn tags(monitor: &Map<String, Value>) -> impl Iterator<Item = &str> {
    monitor.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// The mutes of a monitor: whether there is one, and when the last ends.
fn muted(monitor: &Map<String, Value>) -> (bool, Option<i64>) {
    let silenced = monitor.get("options").and_then(|o| o.get("silenced")).and_then(Value::as_object);
    let ends = silenced.map(|silenced| silenced.values().filter_map(Value::as_i64).max());
    (silenced.is_some_and(|silenced| !silenced.is_empty()), ends.flatten())
}

/// `metric alert` and `query alert` are both shown as `metric`, `service check` as `custom`.
fn classification(monitor: &Map<String, Value>) -> String {
    match text(monitor, "type") {
        "query alert" | "metric alert" => "metric".to_owned(),
        "service check" => "custom".to_owned(),
        other => other.trim_end_matches(" alert").to_owned(),
    }
}

fn matches(monitor: &Map<String, Value>, term: &Term) -> bool {
    let value = term.value.as_str();
    let tagged = |wanted: &str| tags(monitor).any(|tag| tag.to_lowercase() == wanted);
    match term.field.as_deref() {
        None => text(monitor, "name").to_lowercase().contains(value.trim_matches('*')),
        Some("status") => text(monitor, "overall_state").to_lowercase() == value,
        Some("type") => classification(monitor) == value || text(monitor, "type") == value,
        Some("muted") => muted(monitor).0.to_string() == value,
        Some("id") => monitor.get("id").and_then(Value::as_u64) == value.parse().ok(),
        Some("title") => text(monitor, "name").to_lowercase().contains(value.trim_matches('*')),
        Some("tag") => tagged(value),
        Some(field) => tagged(&format!("{field}:{value}")),
    }
}

fn found(
    monitors: impl Iterator<Item = Map<String, Value>>,
    params: &Params,
) -> Result<Vec<Map<String, Value>>, Refusal> {
    let terms = terms(params.get("query").unwrap_or_default());
    let status = |term: &&Term| term.field.as_deref() == Some("status");
    if let Some(bad) = terms.iter().filter(status).find(|term| !STATUSES.contains(&term.value.as_str())) {
        // Monitors-search-returns-Bad-Request-response.json.
        let message = format!("Query parsing error: '{}' is not a valid monitor status", bad.value);
        return Err(Refusal::bad(message));
    }
    let mut found: Vec<_> =
        monitors.filter(|monitor| terms.iter().all(|term| matches(monitor, term))).collect();
    match params.get("sort") {
        Some("name,desc") => found.sort_by(|a, b| text(b, "name").cmp(text(a, "name"))),
        Some("name,asc" | "name") => found.sort_by(|a, b| text(a, "name").cmp(text(b, "name"))),
        _ => {}
    }
    Ok(found)
}

/// Most frequent first, as recorded.
fn tally(items: impl Iterator<Item = Value>) -> Value {
    let mut counts: BTreeMap<String, (u64, Value)> = BTreeMap::new();
    for item in items {
        counts.entry(item.to_string()).or_insert((0, item)).0 += 1;
    }
    let mut counts: Vec<_> = counts.into_values().collect();
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    counts.into_iter().map(|(count, name)| json!({ "count": count, "name": name })).collect()
}

fn counts(found: &[Map<String, Value>]) -> Value {
    json!({
        "status": tally(found.iter().map(|monitor| json!(text(monitor, "overall_state")))),
        "muted": tally(found.iter().map(|monitor| json!(muted(monitor).0))),
        "tag": tally(found.iter().flat_map(tags).map(|tag| json!(tag))),
        "type": tally(found.iter().map(|monitor| json!(classification(monitor)))),
    })
}

/// One page of items under `key`, with the counts over all of them.
fn page(
    key: &str,
    found: &[Map<String, Value>],
    items: Vec<Value>,
    params: &Params,
) -> Result<Value, Refusal> {
    let per_page = params.number("per_page")?.unwrap_or(PER_PAGE).clamp(1, MOST);
    let page = params.number("page")?.unwrap_or(0);
    let total = items.len() as u64;
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let items: Vec<_> =
        items.into_iter().skip(count(page.saturating_mul(per_page))).take(count(per_page)).collect();
    let metadata = json!({
        "total_count": total, "page_count": total.div_ceil(per_page), "page": page, "per_page": per_page,
    });
    Ok(json!({ "counts": counts(found), key: items, "metadata": metadata }))
}

/// The reply of `monitor/search`.
pub(super) fn monitors(
    monitors: impl Iterator<Item = Map<String, Value>>,
    params: &Params,
) -> Result<Value, Refusal> {
    let found = found(monitors, params)?;
    let items = found.iter().map(|monitor| {
        let key = |name: &str| monitor.get(name).cloned().unwrap_or(Value::Null);
        let creator = monitor.get("creator");
        let creator = |name: &str| creator.and_then(|c| c.get(name)).cloned().unwrap_or(Value::Null);
        let parsed = super::query::parse(text(monitor, "type"), text(monitor, "query")).unwrap_or_default();
        let roles = match key("restricted_roles") {
            Value::Null => json!([]),
            roles => roles,
        };
        json!({
            "id": key("id"), "org_id": key("org_id"), "name": key("name"), "type": key("type"),
            "query": key("query"), "tags": key("tags"), "priority": key("priority"),
            "status": key("overall_state"), "overall_state_modified": key("overall_state_modified"),
            "last_triggered_ts": null, "muted_until_ts": muted(monitor).1,
            "classification": classification(monitor), "scopes": parsed.scopes,
            "metrics": metrics(text(monitor, "query")), "notifications": handles(text(monitor, "message")),
            "restricted_roles": roles,
            "creator": {
                "handle": creator("handle"), "id": creator("id"), "name": creator("name")
            },
        })
    });
    page("monitors", &found, items.collect(), params)
}

/// The reply of `monitor/groups/search`: one group, `total`, per monitor, as nothing is evaluated.
pub(super) fn groups(
    monitors: impl Iterator<Item = Map<String, Value>>,
    params: &Params,
    now: i64,
) -> Result<Value, Refusal> {
    let found = found(monitors, params)?;
    let items = found.iter().map(|monitor| {
        let key = |name: &str| monitor.get(name).cloned().unwrap_or(Value::Null);
        let prefixed = |prefix: &str| tags(monitor).filter(|t| t.starts_with(prefix)).collect::<Vec<_>>();
        let (is_muted, until) = muted(monitor);
        json!({
            "monitor_id": key("id"), "monitor_name": key("name"), "group": "total", "group_tags": ["total"],
            "status": key("overall_state"), "all_tags": key("tags"), "env_tags": prefixed("env:"),
            "team_tags": prefixed("team:"), "priority": key("priority"), "muted": is_muted,
            "muted_until_ts": until, "muted_remaining": until.map(|end| end - now), "downtimes": [],
            "last_nodata_ts": 0, "last_triggered_ts": null,
        })
    });
    page("groups", &found, items.collect(), params)
}

/// The metric names of a query: what stands before a scope.
fn metrics(query: &str) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for (at, _) in query.match_indices('{') {
        let before = query.get(..at).unwrap_or_default();
        let named = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let name = before.rsplit(|c: char| !named(c)).next().unwrap_or_default();
        if !name.is_empty() && name != "by" && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The handles a message mentions.
fn handles(message: &str) -> Vec<Value> {
    let words = message.split_whitespace().filter_map(|word| word.strip_prefix('@'));
    words.map(|handle| json!({ "handle": handle, "name": handle })).collect()
}
