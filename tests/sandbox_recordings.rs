//! Replays the recorded traffic of the real Datadog API against the sandbox and compares every reply.
//!
//! The recordings are outside the repository: `../shared/data/datadog`, or `$BELLWETHER_SHARED`.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use bellwether::sandbox::{Running, Sandbox, Storage};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// How a difference between the recorded and the sandbox's reply is excused.
#[derive(Clone, Copy, PartialEq)]
enum Excuse {
    /// Both must have the key; the values differ by nature.
    Volatile,
    /// Only the sandbox has the key: the server did not have it yet when the recording was made.
    NotYet,
    /// Only the recording has the key: that server or organisation had it.
    NotHere,
    /// The same items in another order.
    Unordered,
}

/// Where (a path of keys, `*` for any key or index), in which files (part of the name), how and why.
const EXCUSED: &[(&str, &str, Excuse, &str)] = &[
    ("org_id", "v1/monitors", Excuse::Volatile, "the sandbox has an organisation of its own"),
    ("*.org_id", "v1/monitors", Excuse::Volatile, "the sandbox has an organisation of its own"),
    ("created", "v1/monitors", Excuse::Volatile, "a timestamp"),
    ("created_at", "v1/monitors", Excuse::Volatile, "a timestamp"),
    ("modified", "v1/monitors", Excuse::Volatile, "a timestamp"),
    ("*.created", "Get-all-monitors", Excuse::Volatile, "a timestamp"),
    ("*.created_at", "Get-all-monitors", Excuse::Volatile, "a timestamp"),
    ("*.modified", "Get-all-monitors", Excuse::Volatile, "a timestamp"),
    ("creator.*", "v1/monitors", Excuse::Volatile, "the people of the recording; the keys must be the same"),
    ("*.creator.*", "Get-all-monitors", Excuse::Volatile, "the people of the recording"),
    ("overall_state_modified", "with-downtime", Excuse::Volatile, "the sandbox evaluates nothing"),
    ("*.overall_state_modified", "Get-all-monitors", Excuse::Volatile, "the sandbox evaluates nothing"),
    ("restriction_policy", "v1/monitors", Excuse::NotYet, "in replies to writes since 2024"),
    ("draft_status", "v1/monitors", Excuse::NotYet, "since 2025"),
    ("*.draft_status", "Get-all-monitors", Excuse::NotYet, "since 2025"),
    ("assets", "v1/monitors", Excuse::NotYet, "since late 2025"),
    ("*.assets", "Get-all-monitors", Excuse::NotYet, "since late 2025"),
    ("run_as", "v1/monitors", Excuse::NotHere, "undocumented, in one organisation only"),
    ("restricted", "v1/monitors", Excuse::NotHere, "undocumented, in one organisation only"),
    ("options.avalanche_window", "v1/monitors", Excuse::NotHere, "undocumented, in one organisation only"),
    (
        "options.locked",
        "Create-a-ci-pipelines-monitor",
        Excuse::NotHere,
        "injected by the server of 2021 and 2022",
    ),
    (
        "options.thresholds.critical",
        "Create-a-ci-pipelines-monitor",
        Excuse::Volatile,
        "1 of 283 thresholds came back as an integer, in January 2022",
    ),
    (
        "options.groupby_simple_monitor",
        "with-downtime",
        Excuse::NotYet,
        "1 of 19 log alerts lacks it, in May 2023",
    ),
    ("created", "with-downtime", Excuse::Volatile, "a timestamp"),
    ("creator_id", "with-downtime", Excuse::Volatile, "the people of the recording"),
    ("uuid", "with-downtime", Excuse::NotHere, "the sandbox's downtimes are minimal"),
    (
        "mute_first_recovery_notification",
        "with-downtime",
        Excuse::NotHere,
        "the sandbox's downtimes are minimal",
    ),
    ("notify_end_types", "with-downtime", Excuse::NotHere, "the sandbox's downtimes are minimal"),
    ("notify_end_states", "with-downtime", Excuse::NotHere, "the sandbox's downtimes are minimal"),
    ("event.id", "v1/events", Excuse::Volatile, "an id"),
    ("event.id_str", "v1/events", Excuse::Volatile, "an id"),
    ("event.url", "v1/events", Excuse::Volatile, "an id and a host"),
    ("event.date_happened", "v1/events", Excuse::Volatile, "a timestamp"),
    ("data.attributes.created_at", "v2/metrics", Excuse::Volatile, "a timestamp"),
    ("data.attributes.modified_at", "v2/metrics", Excuse::Volatile, "a timestamp"),
    ("data.attributes.estimated_at", "v2/metrics", Excuse::Volatile, "a timestamp"),
    ("data.attributes.tags", "v2/metrics", Excuse::Unordered, "in random order in the recordings too"),
    (
        "data.attributes.exclude_tags_mode",
        "v2/metrics",
        Excuse::NotYet,
        "absent in replies before it existed",
    ),
    (
        "data.attributes.aggregations",
        "v2/metrics",
        Excuse::Volatile,
        "deprecated: average in 2022, sum in 2026",
    ),
    (
        "data.attributes.estimated_output_series",
        "Cardinality-Estimator",
        Excuse::Volatile,
        "counts the series of that organisation",
    ),
    (
        "data.attributes.tags",
        "List-tags-by-metric-name",
        Excuse::Volatile,
        "recorded before the first point was indexed",
    ),
    ("data", "configured-filter", Excuse::Unordered, "in no order"),
    ("data.*.attributes.created_at", "configured-filter", Excuse::Volatile, "a timestamp"),
    ("data.*.attributes.modified_at", "configured-filter", Excuse::Volatile, "a timestamp"),
    (
        "data.*.attributes.exclude_tags_mode",
        "configured-filter",
        Excuse::NotYet,
        "absent in replies before it existed",
    ),
    (
        "data.*.attributes.aggregations",
        "configured-filter",
        Excuse::Volatile,
        "deprecated: average in 2022, sum in 2026",
    ),
    ("data.*.attributes.tags", "configured-filter", Excuse::Unordered, "in random order"),
    (
        "data.*.id",
        "list-of-metrics-returns-Success-response-with-pagination",
        Excuse::Volatile,
        "the recorded names are in no order",
    ),
    ("links.self", "with-pagination", Excuse::Volatile, "host and cursor"),
    ("links.next", "with-pagination", Excuse::Volatile, "host and cursor"),
    ("links.first", "with-pagination", Excuse::Volatile, "host"),
];

