//! Saved plans: exactly what was reviewed, or nothing.

use std::fs;

use serde_json::{Value, json};

use super::double::{Answer, Asked, Double};
use super::support::{Project, Server, actions};

const ANOMALY: &str = "com.example.shop.CartAbandonedEvent/traffic_anomaly_monitor";
const THRESHOLD: &str = "com.example.shop.AddToCartEvent/traffic_threshold_monitor";

/// The example, applied, with one update planned and saved in `p.json`.
fn planned() -> (Server, Project) {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.apply();
    project.edit("schemas/cart.avdl", "\"deviations\": 3", "\"deviations\": 2");
    project.run(&["plan", "--out", "p.json"]).exits(0).says(&["p.json", "bellwether apply p.json"]);
    (server, project)
}

fn saved(project: &Project) -> Value {
    serde_json::from_str(&project.read("p.json")).unwrap()
}

#[test]
fn a_saved_plan_is_applied_without_a_question() {
    let (server, project) = planned();
    let mark = server.mark();
    project.run(&["apply", "p.json"]).exits(0).says(&["Applied 1 of 1", "0 differences left"]);
    assert_eq!(server.writes_since(mark), [format!("PUT /api/v1/monitor/{}", server.id_at(ANOMALY))]);
    project.is_settled();
}

#[test]
fn a_saved_plan_is_what_the_plan_command_prints_as_json() {
    let (_server, project) = planned();
    let (mut saved, mut printed) = (saved(&project), project.plan());
    for plan in [&mut saved, &mut printed] {
        plan["created_at"] = Value::Null;
    }
    assert_eq!(saved, printed);
    assert_eq!(saved["format_version"], 1);
}

#[test]
fn the_digest_is_the_same_whenever_and_wherever_the_same_is_planned() {
    let (_server, project) = planned();
    let first = saved(&project)["digest"].clone();
    project.lose_snapshot();
    assert_eq!(project.plan()["digest"], first);
    project.edit("schemas/cart.avdl", "\"deviations\": 2", "\"deviations\": 6");
    assert_ne!(project.plan()["digest"], first);
}

#[test]
fn a_saved_plan_is_applied_exactly_whatever_the_schemas_say_by_now() {
    let (server, project) = planned();
    project.edit("schemas/cart.avdl", "\"below\": 200", "\"below\": 100");
    let mark = server.mark();
    let run = project.run(&["apply", "p.json"]);
    assert_eq!(server.writes_since(mark), [format!("PUT /api/v1/monitor/{}", server.id_at(ANOMALY))]);
    run.exits(0).says(&["Applied 1 of 1"]);
    assert_eq!(actions(&project.plan()), [format!("update {THRESHOLD}")]);
}

#[test]
fn a_first_saved_plan_with_composites_is_applied_in_order() {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.run(&["plan", "--out", "p.json"]).exits(0);
    project.run(&["apply", "p.json"]).exits(0).says(&["Applied 18 of 18"]);
    project.is_settled();
    let mark = server.mark();
    project.run(&["apply", "p.json"]).exits(0);
    assert_eq!(server.writes_since(mark), [""; 0], "applied again, it has nothing to do");
}

#[test]
fn a_saved_plan_that_is_applied_twice_has_nothing_to_do() {
    let (server, project) = planned();
    project.run(&["apply", "p.json"]).exits(0);
    let mark = server.mark();
    project.run(&["apply", "p.json"]).exits(0).complains(&["1 change already applied"]);
    assert_eq!(server.writes_since(mark), [""; 0]);
}

#[test]
fn a_saved_delete_or_rename_that_is_applied_twice_has_nothing_to_do() {
    let (server, project) = planned();
    project.edit("schemas/learning.avdl", "  @traffic_absence_monitor({\"window\": \"6h\"})\n", "");
    project.edit(
        "schemas/learning.avdl",
        "record LessonCompletedEvent",
        "@aliases([\"LessonCompletedEvent\"]) record LessonFinishedEvent",
    );
    project.run(&["plan", "--out", "p.json"]).exits(0);
    project.run(&["apply", "p.json"]).exits(0).says(&["Applied 4 of 4"]);
    let mark = server.mark();
    project.run(&["apply", "p.json"]).exits(0).complains(&["4 changes already applied"]);
    assert_eq!(server.writes_since(mark), [""; 0]);
}

