//! `--format markdown`, `github` and `sarif`: what GitHub is given.

use std::process::Command;

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::support::{Project, Run, Server, stable};

const ABANDONED: &str = "com.example.shop.CartAbandonedEvent/traffic_anomaly_monitor";

/// The example applied; then a monitor is edited in Datadog, one annotation changes, one goes and one is new.
fn changed() -> (Server, Project) {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.apply();
    server.edit(server.id_at(ABANDONED), |body| body["priority"] = json!(5));
    project.edit("schemas/cart.avdl", "\"below\": 200", "\"below\": 100");
    project.edit("schemas/learning.avdl", "@traffic_forecast_monitor", "@unknown_to_us");
    (server, project)
}

/// Runs as the runner does: in a repository whose root is above the project, with a file for the summary.
fn in_actions(project: &Project, arguments: &[&str]) -> Run {
    let mut command: Command = project.command(arguments);
    let root = project.path("");
    command.env("GITHUB_ACTIONS", "true").env("NO_COLOR", "1");
    command
        .env("GITHUB_WORKSPACE", root.parent().unwrap())
        .env("GITHUB_STEP_SUMMARY", project.path("summary.md"));
    let run = Run::of(command, arguments, &root);
    let name = root.file_name().unwrap().to_string_lossy().into_owned();
    Run { out: run.out.replace(&format!("file={name}/"), "file=PREFIX/"), ..run }
}

/// No line acts on the runner, but for the annotations that come first.
fn no_command_but_annotations(run: &Run) {
    let own = run.out.lines().take_while(|line| line.starts_with("::")).count();
    for line in run.out.split(['\n', '\r']).skip(own).chain(run.err.split(['\n', '\r'])) {
        assert!(!line.trim_start().starts_with("::"), "{line}");
    }
    assert!(!run.out.contains("##[") && !run.err.contains("##["), "{run:?}");
}

#[test]
fn one_plan_for_github() {
    let _stable = stable();
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"plan `[0-9a-f]{8}`", "plan `DIGEST`");
    settings.add_filter(r"monitors/\d+", "monitors/ID");
    let _more = settings.bind_to_scope();
    let (_server, project) = changed();
    let run = project.run(&["plan", "--format", "markdown"]).exits(0);
    assert_snapshot!("plan_markdown", run.out);
    let run = in_actions(&project, &["plan", "--format", "github"]).exits(0);
    no_command_but_annotations(&run);
    assert_snapshot!("plan_github", run.out);
    assert!(project.read("summary.md").contains("### `sandbox` plan: "));
    assert_snapshot!("drift_markdown", project.run(&["drift", "--format", "markdown"]).exits(2).out);
    let run = in_actions(&project, &["drift", "--format", "github"]).exits(2);
    no_command_but_annotations(&run);
    assert!(run.out.starts_with("::warning file=PREFIX/schemas/cart.avdl,line="), "{run:?}");
    let run = project.run(&["apply", "--yes", "--format", "markdown"]).exits(0);
    assert_snapshot!("applied_markdown", run.out);
    project.run(&["apply", "--yes", "--format", "markdown"]).exits(0).says(&["plan: no changes"]);
    project.run(&["drift", "--format", "markdown"]).exits(2).says(&["**1 of "]);
}

#[test]
fn mistakes_for_github() {
    let _stable = stable();
    let project = Project::storefront();
    project.edit("schemas/cart.avdl", "\"below\": 200", "\"below\": \"@octocat\"");
    let run = in_actions(&project, &["check", "--format", "github"]).exits(1);
    no_command_but_annotations(&run);
    assert_snapshot!("mistakes_github", run.out);
    assert!(project.read("summary.md").contains("### 1 error; nothing was planned"));
    let run = project.run(&["check", "--format", "sarif"]).exits(1);
    assert_snapshot!("mistakes_sarif", run.out);
    assert_snapshot!("mistakes_markdown", project.run(&["plan", "--format", "markdown"]).exits(1).out);
    let sarif = |project: &Project| -> Value {
        serde_json::from_str(&project.run(&["check", "--format", "sarif"]).out).unwrap()
    };
    let failed = sarif(&Project::empty());
    assert_eq!(failed["runs"][0]["invocations"][0]["executionSuccessful"], false);
    assert_eq!(sarif(&Project::storefront())["runs"][0]["results"], json!([]));
    Project::empty()
        .run(&["plan", "--format", "github"])
        .exits(1)
        .says(&["::error title=bellwether::there is no"]);
}

#[test]
fn hostile_schemas_and_monitors_do_not_act_on_the_runner() {
    let server = Server::new();
    let schema = |message: &str| {
        format!(
            "@namespace(\"n\") protocol P {{\n/** ::error::doc\n ##[error]doc */\n@traffic_threshold_monitor({{\"below\": 9, \"message\": {}}}) record R {{ int a; }} }}",
            json!(message)
        )
    };
    let hostile =
        "x\n::set-env name=a::b\n  ::error::live\n##[error]live\n```\n</details>@octocat | \u{202e}";
    let project = Project::of(&schema(hostile), server.url());
    for format in ["human", "github", "markdown"] {
        let run = in_actions(&project, &["plan", "--format", format]);
        assert!(run.out.contains("n.R/traffic_threshold_monitor"), "{run:?}");
        no_command_but_annotations(&run);
    }
    in_actions(&project, &["apply", "--yes"]).exits(0);
    let id = server.id_at("n.R/traffic_threshold_monitor");
    server.edit(id, |body| body["message"] = json!(format!("{hostile}\n::warning::drifted")));
    for format in ["human", "github", "markdown", "json"] {
        no_command_but_annotations(&in_actions(&project, &["drift", "--format", format]).exits(2));
    }
    let plan: Value =
        serde_json::from_str(&in_actions(&project, &["drift", "--format", "json"]).out).unwrap();
    assert!(
        plan["drift"][0]["fields"][0]["before"].as_str().unwrap().contains("##[error]"),
        "JSON keeps its meaning"
    );
}

#[test]
fn a_format_that_a_command_does_not_have_is_a_usage_error_that_names_those_it_has() {
    let project = Project::storefront();
    for (arguments, has) in [
        (&["graph", "--format", "sarif"][..], "it has human, json, dot, mermaid"),
        (&["plan", "--format", "dot"], "it has human, json, markdown, github"),
        (&["check", "--format", "markdown"], "it has human, json, github, sarif"),
        (&["init", "x", "--format", "json"], "it has human"),
    ] {
        let run = project.run(arguments).exits(64).complains(&["has no --format", has]);
        assert_eq!(run.out, "");
    }
}
