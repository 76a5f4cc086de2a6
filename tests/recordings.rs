//! What Datadog really answered never shows as a difference from what it was sent.
//!
//! Every recorded create and update of a monitor is written as `@datadog_monitor`, compiled, and compared with the
//! recorded reply, as if that reply were what a refresh had read. The recordings are outside the repository:
//! `../shared/data/datadog`, or `$BELLWETHER_SHARED/data/datadog`.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use bellwether::catalog::Catalog;
use bellwether::compile::{DesiredGraph, Input, compile};
use bellwether::config::Config;
use bellwether::diag::Sources;
use bellwether::model::{LiveMonitor, Snapshot};
use bellwether::normalise::rev;
use bellwether::plan::{Inputs, Options, Plan, build};
use bellwether::schema::{InputFile, LoadError, Loader, ParseOptions, parse_project};
use serde_json::{Value, json};

const CONFIG: &str = "[environments.prod]\ntag = \"esm-prod\"\nsite = \"datadoghq.com\"\n";

struct NoImports;

impl Loader for NoImports {
    fn load(&self, _: &str) -> Result<Vec<u8>, LoadError> {
        Err(LoadError::NotFound)
    }
}

/// One recorded write: what was sent, and what Datadog answered.
struct Recorded {
    name: String,
    sent: Value,
    answered: Value,
}

fn recordings() -> Option<Vec<Recorded>> {
    let root = std::env::var_os("BELLWETHER_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join("data/datadog/recordings/v1/monitors"))
        .ok()?
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let mut recorded = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let cassette: Value = serde_json::from_str(&text).unwrap();
        for exchange in cassette["http_interactions"].as_array().unwrap() {
            let (request, response) = (&exchange["request"], &exchange["response"]);
            let is_write = matches!(request["method"].as_str(), Some("post" | "put"));
            let path = request["uri"].as_str().unwrap().split('?').next().unwrap();
            let is_monitor = path.contains("/api/v1/monitor") && !path.ends_with("/validate");
            if !is_write || !is_monitor || response["status"]["code"] != 200 {
                continue;
            }
            let body = |side: &Value| serde_json::from_str(side["body"]["string"].as_str().unwrap()).unwrap();
            let name = format!("{} {}", file.file_stem().unwrap().to_string_lossy(), request["method"]);
            recorded.push(Recorded { name, sent: body(request), answered: body(response) });
        }
    }
    Some(recorded)
}

/// The graph of a schema whose only record carries `sent` as `@datadog_monitor`.
fn compiled(sent: &Value) -> (DesiredGraph, Sources, Catalog, Config) {
    let mut sources = Sources::default();
    let config_file = sources.add("bellwether.toml", CONFIG);
    let (config, problems) = Config::parse(config_file, CONFIG);
    assert!(problems.is_empty());
    let catalog = Catalog::builtin();
    let schema = json!({
        "type": "record", "name": "Event", "namespace": "com.example", "fields": [], "datadog_monitor": sent,
    });
    let files = vec![InputFile { path: "event.avsc".into(), bytes: schema.to_string().into_bytes() }];
    let options = ParseOptions { import_directories: &[], loader: &NoImports };
    let parsed = parse_project(files, &options, &mut sources);
    let environment = &config.environments["prod"];
    let input = Input {
        catalog: &catalog,
        config: &config,
        environment_name: "prod",
        environment,
        sources: &sources,
    };
    let (graph, diagnostics) = compile(&input, &parsed.set);
    let errors: Vec<_> = diagnostics
        .iter()
        .chain(&parsed.diagnostics)
        .filter(|d| d.severity() == bellwether::diag::Severity::Error)
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    (graph, sources, catalog, config)
}

/// The plan after Datadog has answered `answered` to what `sent` compiles to.
fn plan_after(sent: &Value, answered: &Value) -> Plan {
    let (graph, sources, catalog, config) = compiled(sent);
    let node = graph.nodes().next().unwrap();
    // The recording was not made by bellwether: its reply lacks the tags that bellwether would have sent.
    let mut live = answered.clone();
    let mut tags: Vec<Value> = live["tags"].as_array().cloned().unwrap_or_default();
    tags.extend(
        node.document["tags"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|tag| !answered["tags"].as_array().is_some_and(|t| t.contains(tag)))
            .cloned(),
    );
    tags.push(format!("bellwether_rev:{}", rev(&node.document)).into());
    live["tags"] = tags.into();
    let live = LiveMonitor::from_json(serde_json::value::to_raw_value(&live).unwrap()).unwrap();
    let now = jiff::Timestamp::UNIX_EPOCH;
    let snapshot = Snapshot { taken_at: now, monitors: vec![live], metrics: BTreeMap::new() };
    build(&Inputs {
        environment: "prod",
        graph: &graph,
        sources: &sources,
        catalog: &catalog,
        snapshot: &snapshot,
        applied: &BTreeMap::new(),
        disowned: &BTreeMap::new(),
        deleted: &BTreeMap::new(),
        budget: &config.budget,
        guard: &config.guard,
        options: Options::default(),
        diagnostics: &[],
        read_calls: 0,
        now,
    })
}

#[test]
fn no_recorded_reply_differs_from_what_was_sent() {
    let Some(recordings) = recordings() else {
        println!("skipped: the recordings are not here");
        return;
    };
    assert!(recordings.len() >= 25, "only {} recorded writes", recordings.len());
    for Recorded { name, mut sent, answered } in recordings {
        // An update may leave out what it leaves alone; an annotation says all.
        for key in ["type", "query", "name", "message", "tags"] {
            if sent.get(key).is_none() {
                sent[key] = answered[key].clone();
            }
        }
        let plan = plan_after(&sent, &answered);
        let differences: Vec<String> = plan
            .changes
            .iter()
            .flat_map(|change| &change.fields)
            .chain(plan.drift.iter().flat_map(|drift| &drift.fields))
            .map(|field| format!("{}: live {} desired {}", field.path, field.before, field.after))
            .collect();
        assert!(plan.changes.is_empty() && plan.drift.is_empty(), "{name}: {differences:#?}");
        assert_eq!(plan.summary.unchanged, 1, "{name}");
    }
}

/// Guards the test above against comparing nothing: a real difference in any compared field is found.
#[test]
fn a_changed_reply_does_differ() {
    let Some(recordings) = recordings() else {
        println!("skipped: the recordings are not here");
        return;
    };
    let recorded =
        recordings.into_iter().find(|r| r.sent["options"]["thresholds"]["critical"].is_number()).unwrap();
    for (path, value) in [
        ("/name", json!("another")),
        ("/query", json!("avg(last_5m):avg:a{*} > 1")),
        ("/message", json!("another")),
        ("/options/thresholds/critical", json!(12_345)),
    ] {
        let mut answered = recorded.answered.clone();
        *answered.pointer_mut(path).unwrap() = value;
        let plan = plan_after(&recorded.sent, &answered);
        assert_eq!(plan.drift.len() + plan.changes.len(), 1, "{path}");
    }
}
