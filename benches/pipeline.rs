//! The stages of an offline plan of 10,000 monitors, and the floor under them: reading and parsing the same bytes
//! with `serde_json`.
//!
//! `cargo bench --bench pipeline`; docs/benchmarks.md has the figures.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot be set up has to stop")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bellwether::ops::{self, Compiled, PlanRequest, Planned, Refreshed};
use bellwether::plan::Options;
use bellwether::project::Project;
use bellwether::store::Store;
use divan::Bencher;
use divan::counter::BytesCount;
use jiff::Timestamp;
use serde_json::Value;
use support::datadog::{ENVIRONMENT, apply, compile};

const MONITORS: usize = 10_000;

fn main() {
    divan::main();
}

/// The repository in both formats, and the bodies of its monitors.
struct Fixture {
    idl: PathBuf,
    json: PathBuf,
    json_files: Vec<PathBuf>,
    bodies: PathBuf,
    /// The size of `json_files` and `bodies` together.
    bytes: usize,
}

static FIXTURE: LazyLock<Fixture> = LazyLock::new(|| {
    let root = support::directory("pipeline");
    let (idl, json) = (root.join("idl"), root.join("json"));
    let files = support::write(&idl, MONITORS, "sandbox = true");
    let files = support::write_as_json(&json, &idl, &files, "sandbox = true");
    let mut bodies = String::new();
    for root in [&json, &idl] {
        let project = Project::open(root).unwrap();
        let compiled = compile(&project);
        assert_eq!(compiled.graph.len(), MONITORS);
        bodies = apply(&project, &compiled);
    }
    let bytes = bodies.len() + files.iter().map(|(_, text)| text.len()).sum::<usize>();
    let json_files = files.iter().map(|(path, _)| json.join(path)).collect();
    let bodies_path = root.join("monitors.json");
    fs::write(&bodies_path, bodies).unwrap();
    Fixture { idl, json, json_files, bodies: bodies_path, bytes }
});

/// The floor: the same content as JSON, read and parsed, and nothing else.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn floor(bencher: Bencher) {
    let fixture = &*FIXTURE;
    bencher.counter(BytesCount::new(fixture.bytes)).bench(|| {
        let read = |path: &PathBuf| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let mut values: Vec<Value> = fixture.json_files.iter().map(read).collect();
        values.push(read(&fixture.bodies));
        values
    });
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn parse_idl(bencher: Bencher) {
    let root = &FIXTURE.idl;
    bencher.bench(|| Project::open(root).unwrap());
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn parse_json(bencher: Bencher) {
    let root = &FIXTURE.json;
    bencher.bench(|| Project::open(root).unwrap());
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn compile_graph(bencher: Bencher) {
    let project = Project::open(&FIXTURE.idl).unwrap();
    bencher.bench(|| compile(&project));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn load_snapshot(bencher: Bencher) {
    let project = Project::open(&FIXTURE.idl).unwrap();
    bencher.bench(|| load(&project));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn build_plan(bencher: Bencher) {
    let project = Project::open(&FIXTURE.idl).unwrap();
    let store = open_store(&project);
    bencher
        .with_inputs(|| (compile(&project), ops::stored(&store.environment(ENVIRONMENT)).unwrap()))
        .bench_values(|(compiled, refreshed)| build(&project, &store, compiled, refreshed));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn offline_plan_idl(bencher: Bencher) {
    let root = &FIXTURE.idl;
    bencher.bench(|| offline_plan(root));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn offline_plan_json(bencher: Bencher) {
    let root = &FIXTURE.json;
    bencher.bench(|| offline_plan(root));
}

/// What `plan --offline` does between its arguments and its output.
fn offline_plan(root: &Path) -> Planned {
    let project = Project::open(root).unwrap();
    let compiled = compile(&project);
    let store = open_store(&project);
    let refreshed = ops::stored(&store.environment(ENVIRONMENT)).unwrap();
    build(&project, &store, compiled, refreshed)
}

fn open_store(project: &Project) -> Store {
    Store::open(&project.state_directory().join("snapshot")).unwrap()
}

fn load(project: &Project) -> Refreshed {
    ops::stored(&open_store(project).environment(ENVIRONMENT)).unwrap()
}

fn build(project: &Project, store: &Store, compiled: Compiled, refreshed: Refreshed) -> Planned {
    let (name, environment) = project.config.environment(Some(ENVIRONMENT)).unwrap();
    let state = store.environment(ENVIRONMENT);
    let request = PlanRequest {
        project,
        name: &name,
        environment,
        reader: None,
        state: &state,
        options: Options::default(),
        now: Timestamp::UNIX_EPOCH,
    };
    let planned = ops::plan_from(&request, compiled, refreshed);
    assert_eq!(planned.plan.summary.unchanged as usize, MONITORS);
    planned
}
