//! One form for everything that Datadog takes for the same: applied to both sides before they are compared.
//!
//! A document is seen as its *leaves*: top-level fields, options one by one, thresholds one by one. Pure.

mod table;

pub use table::FILLED_IN;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;
use std::sync::LazyLock;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use self::table::Treatment;
use crate::model::{Document, LiveMonitor, Rev};
use crate::query;
use crate::units::number_value;

/// The addresses that a live monitor carries: one, but for what people do to tags.
pub fn addresses(live: &LiveMonitor) -> impl Iterator<Item = &str> {
    live.tags.iter().filter_map(|tag| tag.strip_prefix(ADDRESS_TAG))
}

/// The tag that holds the address.
pub const ADDRESS_TAG: &str = "bellwether:";
/// The tag that holds the hash of what was last applied.
pub const REV_TAG: &str = "bellwether_rev:";

static TABLE: LazyLock<HashMap<&'static str, Vec<Treatment>>> =
    LazyLock::new(|| table::rows().into_iter().map(|row| (row.path, row.treatments)).collect());

/// Objects that are compared key by key; every other value is compared as a whole.
const OPEN: &[&str] =
    &["options", "options.thresholds", "options.threshold_windows", "metadata", "tag_configuration"];

/// Whether the field at this path is never compared and never sent.
pub fn is_ignored(path: &str) -> bool {
    TABLE.get(path).is_some_and(|treatments| treatments.contains(&Treatment::Ignore))
}

/// The leaves of a document by path, null ones included.
pub fn leaves(document: &Document) -> BTreeMap<Cow<'_, str>, &Value> {
    let mut leaves = BTreeMap::new();
    collect(document, "", &mut leaves);
    leaves
}

fn collect<'d>(object: &'d Document, prefix: &str, leaves: &mut BTreeMap<Cow<'d, str>, &'d Value>) {
    for (key, value) in object {
        let path =
            if prefix.is_empty() { Cow::from(key) } else { Cow::from([prefix, ".", key.as_str()].concat()) };
        match value {
            Value::Object(inner) if OPEN.contains(&&*path) => collect(inner, &path, leaves),
            _ => {
                leaves.insert(path, value);
            }
        }
    }
}

/// Whether Datadog takes two monitor types for one.
pub fn same_type(one: &str, other: &str) -> bool {
    let of = |name: &str| Document::from_iter([("type".to_owned(), Value::from(name))]);
    one == other || canonical(&of(one), "type") == canonical(&of(other), "type")
}

/// The value at a path of leaves.
pub fn at<'d>(document: &'d Document, path: &str) -> Option<&'d Value> {
    let mut steps = path.splitn(3, '.');
    let first = document.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step))
}

/// Puts a value at a path of leaves, making the objects on the way.
pub fn put(document: &mut Document, path: &str, value: Value) {
    match path.split_once('.') {
        Some((first, rest))
            if OPEN.contains(&first) || first == "thresholds" || first == "threshold_windows" =>
        {
            let inner = document.entry(first.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
        _ => {
            document.insert(path.to_owned(), value);
        }
    }
}

/// The value at `path` of `document` in the form in which it is compared; `None` is "not set, or as if it were not".
pub fn canonical<'d>(document: &'d Document, path: &str) -> Option<Cow<'d, Value>> {
    let value = at(document, path);
    let treatments = TABLE.get(path).map_or(&[][..], Vec::as_slice);
    let keeps_null = treatments.iter().any(|t| matches!(t, Treatment::DefaultButNotNull(_)));
    let mut value = match value {
        None => None,
        Some(Value::Null) if !keeps_null => None,
        Some(value) => Some(plain_numbers(value)),
    };
    for treatment in treatments {
        value = match treatment {
            Treatment::Ignore => None,
            Treatment::OnlyIf(condition) => value.filter(|_| is_on(at(document, condition))),
            Treatment::ThresholdOfQuery if value.is_none() => implied_threshold(document).map(Cow::Owned),
            treatment => value.and_then(|value| treated(treatment, value)),
        };
    }
    value
}

/// The threshold that a query itself names.
fn implied_threshold(document: &Document) -> Option<Value> {
    let query = document.get("query").and_then(Value::as_str)?;
    query::comparison(query).and_then(|comparison| number_value(comparison.threshold))
}

