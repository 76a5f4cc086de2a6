//! The monitors: an index in memory over documents kept as bytes, written through to the disk.
//!
//! Each monitor is serialised once per write, in the form of a list item. A list is then those bytes one
//! after another: with ten thousand monitors nothing is parsed or built again.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::clock::rfc3339;
use super::disk::{Batch, Disk, number, numbered};
use super::downtimes::{Downtime, Downtimes};
use super::query::Parsed;
use super::reply::Refusal;
use super::view::{CREATED, LISTED, READ, UPDATED, View, render, strings};
use super::{check, query, rewrite};

/// The one organisation the sandbox has.
pub(super) const ORG: u64 = 1000;

const MONITOR: &[u8] = b"monitor/";
const NEXT_ID: &[u8] = b"next_id";
const FIRST_ID: u64 = 10_000_001;

/// One monitor.
struct Entry {
    /// The stored document: every field, mutes in `options.silenced`, downtimes not applied.
    document: Vec<u8>,
    /// The list item without its closing brace, so that `matching_downtimes` can follow.
    listed: Vec<u8>,
    /// `matching_downtimes` as JSON.
    downtimes: Vec<u8>,
    identity: String,
    name: String,
    tags: Vec<String>,
    scopes: Vec<String>,
    composite: bool,
    refers_to: Vec<u64>,
    /// When the first timed mute ends.
    mute_ends: Option<i64>,
}

/// What a list may be narrowed to.
#[derive(Default)]
pub(super) struct Filter {
    /// Part of the name, in lower case.
    pub(super) name: Option<String>,
    /// Scopes of the query, all of them.
    pub(super) scopes: Vec<String>,
    /// The monitor's own tags, all of them (not recorded: several values; the stricter reading).
    pub(super) tags: Vec<String>,
    pub(super) after_id: Option<u64>,
    pub(super) skip: usize,
    pub(super) take: Option<usize>,
    pub(super) downtimes: bool,
    pub(super) groups: bool,
    /// Monitors that a fault keeps out of the list.
    pub(super) hidden: BTreeSet<u64>,
}

/// All monitors and the downtimes over them.
#[derive(Default)]
pub(super) struct Monitors {
    next_id: u64,
    by_id: BTreeMap<u64, Entry>,
    /// Monitors are unique by name, query and message.
    by_identity: HashMap<String, u64>,
    /// The composites over a monitor.
    referrers: HashMap<u64, BTreeSet<u64>>,
    downtimes: Downtimes,
    /// When a downtime or a timed mute begins or ends next.
    next_edge: Option<i64>,
}

impl Monitors {
    /// Reads everything from the disk. Downtimes are not kept: they are for a session of the sandbox.
    pub(super) fn load(disk: &Disk, now: Timestamp) -> Result<Self, String> {
        let mut monitors = Self { next_id: FIRST_ID, ..Self::default() };
        for (_, value) in disk.scan(NEXT_ID)? {
            monitors.next_id = number(&value).unwrap_or(FIRST_ID).max(FIRST_ID);
        }
        for (key, value) in disk.scan(MONITOR)? {
            let id = number(&key).ok_or("a monitor has a damaged key")?;
            let document = serde_json::from_slice::<Map<String, Value>>(&value)
                .map_err(|error| format!("monitor {id} is damaged: {error}"))?;
            monitors.next_id = monitors.next_id.max(id.saturating_add(1));
            monitors.index(id, &document, now.as_second());
        }
        Ok(monitors)
    }

    /// Forgets everything; ids go on increasing.
    pub(super) fn reset(&mut self) {
        let next_id = self.next_id;
        *self = Self { next_id, ..Self::default() };
        self.downtimes.clear();
    }