/// Applying `p.json` is refused with this exit code, and nothing is written.
fn is_refused(server: &Server, project: &Project, arguments: &[&str], code: i32, told: &[&str]) {
    let mark = server.mark();
    project.run(&[&["apply", "p.json"], arguments].concat()).exits(code).complains(told);
    assert_eq!(server.writes_since(mark), [""; 0]);
}

#[test]
fn a_plan_file_that_was_edited_is_refused() {
    let (server, project) = planned();
    let original = saved(&project);
    let told = ["p.json", "digest", "make the plan again"];
    for edit in [
        |plan: &mut Value| plan["changes"][0]["after"]["message"] = "@pagerduty-me".into(),
        |plan: &mut Value| plan["changes"][0]["before"]["message"] = "x".into(),
        |plan: &mut Value| plan["changes"][0]["id"] = json!(10_000_001),
        |plan: &mut Value| plan["changes"][0]["action"] = "delete".into(),
        |plan: &mut Value| plan["changes"] = json!([]),
        |plan: &mut Value| plan["environment"] = "prod".into(),
        |plan: &mut Value| plan["organisation"] = json!(2),
        |plan: &mut Value| drop(plan.as_object_mut().unwrap().remove("organisation")),
    ] {
        let mut edited = original.clone();
        edit(&mut edited);
        project.write("p.json", &edited.to_string());
        is_refused(&server, &project, &[], 1, &told);
    }
    // How it is laid out is no part of it.
    project.write("p.json", &original.to_string());
    project.run(&["apply", "p.json"]).exits(0);
}

#[test]
fn a_file_that_is_no_plan_is_refused() {
    let (server, project) = planned();
    for version in [0, 2] {
        let mut other = saved(&project);
        other["format_version"] = json!(version);
        project.write("other.json", &other.to_string());
        let told = format!("version {version}");
        project.run(&["apply", "other.json"]).exits(1).complains(&[&told, "make the plan again"]);
    }
    for text in ["", "{", "[]", "{\"format_version\": 1}", "null"] {
        project.write("p.json", text);
        is_refused(&server, &project, &[], 1, &["p.json", "not a plan"]);
    }
    fs::remove_file(project.path("p.json")).unwrap();
    is_refused(&server, &project, &[], 1, &["p.json"]);
}

#[test]
fn a_plan_of_another_environment_is_refused() {
    let (server, project) = planned();
    is_refused(&server, &project, &["--env", "prod"], 1, &["`sandbox`", "`prod`"]);
}

/// Everything is of another organisation than the sandbox's.
fn elsewhere(asked: &Asked) -> Answer {
    match asked.is("GET", "/api/v1/monitor") {
        true => Answer::changed(|list| {
            for monitor in list.as_array_mut().unwrap() {
                monitor["org_id"] = json!(2);
            }
        }),
        false => Answer::Pass,
    }
}

#[test]
fn a_plan_of_another_organisation_is_refused() {
    let (server, project) = planned();
    let first = saved(&project)["organisation"].as_u64().unwrap();
    let double = Double::before(&server, elsewhere);
    project.edit("bellwether.toml", server.url(), double.url());
    // Another machine, which has seen neither of the two.
    project.lose_snapshot();
    let told = format!("made for organisation {first} of Datadog, these keys belong to 2");
    is_refused(&server, &project, &[], 1, &[&told]);
}

#[test]
fn a_first_plan_of_another_organisation_is_refused() {
    let server = Server::new();
    let foreign =
        json!({"type": "query alert", "name": "x", "query": "avg(last_5m):avg:c.d{*} > 1", "tags": []});
    server.create(&foreign);
    let project = Project::storefront_at(server.url());
    project.run(&["plan", "--out", "p.json"]).exits(0);
    let double = Double::before(&server, elsewhere);
    project.edit("bellwether.toml", server.url(), double.url());
    is_refused(&server, &project, &[], 1, &["these keys belong to 2"]);
}