fn treated<'d>(treatment: &Treatment, value: Cow<'d, Value>) -> Option<Cow<'d, Value>> {
    match (treatment, &*value) {
        (Treatment::Trim, Value::String(text)) => {
            let trimmed = text.trim();
            if trimmed.len() == text.len() { Some(value) } else { Some(Cow::Owned(trimmed.into())) }
        }
        (Treatment::Set, Value::Array(items)) => {
            let mut items = items.clone();
            items.sort_by_cached_key(Value::to_string);
            items.dedup();
            Some(Cow::Owned(Value::Array(items)))
        }
        (Treatment::Default(default) | Treatment::DefaultButNotNull(default), _) => {
            (value != plain_numbers(default)).then_some(value)
        }
        (Treatment::Alias(one, other), Value::String(text)) if text == one => {
            Some(Cow::Owned(Value::from(*other)))
        }
        (Treatment::OnlyKeys(keys), Value::Array(items)) => {
            Some(Cow::Owned(items.iter().map(|item| only(item, keys)).collect()))
        }
        _ => Some(value),
    }
}

/// Whether a value makes what depends on it count.
fn is_on(condition: Option<&Value>) -> bool {
    match condition {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(_) => true,
    }
}

fn only(item: &Value, keys: &[&str]) -> Value {
    match item {
        Value::Object(object) => {
            let kept = object.iter().filter(|(key, value)| keys.contains(&key.as_str()) && !value.is_null());
            kept.map(|(key, value)| (key.clone(), value.clone())).collect()
        }
        other => other.clone(),
    }
}

/// Numbers in one notation: `2` for `2.0`. What has no numbers in it is not copied.
pub fn plain_numbers(value: &Value) -> Cow<'_, Value> {
    if !has_numbers(value) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(match value {
        Value::Number(number) => number.as_f64().and_then(number_value).unwrap_or_else(|| value.clone()),
        Value::Array(items) => items.iter().map(|item| plain_numbers(item).into_owned()).collect(),
        Value::Object(object) => {
            object.iter().map(|(key, value)| (key.clone(), plain_numbers(value).into_owned())).collect()
        }
        other => other.clone(),
    })
}

fn has_numbers(value: &Value) -> bool {
    match value {
        Value::Number(_) => true,
        Value::Array(items) => items.iter().any(has_numbers),
        Value::Object(object) => object.values().any(has_numbers),
        _ => false,
    }
}

/// The hash of a document in canonical form, over all it sets, without the rev tag itself.
pub fn rev(document: &Document) -> Rev {
    let mut hasher = Sha256::new();
    let mut text = Vec::new();
    let mut paths: BTreeSet<Cow<'_, str>> = leaves(document).into_keys().collect();
    // Whether this one is spelled out or left to the query must not matter.
    paths.insert(Cow::Borrowed(table::FILLED_IN));
    for path in paths {
        let Some(mut value) = canonical(document, &path) else { continue };
        if path == "tags"
            && let Value::Array(tags) = value.to_mut()
        {
            tags.retain(|tag| !tag.as_str().is_some_and(|tag| tag.starts_with(REV_TAG)));
        }
        hasher.update(path.as_bytes());
        hasher.update([0]);
        text.clear();
        // A value's keys are texts, so that writing it into memory cannot fail.
        let _ = serde_json::to_writer(&mut text, &*value);
        hasher.update(&text);
        hasher.update([0]);
    }
    let mut hex = hex(&hasher.finalize());
    hex.truncate(12);
    Rev(hex)
}

/// Sixteen hex digits that are the same for the same texts.
pub fn fingerprint(texts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        hasher.update(text.as_bytes());
        hasher.update([0]);
    }
    let mut hex = hex(&hasher.finalize());
    hex.truncate(16);
    hex
}

/// `live` without the fields that nobody can have applied: those that Datadog adds by itself.
pub fn applicable(live: &Document) -> Document {
    let ours = |path: &str| {
        path.starts_with("options.")
            || matches!(path, "type" | "name" | "query" | "message" | "tags" | "priority")
            || matches!(path, "restricted_roles" | "assets" | "draft_status")
    };
    pick(live, leaves(live).into_keys().filter(|path| ours(path)))
}

