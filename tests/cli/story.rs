//! The life of the example: planned, applied, changed, renamed, removed.

use insta::{Settings, assert_snapshot};
use serde_json::Value;

use super::support::{Project, Run, Server, actions, changes, stable};
use bellwether::sandbox::Storage;

/// A plan as JSON, without the one part that may differ between two runs.
fn undated(mut plan: Value) -> Value {
    plan["created_at"] = "TIME".into();
    plan
}

/// The plan stays the same set of changes when the snapshot is lost.
fn plan_with_and_without_snapshot(project: &Project) -> Value {
    let with = project.plan();
    project.lose_snapshot();
    let without = project.plan();
    assert_eq!(changes(&with), changes(&without), "the plan depends on the snapshot");
    assert_eq!(with["drift"], without["drift"]);
    with
}

/// The monitor of an address in the embedded sandbox of a project.
fn id_in_sandbox(project: &Project, address: &str) -> u64 {
    let server = Server::with(Storage::Directory(project.path("state/sandbox")));
    let id = server.id_at(address);
    server.stop();
    id
}

#[test]
fn the_first_plan_of_the_example() {
    let project = Project::storefront();
    let run = project.run(&["plan"]).exits(0);
    assert!(!run.out.contains('\u{1b}'), "no colour where nobody asked for it");
    let _stable = stable();
    assert_snapshot!("first_plan", run.out);
    assert_snapshot!("first_plan_notices", run.err);
}

#[test]
fn the_first_plan_as_data_and_twice_the_same() {
    let project = Project::storefront();
    let (one, two) = (project.run(&["plan", "--format", "json"]), project.run(&["plan", "--format", "json"]));
    let without_date = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.contains("\"created_at\"")).map(str::to_owned).collect()
    };
    assert_eq!(without_date(&one.out), without_date(&two.out), "byte for byte, but for the date");
    let _stable = stable();
    assert_snapshot!("first_plan_json", one.out);
}

#[test]
fn a_plan_does_not_write() {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.run(&["plan"]).exits(0);
    project.run(&["plan", "--detailed-exitcode"]).exits(2);
    assert_eq!(server.writes_since(0), [""; 0]);
}

#[test]
fn a_summary_has_one_line_a_change() {
    let run = Project::storefront().run(&["plan", "--summary"]).exits(0);
    let _stable = stable();
    assert_snapshot!("summary", run.out);
}

#[test]
fn colour_marks_what_symbols_say_already() {
    let project = Project::storefront();
    let plain = project.run(&["plan", "--summary"]).exits(0).out;
    let painted = project.run(&["plan", "--summary", "--color", "always"]).exits(0).out;
    assert!(painted.contains("\u{1b}["));
    let mut bare = String::new();
    let mut rest = painted.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        bare.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    assert_eq!(bare + rest, plain);
}

