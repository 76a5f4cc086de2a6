//! GitHub's own examples of what it sends, where the folder is there: `../shared/data/github`, or `$BELLWETHER_SHARED/data/github`.

#![allow(clippy::print_stdout, reason = "a skipped test says so")]

use std::path::PathBuf;

use serde_json::{Value, json};

use super::support::{EXAMPLE, World};

#[test]
fn github_s_own_examples_are_taken_or_passed_over() {
    let root = std::env::var_os("BELLWETHER_SHARED")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let Ok(text) = std::fs::read_to_string(root.join("data/github/webhook-examples.json")) else {
        println!("skipped: there are no examples");
        return;
    };
    let world = World::new();
    world.github.repository(EXAMPLE);
    let events: Vec<Value> = serde_json::from_str(&text).unwrap();
    let (mut taken, mut count) = (0, 0);
    for event in &events {
        let name = event["name"].as_str().unwrap();
        for example in event["examples"].as_array().unwrap() {
            for payload in variants(name, example) {
                count += 1;
                let (status, answer) = world.deliver_as(&format!("guid-{count}"), name, &payload);
                let is_fine = match name {
                    "ping" => (status, answer.as_str()) == (200, "pong"),
                    _ => status == 202 && ["accepted", "ignored", "duplicate"].contains(&answer.as_str()),
                };
                assert!(is_fine, "{name} {}: {status} {answer}", payload["action"]);
                taken += usize::from(answer == "accepted");
            }
        }
    }
    world.settle();
    assert!(count > 100 && taken > 10, "{taken} of {count}");
    assert_eq!(world.datadog.requests().len(), 0);
}

/// None of the comments is on a pull request, and none is a command: both are made up.
fn variants(name: &str, example: &Value) -> Vec<Value> {
    let mut all = vec![example.clone()];
    if name == "issue_comment" {
        let mut on_pull = example.clone();
        let url = on_pull["issue"]["url"].clone();
        on_pull["issue"]["pull_request"] =
            json!({"url": url, "html_url": url, "diff_url": url, "patch_url": url, "merged_at": null});
        all.push(on_pull.clone());
        on_pull["comment"]["body"] = json!("esm prod register");
        all.push(on_pull);
    }
    all
}
