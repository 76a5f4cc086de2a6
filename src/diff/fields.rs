//! The three-way comparison of one resource, field by field.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::Document;
use crate::normalise::{ADDRESS_TAG, FILLED_IN, REV_TAG, at, canonical, is_ignored, leaves};

/// What was last applied, as far as it is known.
#[derive(Debug, Clone, Copy)]
pub enum Base<'d> {
    /// This document.
    Known(&'d Document),
    /// What is live now, as a whole: its rev tag proves that nobody edited it since.
    Live,
    /// What is live now in the fields that the schemas ask for: the rev tag proves that nobody edited those.
    LiveInOurFields,
    /// What the schemas ask for: the rev tag proves that they have not changed since.
    Desired,
    /// Both sides changed, and the snapshot that would tell how is gone.
    Unknown,
}

/// Who changed a field since it was last applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangedBy {
    /// The schemas.
    Schema,
    /// Somebody in Datadog.
    Datadog,
    /// Both, to different values.
    Both,
}

/// A field in which the desired and the live document differ.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDifference {
    /// The path, `options.thresholds.critical`.
    pub path: String,
    /// What was last applied, where known; null is "not set".
    pub base: Option<Value>,
    /// What is live; null is "not set".
    pub live: Value,
    /// What the schemas ask for; null is "not set".
    pub desired: Value,
    /// Who changed it.
    pub changed_by: ChangedBy,
}

/// The differences between two documents, over the fields that we set or have set before.
pub fn compare(desired: &Document, live: &Document, base: Base<'_>) -> Vec<FieldDifference> {
    let mut paths: BTreeSet<Cow<'_, str>> = leaves(desired).into_keys().collect();
    match base {
        // The same is asked for as was applied: the usual case.
        Base::Known(applied) if applied == desired => {}
        // What was applied and is no longer asked for has to go.
        Base::Known(applied) => paths.extend(leaves(applied).into_keys()),
        // All that is live was applied by us, but for what Datadog adds by itself.
        Base::Live => {
            paths.extend(
                leaves(live).into_keys().filter(|path| path.starts_with("options.") || is_declarable(path)),
            );
        }
        Base::LiveInOurFields | Base::Desired | Base::Unknown => {}
    }
    // Where the schemas leave it to the query, an edit of it counts all the same.
    if canonical(desired, FILLED_IN).is_some() {
        paths.insert(Cow::Borrowed(FILLED_IN));
    }
    let mut differences = Vec::new();
    for path in paths.into_iter().filter(|path| !is_ignored(path)) {
        let (wanted, found) = if path == "tags" {
            tags(desired, live, base)
        } else {
            (canonical(desired, &path), canonical(live, &path))
        };
        if wanted == found {
            continue;
        }
        let before = match base {
            Base::Known(applied) if path == "tags" => Some(list(tag_set(applied))),
            Base::Known(applied) => Some(canonical(applied, &path)),
            Base::Live | Base::LiveInOurFields => Some(found.clone()),
            Base::Desired => Some(wanted.clone()),
            Base::Unknown => None,
        };
        let changed_by = match &before {
            None => ChangedBy::Both,
            Some(before) => match (*before == wanted, *before == found) {
                (true, _) => ChangedBy::Datadog,
                (false, true) => ChangedBy::Schema,
                (false, false) => ChangedBy::Both,
            },
        };
        // What people read is the value as it stands there, not its canonical form.
        let owned = |value: Option<Cow<'_, Value>>| value.map_or(Value::Null, Cow::into_owned);
        let shown = |document, canonical: Option<_>| match &*path {
            "tags" => owned(canonical),
            _ => owned(canonical.or_else(|| at(document, &path).map(Cow::Borrowed))),
        };
        differences.push(FieldDifference {
            base: before.map(owned),
            live: shown(live, found),
            desired: shown(desired, wanted),
            changed_by,
            path: path.into_owned(),
        });
    }
    differences
}

