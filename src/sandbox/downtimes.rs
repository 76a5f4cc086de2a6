//! Downtimes and mutes: what people on call do to monitors. Both end by themselves.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::reply::Refusal;

/// A v1 downtime, as `Get-a-monitor-s-details-with-downtime` has it.
#[derive(Debug, Clone)]
pub(super) struct Downtime {
    pub(super) id: u64,
    pub(super) monitor: Option<u64>,
    pub(super) tags: Vec<String>,
    pub(super) scope: Vec<String>,
    pub(super) start: i64,
    pub(super) end: Option<i64>,
    pub(super) message: Value,
    pub(super) timezone: String,
}

/// The people's part of the monitors' state.
#[derive(Debug, Default)]
pub(super) struct Downtimes {
    by_id: BTreeMap<u64, Downtime>,
}

impl Downtime {
    /// Reads a create request.
    pub(super) fn read(body: &Map<String, Value>, id: u64, now: Timestamp) -> Result<Self, Refusal> {
        let texts = |name: &str| match body.get(name) {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(list)) => {
                list.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
            }
            _ => Vec::new(),
        };
        let scope = texts("scope");
        if scope.is_empty() {
            return Err(Refusal::bad("The parameter 'scope' is required"));
        }
        let end = body.get("end").and_then(Value::as_i64);
        let start = body.get("start").and_then(Value::as_i64).unwrap_or_else(|| now.as_second());
        if end.is_some_and(|end| end <= now.as_second() || end <= start) {
            return Err(Refusal::parameter("end", "not in the future"));
        }
        let tags = texts("monitor_tags");
        Ok(Self {
            id,
            monitor: body.get("monitor_id").and_then(Value::as_u64),
            tags: if tags.is_empty() { vec!["*".to_owned()] } else { tags },
            scope,
            start,
            end,
            message: body.get("message").cloned().unwrap_or(Value::Null),
            timezone: body.get("timezone").and_then(Value::as_str).unwrap_or("UTC").to_owned(),
        })
    }

    fn active(&self, now: i64) -> bool {
        self.start <= now && self.end.is_none_or(|end| now < end)
    }

    fn covers(&self, monitor: u64, tags: &[String]) -> bool {
        match self.monitor {
            Some(id) => id == monitor,
            None => self.tags.iter().all(|tag| tag == "*" || tags.contains(tag)),
        }
    }

    /// The downtime's own reply.
    pub(super) fn reply(&self, now: Timestamp, org: u64) -> Value {
        let active = self.active(now.as_second());
        json!({
            "id": self.id, "monitor_id": self.monitor, "org_id": org, "start": self.start, "end": self.end,
            "canceled": null, "created": now.as_second(), "modified": now.as_second(),
            "message": self.message, "active": active, "disabled": false, "recurrence": null,
            "timezone": self.timezone, "parent_id": null, "child_id": null, "creator_id": 1,
            "updater_id": null, "downtime_type": 0, "status": if active { "active" } else { "scheduled" },
            "monitor_tags": self.tags, "scope": self.scope,
        })
    }

    /// Its item in a monitor's `matching_downtimes`.
    fn matching(&self, now: i64, monitor: u64) -> Value {
        json!({
            "id": self.id, "active": self.active(now), "monitor_id": monitor, "start": self.start,
            "end": self.end, "scope": self.scope, "groups": ["total"],
        })
    }
}

impl Downtimes {
    pub(super) fn insert(&mut self, downtime: Downtime) {
        self.by_id.insert(downtime.id, downtime);
    }

    pub(super) fn get(&self, id: u64) -> Option<&Downtime> {
        self.by_id.get(&id)
    }

    pub(super) fn remove(&mut self, id: u64) -> Option<Downtime> {
        self.by_id.remove(&id)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Downtime> {
        self.by_id.values()
    }

    pub(super) fn clear(&mut self) {
        self.by_id.clear();
    }

    /// Drops what has ended and gives the next second at which something starts or ends.
    pub(super) fn expire(&mut self, now: i64) -> Option<i64> {
        self.by_id.retain(|_, downtime| downtime.end.is_none_or(|end| now < end));
        let edges = self.by_id.values().flat_map(|downtime| [Some(downtime.start), downtime.end]);
        edges.flatten().filter(|edge| *edge > now).min()
    }

    /// What the downtimes do to a monitor: entries for `options.silenced`, and `matching_downtimes`.
    pub(super) fn on(&self, monitor: u64, tags: &[String], now: i64) -> (Map<String, Value>, Vec<Value>) {
        let mut silenced = Map::new();
        let mut matching = Vec::new();
        for downtime in self.by_id.values().filter(|downtime| downtime.covers(monitor, tags)) {
            matching.push(downtime.matching(now, monitor));
            if downtime.active(now) {
                silenced.insert(downtime.scope.join(","), json!(downtime.end));
            }
        }
        (silenced, matching)
    }
}
