//! What is sent to Datadog: our document, laid over what others set on the live monitor.

use serde_json::{Map, Value};

use crate::model::Document;
use crate::normalise::{ADDRESS_TAG, FILLED_IN, REV_TAG, at, is_ignored};

/// The complete body of a create (`live` is `None`) or an update.
///
/// A PUT replaces `options` as a whole and tags as a list, so options and tags that others set are taken over from
/// the live monitor. What `after` gives as null is left out, or cleared where leaving it out would keep it.
/// `removed_tags` are ours no longer.
pub fn write_body(after: &Document, live: Option<&Document>, removed_tags: &[String]) -> Document {
    let empty = Map::new();
    let mut body = Document::new();
    for (key, value) in after {
        match key.as_str() {
            "options" | "tags" => {}
            _ if is_ignored(key) => {}
            _ if value.is_null() => {
                // An omitted top-level field keeps its value in an update; null clears it.
                if live.is_some() {
                    body.insert(key.clone(), Value::Null);
                }
            }
            _ => {
                body.insert(key.clone(), value.clone());
            }
        }
    }
    let theirs = live.and_then(|live| object(live, "options")).unwrap_or(&empty);
    let ours = object(after, "options").unwrap_or(&empty);
    let mut merged = options(ours, theirs);
    if at(after, FILLED_IN).is_none_or(Value::is_null)
        && let Some(Value::Object(thresholds)) = merged.get_mut("thresholds")
    {
        // Datadog derives it from our query; one that somebody set for another query would be refused.
        thresholds.remove("critical");
    }
    body.insert("options".to_owned(), Value::Object(merged));
    let foreign = live.and_then(|live| live.get("tags")).and_then(Value::as_array).into_iter().flatten();
    let mut tags: Vec<Value> = after.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
    for tag in foreign {
        let text = tag.as_str().unwrap_or_default();
        let ours = text.starts_with(ADDRESS_TAG)
            || text.starts_with(REV_TAG)
            || removed_tags.iter().any(|t| t == text);
        if !ours && !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    body.insert("tags".to_owned(), Value::Array(tags));
    body
}

fn object<'d>(document: &'d Document, key: &str) -> Option<&'d Map<String, Value>> {
    document.get(key).and_then(Value::as_object)
}

fn options(ours: &Map<String, Value>, theirs: &Map<String, Value>) -> Map<String, Value> {
    let mut options: Map<String, Value> = theirs
        .iter()
        .filter(|(key, _)| !is_ignored(&format!("options.{key}")))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    for (key, value) in ours {
        let merged = match (key.as_str(), value) {
            ("thresholds" | "threshold_windows", Value::Object(own)) => {
                let mut inner = theirs.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
                for (name, value) in own {
                    inner.insert(name.clone(), value.clone());
                }
                inner.retain(|_, value| !value.is_null());
                Value::Object(inner)
            }
            (_, value) => value.clone(),
        };
        let is_empty = merged.as_object().is_some_and(Map::is_empty);
        // An explicit null of `new_host_delay` keeps Datadog from filling in 300 seconds.
        if (merged.is_null() && key != "new_host_delay") || is_empty {
            options.remove(key);
        } else {
            options.insert(key.clone(), merged);
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(value: Value) -> Document {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn an_update_keeps_what_others_set_and_drops_what_we_unset() {
        let after = document(json!({
            "name": "n", "priority": null, "tags": ["esm-prod"],
            "options": {"renotify_interval": null, "timeout_h": 2, "thresholds": {"critical": 1, "warning": null}},
        }));
        let live = document(json!({
            "id": 7, "name": "old", "tags": ["esm-prod", "team:x", "old:tag", "bellwether_rev:1"],
            "options": {"renotify_interval": 60, "notify_by": ["host"], "silenced": {"*": null}, "locked": false,
                        "thresholds": {"critical": 3, "warning": 2, "ok": 0}},
        }));
        let body = write_body(&after, Some(&live), &["old:tag".to_owned()]);
        assert_eq!(
            Value::Object(body),
            json!({
                "name": "n", "priority": null, "tags": ["esm-prod", "team:x"],
                "options": {"notify_by": ["host"], "timeout_h": 2, "thresholds": {"critical": 1, "ok": 0}},
            })
        );
    }

    #[test]
    fn a_create_sends_no_nulls() {
        let after = document(
            json!({"name": "n", "priority": null, "options": {"thresholds": {"warning": null}, "x": null}}),
        );
        let body = write_body(&after, None, &[]);
        assert_eq!(Value::Object(body), json!({"name": "n", "options": {}, "tags": []}));
    }
}