/// Interactions that are not replayed, and why.
const NOT_COVERED: &[(&str, &str, &str)] = &[
    ("", "/api/v2/roles", "roles are not part of the sandbox"),
    ("", "/api/v1/synthetics", "synthetics tests are not part of the sandbox"),
    ("Get-a-synthetics-monitor", "/api/v1/monitor", "made by the synthetics API"),
    ("", "/api/v1/query?", "the sandbox stores no points"),
];

/// Every interaction the folder holds but for those above; a smaller number means a silent gap.
const REPLAYED: usize = 107;

/// The excuses that were needed: one that no longer is has to go.
static USED: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

struct Interaction {
    method: String,
    path: String,
    content_type: Option<String>,
    body: String,
    status: u16,
    reply: String,
    at: Timestamp,
}

fn recordings() -> Option<PathBuf> {
    let shared = std::env::var_os("BELLWETHER_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let folder = shared.join("data/datadog/recordings");
    folder.is_dir().then_some(folder)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

fn body_text(body: &Value) -> String {
    let text = body.as_str().or_else(|| body.get("string").and_then(Value::as_str));
    text.unwrap_or_default().to_owned()
}

fn read(file: &Path) -> Vec<Interaction> {
    let text = std::fs::read_to_string(file).unwrap();
    let cassette: Value = serde_json::from_str(&text).unwrap();
    let list = cassette["http_interactions"].as_array().unwrap();
    list.iter()
        .map(|item| {
            let (request, response) = (&item["request"], &item["response"]);
            let uri = request["uri"].as_str().unwrap();
            Interaction {
                method: request["method"].as_str().unwrap().to_uppercase(),
                path: uri[uri.find("/api/").unwrap()..].to_owned(),
                content_type: request["headers"]["Content-Type"][0].as_str().map(str::to_owned),
                body: body_text(&request["body"]),
                status: u16::try_from(response["status"]["code"].as_u64().unwrap()).unwrap(),
                reply: body_text(&response["body"]),
                at: parse_time(item["recorded_at"].as_str().unwrap()),
            }
        })
        .collect()
}

fn parse_time(text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).unwrap())
}