#[test]
fn a_plan_is_stale_when_what_it_touches_was_edited() {
    for snapshot_lost in [false, true] {
        let (server, project) = planned();
        server.edit(server.id_at(ANOMALY), |body| body["message"] = "edited".into());
        if snapshot_lost {
            project.lose_snapshot();
        }
        is_refused(
            &server,
            &project,
            &[],
            3,
            &["1 of 1 objects changed since the plan", ANOMALY, "message", "bellwether plan"],
        );
    }
}

#[test]
fn a_saved_plan_of_a_metric_is_applied() {
    let (server, project) = planned();
    server.report("experiment_exposure_event.experiment_id.top_rate");
    project.run(&["plan", "--out", "p.json"]).exits(0);
    project.run(&["apply", "p.json"]).exits(0).says(&["Applied 2 of 2"]);
    project.is_settled();
}

#[test]
fn a_plan_is_stale_when_what_it_changes_is_gone() {
    let (server, project) = planned();
    server.delete(server.id_at(ANOMALY));
    is_refused(&server, &project, &[], 3, &[ANOMALY, "gone"]);
}

#[test]
fn a_plan_is_stale_when_what_it_changes_lost_its_owner_tag() {
    let (server, project) = planned();
    let id = server.id_at(ANOMALY);
    server.edit(id, |body| body["tags"].as_array_mut().unwrap().retain(|tag| tag != "esm-sandbox"));
    is_refused(&server, &project, &[], 3, &[ANOMALY, &format!("#{id} lost its owner tag")]);
}

#[test]
fn a_plan_is_stale_when_what_it_creates_exists() {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.run(&["plan", "--out", "p.json"]).exits(0);
    project.run(&["apply", "--yes", "--only", ANOMALY]).exits(0);
    server.edit(server.id_at(ANOMALY), |body| body["message"] = "edited".into());
    is_refused(&server, &project, &[], 3, &[ANOMALY, "exists already"]);
}

#[test]
fn edits_elsewhere_and_mutes_do_not_make_a_plan_stale() {
    let (server, project) = planned();
    let id = server.id_at(ANOMALY);
    server.edit(server.id_at(THRESHOLD), |body| body["message"] = "edited".into());
    server.call("POST", &format!("/api/v1/monitor/{id}/mute"), &json!({}));
    server.edit(id, |body| {
        body["tags"].as_array_mut().unwrap().push("oncall:blue".into());
        body["options"]["timeout_h"] = json!(5);
    });
    project.run(&["apply", "p.json"]).exits(0).says(&["Applied 1 of 1"]);
    let live = server.monitor(id);
    assert!(live["tags"].as_array().unwrap().contains(&"oncall:blue".into()));
    assert_eq!(live["options"]["timeout_h"], 5);
    assert_eq!(server.at(THRESHOLD)["message"], "edited");
}

#[test]
fn a_saved_plan_that_was_half_applied_goes_on() {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.run(&["plan", "--out", "p.json"]).exits(0);
    project.run(&["apply", "--yes", "--only", "com.example.shop.*/*"]).exits(0);
    project
        .run(&["apply", "p.json"])
        .exits(0)
        .says(&["Applied 12 of 12"])
        .complains(&["6 changes already applied"]);
    project.is_settled();
}

#[test]
fn a_guard_holds_for_a_saved_plan_too() {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.apply();
    let text = project.read("schemas/learning.avdl");
    let without: Vec<&str> = text
        .lines()
        .filter(|l| !l.contains("_monitor(") && !l.contains("\"id\": ") && *l != "  ])")
        .collect();
    project.write("schemas/learning.avdl", &without.join("\n"));
    project.run(&["plan", "--out", "p.json"]).exits(5);
    is_refused(&server, &project, &[], 5, &["7 deletes", "--allow-deletes 7"]);
    project.run(&["apply", "p.json", "--allow-deletes", "7"]).exits(0);
    project.is_settled();
}
