//! Whether a live object is still what a change was planned from.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use super::types::{Action, Change};
use crate::model::Document;
use crate::normalise::{at, canonical, is_ignored, leaves, put};

/// How a live object stands to a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is as it was when the change was planned.
    AsPlannedFrom,
    /// It is what the change makes of it.
    AlreadyApplied,
    /// It is neither: in these words.
    Changed(String),
}

/// Compares a live object with what `change` was planned from and with what it is to be, `after`: the change's own, but
/// for the operands of a composite, which are ids by now.
///
/// Only the fields that we set count. Mutes, and tags that others added, are none of our business.
pub fn standing(change: &Change, after: &Document, live: &Document) -> Standing {
    let is_done = || change.action != Action::Delete && differing(after, live).is_none();
    // What was not set when it was planned must not be set now either.
    let mut before = change.before.clone();
    for path in leaves(&change.after).into_keys().filter(|path| at(&change.before, path).is_none()) {
        put(&mut before, &path, Value::Null);
    }
    match differing(&before, live) {
        None => Standing::AsPlannedFrom,
        Some(_) if is_done() => Standing::AlreadyApplied,
        Some(field) => Standing::Changed(field),
    }
}

/// The first field of `expected` that is otherwise in `live`, in words.
pub fn differing(expected: &Document, live: &Document) -> Option<String> {
    for path in leaves(expected).into_keys().filter(|path| !is_ignored(path)) {
        let (wanted, found) = (canonical(expected, &path), canonical(live, &path));
        if path == "tags" {
            let set = |value: &Option<Cow<'_, Value>>| -> BTreeSet<String> {
                let tags = value.as_ref().and_then(|value| value.as_array()).into_iter().flatten();
                tags.filter_map(Value::as_str).map(str::to_owned).collect()
            };
            // Tags that others add are none of our business; one of ours that is gone is.
            if let Some(tag) = set(&wanted).difference(&set(&found)).next() {
                return Some(format!("tags: `{tag}` is gone"));
            }
        } else if wanted != found {
            let shown = |value: Option<Cow<'_, Value>>| {
                value.map_or_else(|| "not set".to_owned(), |value| value.to_string())
            };
            return Some(format!("{path}: planned from {}, now {}", shown(wanted), shown(found)));
        }
    }
    None
}
