//! What was last applied to a monitor: from the snapshot, or proved by the rev tag when the snapshot is lost.

use crate::compile::Node;
use crate::diff::Base;
use crate::model::{Document, LiveMonitor, Rev};
use crate::normalise::{ADDRESS_TAG, REV_TAG, applicable, leaves, pick, rev};

/// The rev tag of a live monitor.
pub fn live_rev(live: &LiveMonitor) -> Option<Rev> {
    live.tags.iter().find_map(|tag| tag.strip_prefix(REV_TAG)).map(|text| Rev(text.to_owned()))
}

/// The base of the three-way comparison of one monitor.
///
/// `document` is the live one, `applied` what was last applied and its hash.
pub fn of<'d>(
    node: &Node,
    desired_rev: &Rev,
    live: &LiveMonitor,
    document: &Document,
    applied: Option<(&Rev, &'d Document)>,
) -> Base<'d> {
    let Some(tagged) = live_rev(live) else {
        // Nobody applied this monitor yet, or its tag was removed.
        return applied.map_or(Base::LiveInOurFields, |(_, applied)| Base::Known(applied));
    };
    let known = applied.filter(|(rev, _)| **rev == tagged).map(|(_, applied)| Base::Known(applied));
    // The hash of a composite is over addresses; only the record knows the ids that were written for them.
    let is_composite = node.document.get("type").and_then(|value| value.as_str()) == Some("composite");
    match known {
        Some(known) if is_composite || *desired_rev != tagged => return known,
        _ if *desired_rev == tagged => return Base::Desired,
        _ => {}
    }
    if rev(&applicable(document)) == tagged {
        return Base::Live;
    }
    if rev(&in_our_fields(&node.document, document)) == tagged {
        return Base::LiveInOurFields;
    }
    Base::Unknown
}

/// The live document in the fields and tags that the schemas ask for.
fn in_our_fields(desired: &Document, live: &Document) -> Document {
    let mut picked = pick(live, leaves(desired).into_keys());
    let wanted = desired.get("tags").and_then(|tags| tags.as_array());
    if let (Some(wanted), Some(serde_json::Value::Array(tags))) = (wanted, picked.get_mut("tags")) {
        // A renamed monitor still has its old address, which was hashed.
        let is_address =
            |tag: &serde_json::Value| tag.as_str().is_some_and(|tag| tag.starts_with(ADDRESS_TAG));
        tags.retain(|tag| wanted.contains(tag) || is_address(tag));
    }
    picked
}