/// The values of `document` at `paths`, and nothing else.
pub fn pick(document: &Document, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Document {
    let mut picked = Document::new();
    for path in paths {
        if let Some(value) = at(document, path.as_ref()) {
            put(&mut picked, path.as_ref(), value.clone());
        }
    }
    picked
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(value: Value) -> Document {
        value.as_object().unwrap().clone()
    }

    /// Each pair is one thing to Datadog: what is sent, and what comes back.
    #[test]
    fn what_datadog_rewrites_is_the_same_to_us() {
        for (path, sent, answered) in [
            ("name", json!({"name": " n "}), json!({"name": "n"})),
            ("query", json!({"query": "\nq \n"}), json!({"query": "q"})),
            ("message", json!({"message": ""}), json!({})),
            ("type", json!({"type": "metric alert"}), json!({"type": "query alert"})),
            ("priority", json!({"priority": 0}), json!({"priority": null})),
            ("tags", json!({"tags": ["b:1", "a:1", "b:1"]}), json!({"tags": ["a:1", "b:1"]})),
            (
                "options.thresholds.critical",
                json!({"options": {"thresholds": {"critical": 2}}}),
                json!({"options": {"thresholds": {"critical": 2.0}}}),
            ),
            (
                "options.thresholds.warning",
                json!({"options": {"thresholds": {"warning": null}}}),
                json!({"options": {}}),
            ),
            (
                "options.thresholds.critical",
                json!({"query": "q > 2", "options": {"thresholds": {"critical": 2}}}),
                json!({"query": "q > 2", "options": {}}),
            ),
            ("options.notify_audit", json!({"options": {"notify_audit": false}}), json!({"options": {}})),
            ("options.include_tags", json!({}), json!({"options": {"include_tags": true}})),
            ("options.new_host_delay", json!({}), json!({"options": {"new_host_delay": 300}})),
            (
                "options.no_data_timeframe",
                json!({"options": {"no_data_timeframe": 10, "notify_no_data": false}}),
                json!({"options": {"notify_no_data": false}}),
            ),
            ("options.silenced", json!({}), json!({"options": {"silenced": {"*": 1_685_394_919}}})),
            (
                "options.on_missing_data",
                json!({"options": {"on_missing_data": "default"}}),
                json!({"options": {}}),
            ),
            (
                "assets",
                json!({"assets": [{"category": "runbook", "name": "R", "url": "u"}]}),
                json!({"assets": [{"category": "runbook", "name": "R", "url": "u", "monitor_id": 1, "template_variables": {}, "options": {}, "resource_key": null}]}),
            ),
            ("draft_status", json!({"draft_status": "published"}), json!({})),
        ] {
            let (sent, answered) = (document(sent), document(answered));
            assert_eq!(canonical(&sent, path), canonical(&answered, path), "{path}: {sent:?} {answered:?}");
        }
    }

    #[test]
    fn zeros_that_mean_something_are_kept() {
        for (path, zero) in [
            ("options.new_host_delay", json!({"options": {"new_host_delay": 0}})),
            ("options.new_group_delay", json!({"options": {"new_group_delay": 0}})),
            ("options.thresholds.critical", json!({"options": {"thresholds": {"critical": 0}}})),
        ] {
            let zero = document(zero);
            let empty = Document::new();
            let with = canonical(&zero, path);
            assert_eq!(with.as_deref(), Some(&json!(0)), "{path}");
            assert_ne!(with, canonical(&empty, path), "{path}");
        }
    }

    #[test]
    fn the_rev_does_not_depend_on_how_a_thing_is_written() {
        let one = document(
            json!({"name": "n", "tags": ["a", "b"], "options": {"timeout_h": 0, "thresholds": {"critical": 1}}}),
        );
        let other = document(
            json!({"options": {"thresholds": {"critical": 1.0}}, "tags": ["b", "bellwether_rev:x", "a"], "name": "n "}),
        );
        assert_eq!(rev(&one), rev(&other));
        assert_eq!(rev(&one).0.len(), 12);
        let changed = document(json!({"name": "m", "tags": ["a", "b"]}));
        assert_ne!(rev(&one), rev(&changed));
    }
}