    /// Creates a monitor.
    pub(super) fn create(
        &mut self,
        body: &Map<String, Value>,
        disk: &Disk,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let (draft, parsed) = self.checked(body, None)?;
        let id = self.next_id;
        let stamp = rfc3339(now);
        let mut document = draft;
        let fixed = json!({
            "id": id, "org_id": ORG, "multi": !parsed.groups.is_empty(),
            // Whole seconds in milliseconds, in every recording.
            "created_at": now.as_second() * 1000, "created": stamp, "modified": stamp, "deleted": null,
            "restriction_policy": null, "overall_state": "No Data", "overall_state_modified": null,
            "creator": {
                "name": "Sandbox", "handle": "sandbox@example.com", "email": "sandbox@example.com", "id": 1
            },
        });
        if let Value::Object(fixed) = fixed {
            document.extend(fixed);
        }
        self.store(id, &document, disk, now)?;
        self.next_id = id + 1;
        Ok(self.view(id, document, &CREATED, now))
    }

    /// Updates a monitor: partial at the top level.
    pub(super) fn update(
        &mut self,
        id: u64,
        body: &Map<String, Value>,
        disk: &Disk,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        let mut document = self.document(id)?;
        let (draft, parsed) = self.checked(body, Some((id, &document)))?;
        document.extend(draft);
        document.insert("multi".to_owned(), json!(!parsed.groups.is_empty()));
        document.insert("modified".to_owned(), json!(rfc3339(now)));
        self.store(id, &document, disk, now)?;
        Ok(self.view(id, document, &UPDATED, now))
    }

    /// Runs the checks of a create, or of an update of `id`, and writes nothing.
    pub(super) fn validate(&self, id: Option<u64>, body: &Map<String, Value>) -> Result<(), Refusal> {
        match id {
            None => self.checked(body, None).map(drop),
            Some(id) => self.checked(body, Some((id, &self.document(id)?))).map(drop),
        }
    }

    fn checked(
        &self,
        body: &Map<String, Value>,
        base: Option<(u64, &Map<String, Value>)>,
    ) -> Result<(Map<String, Value>, Parsed), Refusal> {
        let draft = rewrite::draft(body, base.map(|(_, document)| document))?;
        let parsed = check::monitor(&draft)?;
        // An update that leaves the query alone may keep what a forced delete left dangling.
        let query_sent = base.is_none() || body.contains_key("query");
        let valid = |target: &u64| self.by_id.get(target).is_some_and(|entry| !entry.composite);
        if query_sent && !parsed.monitors.iter().all(valid) {
            // Terraform provider issue 2440. A composite in a composite has no recorded words of its own.
            return Err(Refusal::bad("Some monitor IDs are invalid"));
        }
        let other = self.by_identity.get(&identity(&draft)).copied();
        match other {
            Some(other) if base.is_none_or(|(id, _)| id != other) => {
                Err(Refusal::bad(format!("Duplicate of an existing monitor_id:{other} org_id:{ORG}")))
            }
            _ => Ok((draft, parsed)),
        }
    }

    /// Deletes a monitor; refused while a composite refers to it, unless forced.
    pub(super) fn delete(&mut self, id: u64, force: bool, disk: &Disk) -> Result<(), Refusal> {
        self.entry(id)?;
        if let Some(message) = self.referenced(id).filter(|_| !force) {
            return Err(Refusal::bad(message));
        }
        let mut batch = Batch::default();
        batch.remove(numbered(MONITOR, id));
        disk.apply(batch)?;
        self.forget(id);
        Ok(())
    }

    /// The reply of `can_delete`. An unknown id is reported as a conflict, not as a 404: the endpoint is
    /// not documented to answer one.
    pub(super) fn can_delete(&self, ids: &[u64]) -> Result<Value, Refusal> {
        let mut ok = Vec::new();
        let mut errors = Map::new();
        for id in ids {
            let problem = match self.by_id.contains_key(id) {
                false => Some("Monitor not found".to_owned()),
                true => self.referenced(*id),
            };
            match problem {
                None => ok.push(*id),
                Some(problem) => {
                    errors.insert(id.to_string(), json!([problem]));
                }
            }
        }
        if errors.is_empty() {
            return Ok(json!({ "data": { "ok": ok }, "errors": null }));
        }
        let body = json!({ "data": { "ok": ok }, "errors": errors });
        Err(Refusal::with_body(StatusCode::CONFLICT, body))
    }