struct Client {
    http: reqwest::Client,
    sandbox: Running,
    now: Arc<AtomicI64>,
}

impl Client {
    async fn new() -> Self {
        let now = Arc::new(AtomicI64::new(0));
        let read = Arc::clone(&now);
        let clock = Arc::new(move || Timestamp::from_second(read.load(Ordering::SeqCst)).unwrap());
        let listen = "127.0.0.1:0".parse().unwrap();
        let sandbox = Sandbox::start_with_clock(listen, Storage::Memory, clock).await.unwrap();
        Self { http: reqwest::Client::builder().no_proxy().build().unwrap(), sandbox, now }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        content_type: Option<&str>,
        body: &str,
        key: bool,
    ) -> (u16, String) {
        let url = format!("{}{path}", self.sandbox.url());
        let mut request = self.http.request(method.parse().unwrap(), url);
        if key {
            request = request.header("DD-API-KEY", "key").header("DD-APPLICATION-KEY", "key");
        }
        if let Some(kind) = content_type {
            request = request.header("Content-Type", kind);
        }
        let reply = request.body(body.to_owned()).send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    }

    async fn must(&self, method: &str, path: &str, body: &Value) {
        let (status, reply) =
            self.send(method, path, Some("application/json"), &body.to_string(), true).await;
        assert!(status < 300, "precondition {method} {path}: {status} {reply}");
    }

    async fn metric(&self, name: &str) {
        let body = json!({"series": [{"metric": name, "points": [[1, 1.0]], "type": "gauge"}]});
        self.must("POST", "/api/v1/series", &body).await;
    }
}

/// What was there before the recording started.
async fn prepare(client: &Client, file: &str, recorded: &[Interaction]) {
    let replies = || recorded.iter().filter_map(|i| serde_json::from_str::<Value>(&i.reply).ok());
    if file.contains("Get-all-monitors-returns-OK") {
        for monitor in replies().flat_map(|list| list.as_array().cloned().unwrap_or_default()) {
            // The read-only fields are sent too: they are tolerated and ignored.
            client.must("POST", "/api/v1/monitor", &monitor).await;
        }
    } else if file.contains("Cardinality-Estimator") {
        client.metric("system.cpu.idle").await;
    } else if file.contains("configured-filter") {
        for item in replies().flat_map(|list| list["data"].as_array().cloned().unwrap_or_default()) {
            let name = item["id"].as_str().unwrap();
            client.metric(name).await;
            let mut attributes = item["attributes"].as_object().unwrap().clone();
            attributes.retain(|key, _| {
                matches!(key.as_str(), "tags" | "metric_type" | "include_percentiles" | "exclude_tags_mode")
            });
            let body = json!({"data": {"type": "manage_tags", "id": name, "attributes": attributes}});
            client.must("POST", &format!("/api/v2/metrics/{name}/tags"), &body).await;
        }
    } else if file.contains("list-of-metrics-returns-Success-response-with-pagination") {
        for name in ["a.b", "a.c", "a.d"] {
            client.metric(name).await;
        }
    } else if file.contains("search-returns-OK") {
        let query = "avg(last_5m):sum:system.net.bytes_rcvd{host:host0} > 100";
        let body = json!({"type": "metric alert", "name": "n", "message": "@pagerduty", "query": query,
            "tags": ["env:ci"]});
        client.must("POST", "/api/v1/monitor", &body).await;
    }
}