/// Top-level fields that a schema may declare and Datadog does not fill in by itself.
fn is_declarable(path: &str) -> bool {
    matches!(path, "priority" | "restricted_roles" | "assets" | "draft_status")
}

/// The tags that count: ours, and of the live ones those that we set now or before.
fn tags<'d>(
    desired: &Document,
    live: &Document,
    base: Base<'_>,
) -> (Option<Cow<'d, Value>>, Option<Cow<'d, Value>>) {
    let wanted = tag_set(desired);
    let before = match base {
        Base::Known(applied) => tag_set(applied),
        Base::Live => tag_set(live),
        Base::LiveInOurFields | Base::Desired | Base::Unknown => BTreeSet::new(),
    };
    let found =
        tag_set(live).into_iter().filter(|tag| wanted.contains(tag) || before.contains(tag)).collect();
    (list(wanted), list(found))
}

fn list<'d>(tags: BTreeSet<&str>) -> Option<Cow<'d, Value>> {
    Some(Cow::Owned(Value::from_iter(tags)))
}

/// The tags without bellwether's own book-keeping, which follows from identity and is never a difference.
fn tag_set(document: &Document) -> BTreeSet<&str> {
    let tags = document.get("tags").and_then(Value::as_array).into_iter().flatten();
    tags.filter_map(Value::as_str)
        .filter(|tag| !tag.starts_with(ADDRESS_TAG) && !tag.starts_with(REV_TAG))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document(value: Value) -> Document {
        value.as_object().unwrap().clone()
    }

    fn one(desired: Value, live: Value, base: Value) -> Vec<(String, ChangedBy)> {
        let (desired, live, base) = (document(desired), document(live), document(base));
        let differences = compare(&desired, &live, Base::Known(&base));
        differences.into_iter().map(|d| (d.path, d.changed_by)).collect()
    }

    #[test]
    fn the_base_tells_who_changed_a_field() {
        let name = |name: &str| json!({"name": name});
        assert_eq!(one(name("b"), name("a"), name("a")), [("name".to_owned(), ChangedBy::Schema)]);
        assert_eq!(one(name("a"), name("b"), name("a")), [("name".to_owned(), ChangedBy::Datadog)]);
        assert_eq!(one(name("b"), name("c"), name("a")), [("name".to_owned(), ChangedBy::Both)]);
        assert_eq!(one(name("b"), name("b"), name("a")), []);
    }

    #[test]
    fn fields_that_nobody_set_are_not_compared() {
        let live = json!({"name": "a", "options": {"avalanche_window": 20, "renotify_occurrences": 3}, "new_field": 1});
        assert_eq!(one(json!({"name": "a"}), live, json!({"name": "a"})), []);
    }

    #[test]
    fn what_is_no_longer_asked_for_is_a_difference() {
        let with = json!({"options": {"renotify_interval": 60}});
        assert_eq!(
            one(json!({"options": {}}), with.clone(), with),
            [("options.renotify_interval".to_owned(), ChangedBy::Schema)]
        );
    }

    #[test]
    fn foreign_tags_are_no_difference_and_lost_ones_are() {
        let tags = |tags: &[&str]| json!({"tags": tags});
        assert_eq!(
            one(tags(&["a"]), tags(&["x", "a", "bellwether:q", "bellwether_rev:1"]), tags(&["a"])),
            []
        );
        assert_eq!(one(tags(&["a"]), tags(&["x"]), tags(&["a"])), [("tags".to_owned(), ChangedBy::Datadog)]);
        assert_eq!(
            one(tags(&["a"]), tags(&["a", "b"]), tags(&["a", "b"])),
            [("tags".to_owned(), ChangedBy::Schema)]
        );
    }

    #[test]
    fn without_a_base_a_difference_is_nobodys_alone() {
        let differences =
            compare(&document(json!({"name": "a"})), &document(json!({"name": "b"})), Base::Unknown);
        assert_eq!(differences[0].changed_by, ChangedBy::Both);
        assert_eq!(differences[0].base, None);
    }
}
