//! The crash matrix: an apply is killed before and after every call and every write of its journal. The next run
//! ends where an undisturbed one would have, and repeats nothing that succeeded.
//!
//! Calls are counted by a double in front of the sandbox, which kills the program. Around the journal the program kills
//! itself: there it is this test binary, started once more, since every record takes the time just before it is
//! written and every change is told after it.
#![cfg(unix)]
#![allow(clippy::print_stderr, reason = "the matrix says how many points it tried")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bellwether::plan::Options;
use bellwether::sandbox::Storage;
use bellwether::store::Store;
use jiff::Timestamp;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::double::{Answer, Double};
use super::in_process::{Hooks, World};
use super::support::{Project, Server, actions, copy, drifted, runtime};

const BEFORE: &str = r#"@namespace("com.example") @alert_channel("alerts")
protocol Shop {
  @traffic_threshold_monitor({"below": 10}) record First { string id; }
  @traffic_threshold_monitor({"below": 20}) record Second { string id; }
  @traffic_anomaly_monitor({}) record Third { string id; }
  @traffic_threshold_monitor({"below": 5}) record Former { string id; }
  @datadog_monitor({"type": "query alert", "name": "Raw", "query": "avg(last_5m):avg:a.b{*} > 1"}) record Raw { string id; }
  @traffic_threshold_monitor({"below": 1}) record GoneOne { string id; }
  @traffic_threshold_monitor({"below": 2}) record GoneTwo { string id; }
}
"#;

const AFTER: &str = r#"@namespace("com.example") @alert_channel("alerts")
protocol Shop {
  @traffic_threshold_monitor({"below": 11}) record First { string id; }
  @traffic_threshold_monitor({"below": 21}) record Second { string id; }
  @traffic_anomaly_monitor({"deviations": 4}) record Third { string id; }
  @aliases(["Former"]) @traffic_threshold_monitor({"below": 5}) record Latter { string id; }
  @datadog_monitor({"type": "log alert", "name": "Raw", "query": "logs(\"*\").index(\"*\").rollup(\"count\").last(\"5m\") > 1"}) record Raw { string id; }
  @traffic_threshold_monitor({"below": 30}) record NewOne { string id; }
  @traffic_threshold_monitor({"below": 40}) @traffic_anomaly_monitor({})
  @composite_monitor({"when": "traffic_threshold_monitor && traffic_anomaly_monitor"}) record NewTwo { string id; }
  record Counted { string @aggregate_metric({"metric": "shop.counted"}) id; }
}
"#;

const CHANGES: usize = 12;
const CHILD: &str = "BELLWETHER_TEST_CRASH_CHILD";

/// Where a run is killed.
#[derive(Debug, Clone, Copy)]
enum Point {
    /// When the call arrives, before it is carried out.
    BeforeCall(usize),
    /// When the call has been carried out, before its answer.
    AfterCall(usize),
    /// Before a record is written to the journal.
    BeforeRecord(usize),
    /// After the record of how a change ended.
    AfterRecord(usize),
}

/// A project that was applied once and then changed, beside the sandbox it was applied to.
fn template() -> Project {
    let project = Project::of(BEFORE, "http://127.0.0.1:9");
    let server = Server::with(Storage::Directory(project.path("sandbox")));
    point_at(&project, server.url());
    server.create(&json!({"type": "query alert", "name": "foreign", "query": "avg(last_5m):avg:c.d{*} > 1", "tags": []}));
    server.report("shop.counted");
    project.apply();
    project.write("schemas/events.avdl", AFTER);
    server.stop();
    project
}

fn point_at(project: &Project, url: &str) {
    let text = project.read("bellwether.toml");
    let rest: String = text
        .lines()
        .filter(|l| !l.starts_with("api_url") && !l.starts_with("sandbox"))
        .map(|l| format!("{l}\n"))
        .collect();
    project.write("bellwether.toml", &format!("{rest}api_url = \"{url}\"\n"));
}

/// What is live, by address; monitors of others by name. Ids only of those that must keep theirs.
fn live(server: &Server) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    for monitor in server.monitors() {
        let tags: Vec<&str> = monitor["tags"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let address = tags.iter().find_map(|tag| tag.strip_prefix("bellwether:"));
        let key = address.unwrap_or(monitor["name"].as_str().unwrap()).to_owned();
        let keeps_id =
            ["First", "Second", "Third", "Latter", "foreign"].iter().any(|name| key.contains(name));
        let id = keeps_id.then(|| monitor["id"].clone());
        let mut tags = tags;
        tags.sort_unstable();
        let seen =
            json!([id, monitor["name"], monitor["message"], monitor["type"], tags, monitor["options"]]);
        assert!(all.insert(key.clone(), seen).is_none(), "two monitors of {key}");
    }
    all
}

/// The writes that were carried out, by method and kind of path.
fn written(server: &Server) -> BTreeMap<String, usize> {
    let mut written = BTreeMap::new();
    for call in server.succeeded_writes() {
        let kind: String = call.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
        *written.entry(kind).or_default() += 1;
    }
    written
}

