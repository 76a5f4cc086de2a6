//! The workflows for GitHub: what they may do, and with which keys.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::{blocks, page, path};

/// The workflows by their files' names.
fn workflows() -> BTreeMap<String, Value> {
    let files = fs::read_dir(path("github")).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let workflow = serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, workflow)
    };
    let workflows: BTreeMap<String, Value> = files.map(read).collect();
    assert_eq!(workflows.len(), 4);
    workflows
}

fn jobs(workflow: &Value) -> Vec<&Value> {
    workflow["jobs"].as_object().unwrap().values().collect()
}

fn steps(workflow: &Value) -> Vec<&Value> {
    jobs(workflow).into_iter().flat_map(|job| job["steps"].as_array().unwrap()).collect()
}

#[test]
fn each_has_the_least_permissions_and_an_end() {
    for (name, workflow) in workflows() {
        let expected: &[(&str, &str)] = match name.as_str() {
            "bellwether-check.yml" | "bellwether-apply.yml" => &[("contents", "read")],
            "bellwether-plan.yml" => &[("contents", "read"), ("pull-requests", "write")],
            "bellwether-drift.yml" => &[("contents", "read"), ("issues", "write")],
            other => panic!("{other} is not known"),
        };
        let permissions = workflow["permissions"].as_object().unwrap();
        let permissions: Vec<(&str, &str)> =
            permissions.iter().map(|(scope, level)| (scope.as_str(), level.as_str().unwrap())).collect();
        assert_eq!(permissions, expected, "{name}");
        for job in jobs(&workflow) {
            assert!(job["timeout-minutes"].is_u64(), "{name}");
            assert!(job.get("permissions").is_none(), "{name}");
        }
    }
}

#[test]
fn no_text_of_others_becomes_part_of_a_script() {
    for (name, workflow) in workflows() {
        for step in steps(&workflow) {
            if let Some(script) = step["run"].as_str() {
                assert!(!script.contains("${{"), "{name}: {script}");
            }
        }
    }
}

#[test]
fn no_checkout_leaves_its_token_behind() {
    for (name, workflow) in workflows() {
        let checkouts: Vec<&Value> = steps(&workflow)
            .into_iter()
            .filter(|step| step["uses"].as_str().is_some_and(|uses| uses.starts_with("actions/checkout@")))
            .collect();
        assert!(!checkouts.is_empty(), "{name}");
        assert!(checkouts.iter().all(|step| step["with"]["persist-credentials"] == false), "{name}");
    }
}

#[test]
fn what_a_pull_request_starts_has_no_secret_and_what_has_one_runs_nothing_of_it() {
    let workflows = workflows();
    let check = &workflows["bellwether-check.yml"];
    assert_eq!(check["on"].as_object().unwrap().keys().collect::<Vec<_>>(), ["merge_group", "pull_request"]);
    assert!(!check.to_string().contains("secrets.") && !check.to_string().contains("github.token"));
    for (name, workflow) in &workflows {
        let on = workflow["on"].as_object().unwrap();
        assert!(!on.contains_key("pull_request_target"), "{name}");
        assert!(name == "bellwether-check.yml" || !on.contains_key("pull_request"), "{name}");
    }
    let plan = &workflows["bellwether-plan.yml"];
    assert!(!plan.to_string().contains("secrets.DD_APP_KEY"), "it must not be able to write");
    let condition = plan["jobs"]["plan"]["if"].as_str().unwrap();
    assert!(
        condition.contains("head_repository.full_name == github.repository"),
        "not for forks: {condition}"
    );
    for (name, step) in workflows.iter().flat_map(|(name, workflow)| {
        steps(workflow).into_iter().filter_map(move |step| Some((name, step["run"].as_str()?)))
    }) {
        let runs_what_was_checked_out =
            ["./", "bash ", "sh ", "make", "npm "].iter().any(|run| step.contains(run));
        assert!(!runs_what_was_checked_out, "{name}: {step}");
    }
}

#[test]
fn applies_and_drift_wait_for_each_other() {
    let workflows = workflows();
    let group = |name: &str, job: &str| workflows[name]["jobs"][job]["concurrency"].clone();
    let apply = group("bellwether-apply.yml", "apply");
    assert_eq!(apply, group("bellwether-drift.yml", "drift"));
    assert_eq!(apply["cancel-in-progress"], false, "an apply is never cut off by the next one");
}

#[test]
fn the_page_shows_what_the_check_runs() {
    let check = &workflows()["bellwether-check.yml"];
    let scripts: Vec<String> = steps(check)
        .into_iter()
        .filter_map(|step| step["run"].as_str())
        .filter(|script| script.starts_with("bellwether "))
        .map(|script| script.replace("\"$BELLWETHER_ENV\"", "prod").replace("\"$BASE\"", "origin/main"))
        .collect();
    assert_eq!(blocks(&page("ci.md"), "console")[0].trim_end(), scripts.join("\n"));
}