/// Replaces whole numbers and opaque tokens that the recording made up by the sandbox's.
fn translate(text: &str, ids: &BTreeMap<String, String>) -> String {
    ids.iter().fold(text.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
}

fn excused(path: &[String], file: &str) -> Option<(usize, Excuse)> {
    let matches = |pattern: &str| {
        let keys: Vec<&str> = pattern.split('.').collect();
        keys.len() == path.len() && keys.iter().zip(path).all(|(key, at)| *key == "*" || key == at)
    };
    // Excuses for one recording are more specific than those for a folder: the last one wins.
    let position = EXCUSED.iter().rposition(|(at, name, ..)| file.contains(name) && matches(at))?;
    Some((position, EXCUSED[position].2))
}

fn allows(path: &[String], file: &str, how: Excuse) -> bool {
    let found = excused(path, file).filter(|(_, excuse)| *excuse == how);
    found.map(|(position, _)| USED.lock().unwrap().insert(position)).is_some()
}

fn compare(path: &mut Vec<String>, file: &str, theirs: &Value, ours: &Value, out: &mut Vec<String>) {
    if theirs == ours {
        return;
    }
    let excuse = excused(path, file);
    match excuse.map(|(_, how)| how) {
        Some(how @ Excuse::Volatile) if allows(path, file, how) => return,
        Some(how @ Excuse::Unordered) if allows(path, file, how) => {
            let sorted = |value: &Value| {
                let mut items = value.as_array().cloned().unwrap_or_default();
                items.sort_by_key(|item| item.get("id").map_or(item.to_string(), Value::to_string));
                items
            };
            compare_lists(path, file, &sorted(theirs), &sorted(ours), out);
            return;
        }
        _ => {}
    }
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            let keys: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
            for key in keys {
                path.push(key.clone());
                match (theirs.get(key), ours.get(key)) {
                    (Some(theirs), Some(ours)) => compare(path, file, theirs, ours, out),
                    (Some(_), None) if allows(path, file, Excuse::NotHere) => {}
                    (None, Some(_)) if allows(path, file, Excuse::NotYet) => {}
                    (Some(value), None) => out.push(format!("{}: lacks {value}", path.join("."))),
                    (None, value) => {
                        out.push(format!("{}: adds {}", path.join("."), value.unwrap_or(&Value::Null)))
                    }
                }
                path.pop();
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => compare_lists(path, file, theirs, ours, out),
        (theirs, ours) if theirs == ours => {}
        (theirs, ours) => out.push(format!("{}: recorded {theirs}, got {ours}", path.join("."))),
    }
}

fn compare_lists(
    path: &mut Vec<String>,
    file: &str,
    theirs: &[Value],
    ours: &[Value],
    out: &mut Vec<String>,
) {
    if theirs.len() != ours.len() {
        out.push(format!("{}: recorded {} items, got {}", path.join("."), theirs.len(), ours.len()));
    }
    for (at, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
        path.push(at.to_string());
        compare(path, file, theirs, ours, out);
        path.pop();
    }
}

/// The searches answer for an organisation of hundreds of monitors: only the keys are compared.
fn compare_shapes(theirs: &Value, ours: &Value, out: &mut Vec<String>) {
    let keys = |value: &Value| value.as_object().map(|map| map.keys().cloned().collect::<Vec<_>>());
    let list = if theirs.get("groups").is_some() { "groups" } else { "monitors" };
    for at in ["", "/metadata", "/counts", &format!("/{list}/0"), &format!("/{list}/0/creator")] {
        let (theirs, ours) = (theirs.pointer(at).and_then(keys), ours.pointer(at).and_then(keys));
        if theirs != ours {
            out.push(format!("keys at {at}: recorded {theirs:?}, got {ours:?}"));
        }
    }
}

fn learn(ids: &mut BTreeMap<String, String>, theirs: &Value, ours: &Value) {
    for at in ["/id", "/meta/pagination/next_cursor"] {
        let text = |value: &Value| match value.pointer(at) {
            Some(Value::Number(id)) => Some(id.to_string()),
            Some(Value::String(id)) => Some(id.clone()),
            _ => None,
        };
        if let (Some(theirs), Some(ours)) = (text(theirs), text(ours)) {
            ids.insert(theirs, ours);
        }
    }
    for (theirs, ours) in theirs.as_array().into_iter().flatten().zip(ours.as_array().into_iter().flatten()) {
        learn(ids, theirs, ours);
    }
}

async fn replay(file: &Path, folder: &Path) -> (usize, Vec<String>) {
    let name = file.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
    let recorded = read(file);
    let client = Client::new().await;
    client.now.store(recorded[0].at.as_second(), Ordering::SeqCst);
    prepare(&client, &name, &recorded).await;
    let mut ids = BTreeMap::new();
    let mut replayed = 0;
    let mut problems = Vec::new();
    for interaction in &recorded {
        let covered =
            |(file, path, _): &&(&str, &str, &str)| name.contains(file) && interaction.path.starts_with(path);
        if let Some((_, path, why)) = NOT_COVERED.iter().find(covered) {
            println!("not covered: {name} {path}: {why}");
            continue;
        }
        client.now.store(interaction.at.as_second(), Ordering::SeqCst);
        let path = translate(&interaction.path, &ids);
        let body = translate(&interaction.body, &ids);
        let key = !name.contains("Validate-API-key-returns-Forbidden");
        let kind = interaction.content_type.as_deref();
        let (status, reply) = client.send(&interaction.method, &path, kind, &body, key).await;
        replayed += 1;
        let at = format!("{name}: {} {}", interaction.method, interaction.path);
        if status != interaction.status {
            problems.push(format!("{at}: recorded {}, got {status} {reply}", interaction.status));
            continue;
        }
        if interaction.reply.trim().is_empty() {
            if !reply.is_empty() {
                problems.push(format!("{at}: a body where none was recorded"));
            }
            continue;
        }
        let ours: Value = serde_json::from_str(&reply).unwrap();
        let theirs: Value = serde_json::from_str(&interaction.reply).unwrap();
        learn(&mut ids, &theirs, &ours);
        let theirs: Value = serde_json::from_str(&translate(&interaction.reply, &ids)).unwrap();
        let mut found = Vec::new();
        if name.contains("search-returns-OK") {
            compare_shapes(&theirs, &ours, &mut found);
        } else {
            compare(&mut Vec::new(), &name, &theirs, &ours, &mut found);
        }
        problems.extend(found.into_iter().map(|problem| format!("{at}: {problem}")));
    }
    client.sandbox.stop().await.unwrap();
    (replayed, problems)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_interaction_replays() {
    let Some(folder) = recordings() else {
        println!("skipped: no recordings; set BELLWETHER_SHARED");
        return;
    };
    let mut replayed = 0;
    let mut problems = Vec::new();
    for file in files(&folder).iter().filter(|file| file.extension().is_some_and(|kind| kind == "json")) {
        let (count, found) = replay(file, &folder).await;
        replayed += count;
        problems.extend(found);
    }
    println!("{replayed} interactions replayed");
    assert!(problems.is_empty(), "{} differences:\n{}", problems.len(), problems.join("\n"));
    assert_eq!(replayed, REPLAYED);
    let used = USED.lock().unwrap();
    let unused: Vec<_> = EXCUSED.iter().enumerate().filter(|(at, _)| !used.contains(at)).collect();
    let unused: Vec<_> = unused.iter().map(|(_, (at, file, ..))| format!("{at} in {file}")).collect();
    assert!(unused.is_empty(), "excuses nothing needs: {unused:#?}");
}

#[test]
fn every_excuse_has_a_reason() {
    assert!(EXCUSED.iter().all(|(_, _, _, why)| !why.is_empty()));
    let distinct: Map<String, Value> =
        EXCUSED.iter().map(|(at, file, ..)| (format!("{at} {file}"), Value::Null)).collect();
    assert_eq!(distinct.len(), EXCUSED.len());
}