    /// Why a monitor cannot be deleted, in the form of Terraform provider issue 756.
    fn referenced(&self, id: u64) -> Option<String> {
        let referrers = self.referrers.get(&id).filter(|referrers| !referrers.is_empty())?;
        let name = |id: &u64| {
            let name = self.document(*id).ok().and_then(|document| document.get("name").cloned());
            name.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let list = referrers.iter().map(|other| format!("{other},{}", name(other)));
        let list = list.collect::<Vec<_>>().join(" | ");
        Some(format!("monitor [{id},{}] is referenced in composite monitors: [{list}]", name(&id)))
    }

    /// One monitor as a reply.
    pub(super) fn get(&self, id: u64, view: &View, now: Timestamp) -> Result<Map<String, Value>, Refusal> {
        Ok(self.view(id, self.document(id)?, view, now))
    }

    /// All documents in id order, for the searches.
    pub(super) fn all(&self, now: Timestamp) -> impl Iterator<Item = Map<String, Value>> + '_ {
        self.by_id.keys().filter_map(move |id| self.get(*id, &READ, now).ok())
    }

    /// A list reply.
    pub(super) fn list(&self, filter: &Filter) -> Vec<u8> {
        let from = filter.after_id.map_or(0, |id| id.saturating_add(1));
        let wanted = |id: &u64, entry: &Entry| {
            !filter.hidden.contains(id)
                && filter.name.as_ref().is_none_or(|name| entry.name.contains(name))
                && filter.scopes.iter().all(|scope| entry.scopes.contains(scope))
                && filter.tags.iter().all(|tag| entry.tags.contains(tag))
        };
        let items = self.by_id.range(from..).filter(|(id, entry)| wanted(id, entry)).map(|(_, entry)| entry);
        let items = items.skip(filter.skip).take(filter.take.unwrap_or(usize::MAX));
        let mut body = vec![b'['];
        for (position, entry) in items.enumerate() {
            if position > 0 {
                body.push(b',');
            }
            body.extend_from_slice(&entry.listed);
            if filter.groups {
                body.extend_from_slice(br#","state":{"groups":{}}"#);
            }
            if filter.downtimes {
                body.extend_from_slice(br#","matching_downtimes":"#);
                body.extend_from_slice(&entry.downtimes);
            }
            body.push(b'}');
        }
        body.push(b']');
        body
    }

    /// Mutes a scope of a monitor, until a second or for good.
    pub(super) fn mute(
        &mut self,
        id: u64,
        scope: &str,
        end: Option<i64>,
        disk: &Disk,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        self.silence(id, disk, now, |silenced| {
            silenced.insert(scope.to_owned(), json!(end));
        })
    }

    /// Ends a mute, or all of a monitor.
    pub(super) fn unmute(
        &mut self,
        id: u64,
        scope: Option<&str>,
        disk: &Disk,
        now: Timestamp,
    ) -> Result<Map<String, Value>, Refusal> {
        self.silence(id, disk, now, |silenced| match scope {
            Some(scope) => drop(silenced.remove(scope)),
            None => silenced.clear(),
        })
    }

    /// Changes the mutes of a monitor. `modified` moves too: a mute is an edit to the real server.
    fn silence(
        &mut self,
        id: u64,
        disk: &Disk,
        now: Timestamp,
        change: impl FnOnce(&mut Map<String, Value>),
    ) -> Result<Map<String, Value>, Refusal> {
        let mut document = self.document(id)?;
        if let Some(Value::Object(options)) = document.get_mut("options") {
            let silenced = options.entry("silenced").or_insert_with(|| json!({}));
            if let Value::Object(silenced) = silenced {
                change(silenced);
            }
        }
        document.insert("modified".to_owned(), json!(rfc3339(now)));
        self.store(id, &document, disk, now)?;
        Ok(self.view(id, document, &READ, now))
    }

    /// Adds a downtime.
    pub(super) fn begin(&mut self, body: &Map<String, Value>, now: Timestamp) -> Result<Downtime, Refusal> {
        let downtime = Downtime::read(body, self.next_id, now)?;
        if let Some(id) = downtime.monitor {
            self.entry(id)?;
        }
        self.next_id += 1;
        self.downtimes.insert(downtime.clone());
        self.refresh(now);
        Ok(downtime)
    }

    /// Cancels a downtime.
    pub(super) fn cancel(&mut self, id: u64, now: Timestamp) -> Option<Downtime> {
        let downtime = self.downtimes.remove(id)?;
        self.refresh(now);
        Some(downtime)
    }

    pub(super) fn downtimes(&self) -> &Downtimes {
        &self.downtimes
    }

    /// Whether a downtime or a timed mute has begun or ended since the index was built.
    pub(super) fn is_stale(&self, now: Timestamp) -> bool {
        self.next_edge.is_some_and(|edge| edge <= now.as_second())
    }

    /// Builds the index anew, for the downtimes of now.
    pub(super) fn refresh(&mut self, now: Timestamp) {
        self.next_edge = self.downtimes.expire(now.as_second());
        for id in self.by_id.keys().copied().collect::<Vec<_>>() {
            if let Ok(document) = self.document(id) {
                self.index(id, &document, now.as_second());
            }
        }
    }

    fn entry(&self, id: u64) -> Result<&Entry, Refusal> {
        self.by_id.get(&id).ok_or_else(Refusal::no_monitor)
    }

    fn document(&self, id: u64) -> Result<Map<String, Value>, Refusal> {
        serde_json::from_slice(&self.entry(id)?.document).map_err(Refusal::internal)
    }

    fn store(
        &mut self,
        id: u64,
        document: &Map<String, Value>,
        disk: &Disk,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let mut batch = Batch::default();
        batch.insert(numbered(MONITOR, id), bytes(document));
        batch.insert(NEXT_ID, &self.next_id.max(id + 1).to_be_bytes());
        disk.apply(batch)?;
        self.index(id, document, now.as_second());
        Ok(())
    }

    fn index(&mut self, id: u64, document: &Map<String, Value>, now: i64) {
        self.forget(id);
        let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
        let (kind, query) = (text("type"), text("query"));
        let parsed = query::parse(kind, query).unwrap_or_default();
        let tags = strings(document.get("tags"));
        let (listed, downtimes) = render(&self.downtimes, id, document.clone(), &LISTED, now);
        let mut listed = bytes(&listed);
        listed.pop();
        let mutes = document.get("options").and_then(|o| o.get("silenced")).and_then(Value::as_object);
        let ends = mutes.into_iter().flat_map(Map::values).filter_map(Value::as_i64);
        let mute_ends = ends.filter(|end| *end > now).min();
        let entry = Entry {
            document: bytes(document),
            listed,
            downtimes: Value::Array(downtimes).to_string().into_bytes(),
            identity: identity(document),
            name: text("name").to_lowercase(),
            tags,
            scopes: parsed.scopes,
            composite: kind == "composite",
            refers_to: parsed.monitors,
            mute_ends,
        };
        self.next_edge = [self.next_edge, entry.mute_ends].into_iter().flatten().min();
        self.by_identity.insert(entry.identity.clone(), id);
        for target in &entry.refers_to {
            self.referrers.entry(*target).or_default().insert(id);
        }
        self.by_id.insert(id, entry);
    }

    fn forget(&mut self, id: u64) {
        let Some(entry) = self.by_id.remove(&id) else { return };
        if self.by_identity.get(&entry.identity) == Some(&id) {
            self.by_identity.remove(&entry.identity);
        }
        for target in entry.refers_to {
            if let Some(referrers) = self.referrers.get_mut(&target) {
                referrers.remove(&id);
            }
        }
    }

    fn view(&self, id: u64, document: Map<String, Value>, view: &View, now: Timestamp) -> Map<String, Value> {
        let (mut shown, downtimes) = render(&self.downtimes, id, document, view, now.as_second());
        if view.downtimes {
            shown.insert("matching_downtimes".to_owned(), Value::Array(downtimes));
        }
        shown
    }
}

fn bytes(document: &Map<String, Value>) -> Vec<u8> {
    serde_json::to_vec(document).unwrap_or_default()
}

fn identity(document: &Map<String, Value>) -> String {
    let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
    [text("name"), text("query"), text("message")].join("\0")
}
