//! What a monitor looks like in a reply: the stored document, with parts shown or hidden by endpoint.

use serde_json::{Map, Value, json};

use super::downtimes::Downtimes;

/// Which of the document's parts a reply shows; the recordings of one monitor differ by endpoint.
pub(super) struct View {
    /// Missing in every recorded reply to a PUT (0 of 35), present elsewhere.
    pub(super) creator: bool,
    /// Null in replies to writes, missing in reads unless asked for.
    pub(super) restriction_policy: bool,
    pub(super) restricted_roles: bool,
    pub(super) assets: Assets,
    pub(super) downtimes: bool,
    pub(super) groups: bool,
}

/// How a view shows `assets`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Assets {
    /// With `monitor_id`, as replies to writes have them.
    Written,
    /// Without it, as `GET ?with_assets=true` has them.
    Read,
    /// The empty list that lists show, whatever the monitor has.
    Empty,
    /// No key: `GET` without the flag, on the server of 2026.
    Absent,
}

/// The reply to a POST.
pub(super) const CREATED: View = View {
    creator: true,
    restriction_policy: true,
    restricted_roles: true,
    assets: Assets::Written,
    downtimes: false,
    groups: false,
};
/// The reply to a PUT.
pub(super) const UPDATED: View = View { creator: false, ..CREATED };
/// The reply to a GET without flags.
pub(super) const READ: View = View { restriction_policy: false, assets: Assets::Absent, ..CREATED };
/// A list item, its downtimes aside.
pub(super) const LISTED: View = View { assets: Assets::Empty, ..READ };

/// The document as a view shows it, and its matching downtimes.
pub(super) fn render(
    people: &Downtimes,
    id: u64,
    mut document: Map<String, Value>,
    view: &View,
    now: i64,
) -> (Map<String, Value>, Vec<Value>) {
    let (silenced, matching) = people.on(id, &strings(document.get("tags")), now);
    if let Some(Value::Object(mutes)) = document.get_mut("options").and_then(|o| o.get_mut("silenced")) {
        mutes.retain(|_, end| end.as_i64().is_none_or(|end| end == 0 || now < end));
        mutes.extend(silenced);
    }
    for (key, shown) in [
        ("creator", view.creator),
        ("restriction_policy", view.restriction_policy),
        ("restricted_roles", view.restricted_roles),
    ] {
        if !shown {
            document.remove(key);
        }
    }
    match (view.assets, document.get_mut("assets")) {
        (Assets::Written, Some(Value::Array(assets))) => {
            for asset in assets.iter_mut().filter_map(Value::as_object_mut) {
                asset.insert("monitor_id".to_owned(), json!(id));
            }
        }
        (Assets::Empty, Some(assets)) => *assets = json!([]),
        (Assets::Absent, Some(_)) => drop(document.remove("assets")),
        _ => {}
    }
    if view.groups {
        document.insert("state".to_owned(), json!({ "groups": {} }));
    }
    (document, matching)
}

/// The strings of a list.
pub(super) fn strings(value: Option<&Value>) -> Vec<String> {
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}
