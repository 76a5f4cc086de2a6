//! The shell steps of docs/github, run as GitHub runs them, against a double of GitHub and one of Datadog.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::double::Pull;
use super::repository::{Repository, protocol};
use super::support::{Project, Run, Server};
use super::{NAME, TOKEN, start};

/// The script of a workflow's step.
fn script(workflow: &str, step: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/github").join(workflow);
    let workflow: Value = serde_saphyr::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let jobs = workflow["jobs"].as_object().unwrap();
    let mut steps = jobs.values().flat_map(|job| job["steps"].as_array().unwrap());
    let found = steps.find(|found| found["name"] == step).unwrap_or_else(|| panic!("no step {step}"));
    found["run"].as_str().unwrap().to_owned()
}

/// Runs a step where a workflow would: with these variables, its tools, and nothing else.
fn run(directory: PathBuf, (workflow, step): (&str, &str), environment: &[(&str, &str)]) -> Run {
    let program = Path::new(env!("CARGO_BIN_EXE_bellwether")).parent().unwrap();
    let tools = std::env::var("PATH").unwrap();
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-e", "-c", &script(workflow, step)]);
    command.current_dir(&directory).env_clear().stdin(Stdio::null());
    command.env("PATH", format!("{}:{tools}", program.display()));
    command.env("BELLWETHER_ENV", "sandbox").env("GITHUB_ACTIONS", "true").env("NO_COLOR", "1");
    command.envs(environment.iter().copied());
    Run::of(command, &[workflow, step], &directory)
}

const KEYS: [(&str, &str); 2] = [("DD_API_KEY", "k"), ("DD_APP_KEY", "k")];
const MONITOR: &str = "@traffic_threshold_monitor({\"below\": 9}) record R { int a; }";

#[test]
fn the_check_tells_at_the_line_what_a_branch_does_and_needs_no_key() {
    let repository = Repository::small(MONITOR);
    repository.git(&["switch", "--quiet", "--create", "topic"]);
    repository.declare("@traffic_threshold_monitor({\"below\": 8}) record R { int a; }");
    repository.commit("below 8");
    let directory = || repository.files.path("");
    let base = [("BASE", "main")];
    run(directory(), ("bellwether-check.yml", "Check"), &[]).exits(0).says(&["ok: 1 record"]);
    let plan = run(directory(), ("bellwether-check.yml", "Plan"), &base).exits(0);
    plan.says(&["::notice file=schemas/events.avdl,line=", "Plan: 1 to change."]);
    assert!(repository.has_no_state());
    repository.declare("@trafic_threshold_monitor({}) record R { int a; }");
    run(directory(), ("bellwether-check.yml", "Check"), &[])
        .exits(1)
        .says(&["::error file=schemas/events.avdl,line="]);
}

#[test]
fn the_plan_takes_schemas_from_the_pull_request_and_nothing_else() {
    let (github, api) = start();
    let (datadog, evil) = (Server::new(), Server::new());
    let project = Project::of(&protocol(MONITOR), datadog.url());
    project.write(
        "schemas/gone.avdl",
        "@namespace(\"n\") protocol G { @traffic_absence_monitor({}) record G {} }",
    );
    project.apply();
    // What the second checkout makes: the pull request's files, among them a configuration and a script of its own.
    let head = Repository::small(&MONITOR.replace('9', "7"));
    head.files.write("bellwether.toml", &project.read("bellwether.toml").replace(datadog.url(), evil.url()));
    head.files.write("Makefile", "all:\n\ttouch was-run\n");
    head.commit("a change");
    fs::rename(head.files.path(""), project.path("head")).unwrap();
    let commit = head_of(&project.path("head"));
    let number = api.open(&Pull { head: &commit, ..Pull::default() });
    api.changes(number, &["schemas/events.avdl"]);

    let number_text = number.to_string();
    let url = github.url();
    let of_job = [("NUMBER", number_text.as_str()), ("GITHUB_REPOSITORY", NAME), ("GITHUB_API_URL", &url)];
    let step = |name, more: &[(&str, &str)]| {
        run(project.path(""), ("bellwether-plan.yml", name), &[&of_job[..], more].concat())
    };
    step("Take the schemas and the catalog", &[]).exits(0);
    assert!(!project.path("schemas/gone.avdl").exists() && !project.path("was-run").exists());
    step("Plan", &KEYS).exits(0).says(&["Plan: 1 to change, 1 to delete."]);
    step("Comment", &[("GITHUB_TOKEN", TOKEN)]).exits(0);
    let comments = api.comments(number);
    assert_eq!(comments.len(), 1);
    assert!(comments[0].body.contains("n.G/traffic_absence_monitor"), "{}", comments[0].body);
    assert_eq!(evil.since(0), [""; 0], "the pull request's own configuration was used");

    // A push while it ran.
    api.push(number, &"ab".repeat(20));
    step("Comment", &[("GITHUB_TOKEN", TOKEN)]).exits(3);
    assert_eq!(api.comments(number).len(), 1);
}

fn head_of(directory: &Path) -> String {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(directory).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn what_is_merged_is_applied_and_an_edit_becomes_an_issue() {
    let (github, api) = start();
    let datadog = Server::new();
    let project = Project::of(&protocol(MONITOR), datadog.url());
    run(project.path(""), ("bellwether-apply.yml", "Apply"), &KEYS)
        .exits(0)
        .says(&["Applied 1 of 1", "Verified: 0 differences left."]);
    let url = github.url();
    let report = || {
        let of_job = [("GITHUB_TOKEN", TOKEN), ("GITHUB_REPOSITORY", NAME), ("GITHUB_API_URL", &url)];
        run(project.path(""), ("bellwether-drift.yml", "Report"), &[&KEYS[..], &of_job].concat())
    };
    report().exits(0);
    assert!(api.issues().is_empty());
    datadog.edit(datadog.id_at("n.R/traffic_threshold_monitor"), |body| body["message"] = "mine".into());
    // Drift is no failure of the job.
    report().exits(0);
    assert_eq!(api.issues().len(), 1);
    // An outage is one.
    let faults = serde_json::from_value(serde_json::json!({"rules": [{"status": 403}]})).unwrap();
    datadog.faults(faults);
    report().exits(1);
    assert_eq!(api.issues().len(), 1);
}
