//! What Datadog would answer of the monitors of a repository after an apply, and a state directory that holds it.

use std::collections::{BTreeMap, HashMap};

use bellwether::compile::{Node, ResourceKind, composite};
use bellwether::model::{Applied, Document, Lazy, LiveMonitor, MonitorId, Snapshot};
use bellwether::normalise::{REV_TAG, rev};
use bellwether::ops::{self, Compiled};
use bellwether::project::Project;
use bellwether::store::Store;
use jiff::Timestamp;
use serde_json::{Value, json};

/// The environment that [`super::write`] makes.
pub const ENVIRONMENT: &str = "bench";

/// Compiles a project for [`ENVIRONMENT`].
pub fn compile(project: &Project) -> Compiled {
    let (name, environment) = project.config.environment(Some(ENVIRONMENT)).unwrap();
    match ops::compile(project, &name, environment) {
        Ok(compiled) => compiled,
        Err(failure) => panic!("the repository does not compile: {failure:?}"),
    }
}

/// Fills the project's state as if all its monitors had been applied and read back. Gives the bodies that were
/// read, as one JSON list.
pub fn apply(project: &Project, compiled: &Compiled) -> String {
    let nodes = || compiled.graph.in_order().filter(|node| node.kind == ResourceKind::Monitor);
    let ids: HashMap<&str, u64> =
        nodes().enumerate().map(|(index, node)| (node.address.as_str(), 12_000_000 + index as u64)).collect();
    let store = Store::open(&project.state_directory().join("snapshot")).unwrap();
    let state = store.environment(ENVIRONMENT);
    let now: Timestamp = "2026-03-02T09:30:00Z".parse().unwrap();
    let (mut monitors, mut all) = (Vec::new(), BTreeMap::new());
    for node in nodes() {
        let id = ids[node.address.as_str()];
        let reply = reply(node, id, &ids).to_string();
        monitors.push(LiveMonitor::from_json(reply).unwrap());
        let parameters = node.parameters.iter().map(|(name, p)| (name.clone(), p.value.clone())).collect();
        let applied = Applied {
            id: Some(MonitorId(id)),
            rev: rev(&node.document),
            document: Lazy::new(&node.document),
            parameters: Lazy::new(&parameters),
            applied_at: now,
            source: Some(project.sources.file_line(node.origin)),
        };
        all.insert(node.address.clone(), applied);
    }
    state.record_all_applied(&all).unwrap();
    monitors.sort_by_key(|live| live.id);
    let bodies: Vec<&str> = monitors.iter().map(|live| &*live.body).collect();
    let bodies = format!("[{}]", bodies.join(","));
    state.commit_snapshot(&Snapshot { taken_at: now, monitors, metrics: Default::default() }).unwrap();
    bodies
}

/// A monitor as Datadog answers it: with what it fills in by itself, and without nulls.
fn reply(node: &Node, id: u64, ids: &HashMap<&str, u64>) -> Value {
    let sent = &node.document;
    let text = |key: &str| sent.get(key).and_then(Value::as_str).unwrap_or_default();
    let mut tags = sent.get("tags").and_then(Value::as_array).cloned().unwrap_or_default();
    tags.push(format!("{REV_TAG}{}", rev(sent)).into());
    json!({
        "id": id,
        "org_id": 314_159,
        "type": text("type"),
        "name": text("name"),
        "message": text("message"),
        "tags": tags,
        "query": composite::resolve(text("query"), |address| ids.get(address).copied()),
        "options": options(sent),
        "multi": text("query").contains(" by {"),
        "created_at": 1_772_443_000_000_u64 + id,
        "created": "2026-03-02T09:16:40.123456+00:00",
        "modified": "2026-03-02T09:16:40.123456+00:00",
        "deleted": null,
        "priority": sent.get("priority").cloned().unwrap_or_default(),
        "restricted_roles": null,
        "restriction_policy": null,
        "draft_status": "published",
        "overall_state_modified": "2026-03-02T09:20:00+00:00",
        "overall_state": "OK",
        "creator": {
            "name": "Continuous Integration of the Event Schemas",
            "handle": "event-schemas@example.com",
            "email": "event-schemas@example.com",
            "id": 2_718_281,
        },
        "matching_downtimes": [],
        "assets": [],
    })
}

fn options(sent: &Document) -> Value {
    let mut options = json!({
        "notify_audit": false,
        "include_tags": true,
        "new_host_delay": 300,
        "notify_no_data": false,
        "silenced": {},
        "locked": false,
        "renotify_statuses": null,
        "escalation_message": "",
        "groupby_simple_monitor": false,
    });
    for (key, value) in sent.get("options").and_then(Value::as_object).into_iter().flatten() {
        match value {
            Value::Null => {}
            Value::Object(inner) => {
                let set = inner.iter().filter(|(_, value)| !value.is_null());
                options[key] = set.map(|(name, value)| (name.clone(), float(value))).collect();
            }
            value => options[key] = value.clone(),
        }
    }
    options
}

/// Datadog answers thresholds as floats.
fn float(value: &Value) -> Value {
    value.as_f64().map_or_else(|| value.clone(), Value::from)
}