/// Runs an apply that is killed at `point`, then another one; gives what is live and what was written in both.
fn crash(
    template: &Path,
    point: Option<Point>,
) -> (BTreeMap<String, Value>, BTreeMap<String, usize>, Counts) {
    let project = Project::empty();
    copy(template, &project.path(""), "");
    let server = Server::with(Storage::Directory(project.path("sandbox")));
    let (calls, pid) = (Arc::new(AtomicUsize::new(0)), Arc::new(OnceLock::<i32>::new()));
    let (counted, victim) = (Arc::clone(&calls), Arc::clone(&pid));
    let double = Double::before(&server, move |_| {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        let victim = Arc::clone(&victim);
        let strike = move || {
            while victim.get().is_none() {
                std::thread::yield_now();
            }
            kill(Pid::from_raw(*victim.get().unwrap()), Signal::SIGKILL).unwrap();
        };
        match point {
            Some(Point::BeforeCall(at)) if at == number => {
                strike();
                Answer::Say(503, "text/plain", String::new())
            }
            Some(Point::AfterCall(at)) if at == number => Answer::PassThen(Box::new(strike)),
            _ => Answer::Pass,
        }
    });
    point_at(&project, double.url());
    let by_itself = |point: Option<Point>| match point {
        Some(Point::BeforeRecord(at)) => format!("record {at}"),
        Some(Point::AfterRecord(at)) => format!("told {at}"),
        _ => "none 0".to_owned(),
    };
    let counts = project.path("counts");
    let mut child = start(&project.path(""), &by_itself(point), &counts);
    pid.set(child.id() as i32).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.success(), point.is_none(), "{point:?}: {status:?}");
    double.recovers();
    let calls = calls.load(Ordering::SeqCst);
    let second = project.run(&["apply", "--yes"]).exits(0);
    let left = project.plan();
    assert_eq!((drifted(&left), actions(&left)), (vec![], vec![]), "{point:?}: {second:?}");
    let counts = std::fs::read_to_string(&counts).unwrap_or_default();
    let mut counts = counts.split_whitespace().map(|number| number.parse().unwrap());
    let counts = Counts { calls, records: counts.next().unwrap_or(0), told: counts.next().unwrap_or(0) };
    (live(&server), written(&server), counts)
}

struct Counts {
    calls: usize,
    records: usize,
    told: usize,
}

fn start(root: &Path, point: &str, counts: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::a_child_that_is_killed", "--nocapture"])
        .env(CHILD, format!("{}\n{}\n{point}", root.display(), counts.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Not a test by itself: without its variable it does nothing.
#[test]
fn a_child_that_is_killed() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let mut lines = order.lines().map(str::to_owned);
    let mut next = || lines.next().unwrap();
    let (root, counts, point) = (PathBuf::from(next()), PathBuf::from(next()), next());
    let (kind, at) = point.split_once(' ').unwrap();
    let at: usize = at.parse().unwrap();
    let (records, told) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let count = |counter: &AtomicUsize, is_meant: bool| {
        if counter.fetch_add(1, Ordering::SeqCst) == at && is_meant {
            kill(Pid::this(), Signal::SIGKILL).unwrap();
        }
    };
    let store = Store::open(&root.join("state/snapshot")).unwrap();
    let hooks = Hooks {
        now: &|| {
            count(&records, kind == "record");
            Timestamp::UNIX_EPOCH
        },
        progress: &|_, _, _, _, _| count(&told, kind == "told"),
    };
    let config = std::fs::read_to_string(root.join("bellwether.toml")).unwrap();
    let url = config.split('"').find(|text| text.starts_with("http://")).unwrap();
    let world = World::new(&root, store, url, Default::default());
    let (_, applied) = runtime().block_on(world.apply(Options::default(), &hooks)).unwrap();
    assert_eq!(applied.report.done(), CHANGES, "{:?}", applied.report);
    std::fs::write(counts, format!("{} {}", records.into_inner(), told.into_inner())).unwrap();
}

#[test]
fn an_apply_that_is_killed_anywhere_is_finished_by_the_next_one_and_nothing_is_repeated() {
    let template = template();
    let root = template.path("");
    let (expected, writes, counts) = crash(&root, None);
    assert_eq!(expected.len(), 10, "{expected:#?}");
    let points: Vec<Point> = (0..counts.calls)
        .flat_map(|at| [Point::BeforeCall(at), Point::AfterCall(at)])
        .chain((0..counts.records).map(Point::BeforeRecord))
        .chain((0..counts.told).map(Point::AfterRecord))
        .collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let (live, written, _) = crash(&root, Some(*point));
                    assert_eq!(live, expected, "{point:?}");
                    assert_eq!(written, writes, "{point:?}");
                }
            });
        }
    });
    eprintln!("crash matrix: {} points tried", points.len());
    assert!(points.len() > 100, "{}", points.len());
}
