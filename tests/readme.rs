//! README shows what the program really prints.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod example;

use std::path::Path;
use std::process::Command;

use example::{edit, example};

/// What the program prints, on stdout and stderr.
fn bellwether(project: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_bellwether"))
        .arg("-C")
        .arg(project)
        .args(arguments)
        .env_clear()
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

/// The text block after `<!-- name -->`.
fn shown(name: &str) -> String {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, rest) = readme.split_once(&format!("<!-- {name} -->\n```text\n")).unwrap();
    rest.split_once("\n```").unwrap().0.to_owned()
}

/// Ids are given in the order in which parallel writes arrive.
fn without_ids(text: &str) -> String {
    let mut parts = text.split("  #");
    let mut result = parts.next().unwrap().to_owned();
    for part in parts {
        result.push_str("  #ID");
        result.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    result
}

fn assert_shown(name: &str, output: &str) {
    let output = without_ids(output);
    for block in without_ids(&shown(name)).split("\n\n") {
        assert!(output.contains(block), "README shows\n{block}\nbut the program prints\n{output}");
    }
}

#[test]
fn the_plan_in_the_readme_is_the_plan_of_the_example() {
    let (_directory, project) = example();
    assert_shown("plan", &bellwether(&project, &["plan"]));
}

#[test]
fn the_change_in_the_readme_is_what_the_edit_plans() {
    let (_directory, project) = example();
    bellwether(&project, &["apply", "--yes"]);
    let again = bellwether(&project, &["plan"]);
    assert!(again.contains("No changes. 18 monitors match 6 schema files."), "{again}");
    edit(
        &project,
        "schemas/cart.avdl",
        "@traffic_anomaly_monitor({})",
        "@traffic_anomaly_monitor({\"deviations\": 5})",
    );
    assert_shown("change", &bellwether(&project, &["plan"]));
}

#[test]
fn the_mistake_in_the_readme_is_reported_as_shown() {
    let (_directory, project) = example();
    edit(
        &project,
        "schemas/cart.avdl",
        "@traffic_anomaly_monitor({})",
        "@traffic_anomaly_monitor({\"deviations\": 40})",
    );
    assert_shown("check", &bellwether(&project, &["check"]));
}