#[test]
fn a_locale_without_unicode_gets_ascii() {
    let project = Project::storefront();
    let mut command = project.command(&["plan"]);
    command.env("LC_ALL", "C");
    let output = command.output().unwrap();
    assert!(output.status.success());
    assert!(output.stdout.is_ascii(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn once_applied_there_is_nothing_left_to_do() {
    let project = Project::storefront();
    let run = project.apply();
    assert!(run.out.ends_with("Verified: 0 differences left.\n"), "{}", run.out);
    let mut journal: Vec<&str> = run.err.lines().filter(|line| line.starts_with('[')).collect();
    journal.sort_by_key(|line| line.split_once(' ').map(|(_, rest)| rest));
    let _stable = stable();
    // Which of several creates ends first is chance.
    let mut settings = Settings::clone_current();
    settings.add_filter(r"\[\d+/18\]", "[n/18]");
    settings.bind(|| assert_snapshot!("first_apply_journal", journal.join("\n")));
    project.is_settled();
    let run = project.run(&["drift"]).exits(0);
    assert_snapshot!("in_sync", run.out);
    project.run(&["apply", "--yes"]).exits(0).says(&["No changes."]);
    project.lose_snapshot();
    project.is_settled();
}

#[test]
fn a_changed_parameter_is_one_update_that_names_line_and_parameter() {
    let project = Project::storefront();
    project.apply();
    project.edit("schemas/cart.avdl", "\"deviations\": 3", "\"deviations\": 2");
    let human = project.run(&["plan"]).exits(0).out;
    let plan = plan_with_and_without_snapshot(&project);
    assert_eq!(actions(&plan), ["update com.example.shop.CartAbandonedEvent/traffic_anomaly_monitor"]);
    let change = &plan["changes"][0];
    assert_eq!(change["source"]["file"], "schemas/cart.avdl");
    assert_eq!(change["source"]["line"], project.line_of("schemas/cart.avdl", "\"deviations\": 2"));
    let cause = &change["fields"][0]["causes"][0];
    assert_eq!(
        (&cause["parameter"], &cause["before"], &cause["after"]),
        (&"deviations".into(), &3.into(), &2.into())
    );
    assert_eq!(plan["api_calls"]["write"], 1);
    project.run(&["plan", "--detailed-exitcode"]).exits(2);
    let _stable = stable();
    assert_snapshot!("changed_parameter", human);
    assert_snapshot!("changed_parameter_snapshot_lost", project.run(&["plan"]).exits(0).out);
    let id = id_in_sandbox(&project, "com.example.shop.CartAbandonedEvent/traffic_anomaly_monitor");
    project.apply();
    assert_eq!(id, id_in_sandbox(&project, "com.example.shop.CartAbandonedEvent/traffic_anomaly_monitor"));
    project.is_settled();
}

#[test]
fn a_removed_annotation_is_one_delete() {
    let project = Project::storefront();
    project.apply();
    project.edit("schemas/learning.avdl", "  @traffic_absence_monitor({\"window\": \"6h\"})\n", "");
    let human = project.run(&["plan"]).exits(0).out;
    let plan = plan_with_and_without_snapshot(&project);
    assert_eq!(
        actions(&plan),
        ["delete com.example.learning.CertificateIssuedEvent/traffic_absence_monitor"]
    );
    let _stable = stable();
    assert_snapshot!("removed_annotation", human);
    project.apply();
    project.is_settled();
    let export = project.json(&["state", "export"]);
    assert!(export.to_string().contains("Traffic Absence of CertificateIssuedEvent"), "kept for a restore");
}

#[test]
fn a_record_renamed_with_an_alias_keeps_its_monitors() {
    let project = Project::storefront();
    project.apply();
    let before = id_in_sandbox(&project, "com.example.learning.LessonCompletedEvent/error_rate_monitor");
    project.edit(
        "schemas/learning.avdl",
        "record LessonCompletedEvent",
        "@aliases([\"LessonCompletedEvent\"])\n  record LessonFinishedEvent",
    );
    let human = project.run(&["plan"]).exits(0).out;
    let plan = plan_with_and_without_snapshot(&project);
    assert_eq!(
        actions(&plan),
        [
            "rename com.example.learning.LessonFinishedEvent/error_rate_monitor",
            "rename com.example.learning.LessonFinishedEvent/traffic_forecast_monitor"
        ]
    );
    let _stable = stable();
    assert_snapshot!("renamed_record", human);
    project.apply();
    project.is_settled();
    let after = id_in_sandbox(&project, "com.example.learning.LessonFinishedEvent/error_rate_monitor");
    assert_eq!(after, before, "the id is its history");
}

#[test]
fn an_alias_that_was_always_there_renames_nothing() {
    let project = Project::storefront();
    project.apply();
    project.edit(
        "schemas/learning.avdl",
        "@aliases([\"CourseStartedEvent\"])",
        "@aliases([\"CourseBegunEvent\"])",
    );
    let plan = plan_with_and_without_snapshot(&project);
    assert_eq!(actions(&plan), [""; 0]);
}

#[test]
fn all_kinds_of_change_in_one_plan() {
    let project = Project::storefront();
    project.apply();
    project.edit(
        "schemas/cart.avdl",
        "\"below\": 200, \"window\": \"15m\"",
        "\"below\": 150, \"window\": \"30m\"",
    );
    project.edit(
        "schemas/cart.avdl",
        "@alert_channel(\"cart-alerts\")",
        "@alert_channel([\"cart-alerts\", \"@pagerduty-cart\"])",
    );
    project.edit(
        "schemas/cart.avdl",
        "  @traffic_anomaly_monitor({\"direction\": \"above\", \"deviations\": 3})\n",
        "",
    );
    project.edit(
        "schemas/search.avsc",
        "\"latency_monitor\": {\"above_ms\": 300}",
        "\"error_rate_monitor\": {}",
    );
    project.edit(
        "schemas/learning.avdl",
        "record CertificateIssuedEvent",
        "@aliases([\"CertificateIssuedEvent\"])\n  record CertificateGrantedEvent",
    );
    let mut command = project.command(&["plan"]);
    command.env("COLUMNS", "80");
    let narrow = Run::of(command, &["plan"], &project.path("")).exits(0);
    let human = project.run(&["plan"]).exits(0).out;
    let plan = plan_with_and_without_snapshot(&project);
    assert_eq!(undated(plan.clone())["summary"]["delete"], 2);
    let _stable = stable();
    assert_snapshot!("all_kinds", human);
    assert_snapshot!("all_kinds_80_columns", narrow.out);
    project.apply();
    project.is_settled();
}

#[test]
fn a_part_of_the_plan_leaves_the_rest_alone() {
    let project = Project::storefront();
    project.apply();
    project.edit("schemas/cart.avdl", "\"deviations\": 3", "\"deviations\": 2");
    project.edit("schemas/learning.avdl", "  @traffic_absence_monitor({\"window\": \"6h\"})\n", "");
    let only = ["--only", "com.example.shop.*/*"];
    let plan = project.json(&[&["plan"], &only[..]].concat());
    assert_eq!(actions(&plan), ["update com.example.shop.CartAbandonedEvent/traffic_anomaly_monitor"]);
    project.run(&[&["apply", "--yes"], &only[..]].concat()).exits(0);
    assert_eq!(
        actions(&project.plan()),
        ["delete com.example.learning.CertificateIssuedEvent/traffic_absence_monitor"]
    );
}

#[test]
fn an_offline_plan_reads_the_snapshot_and_nothing_else() {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.run(&["plan", "--offline"]).exits(1).complains(&["no snapshot", "bellwether plan"]);
    project.apply();
    project.edit("schemas/cart.avdl", "\"deviations\": 3", "\"deviations\": 2");
    let mark = server.mark();
    let plan = project.json(&["plan", "--offline"]);
    assert_eq!(actions(&plan), ["update com.example.shop.CartAbandonedEvent/traffic_anomaly_monitor"]);
    assert_eq!(server.since(mark), [""; 0]);
}
