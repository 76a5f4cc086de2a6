//! `state restore`: what a delete removed comes back.

use serde_json::{Value, json};

use super::double::{Answer, Double};
use super::support::{Project, Server, actions};

const ADDRESS: &str = "a.R/traffic_threshold_monitor";
const WITH: &str = "@namespace(\"a\") @alert_channel(\"a\") protocol P { @traffic_threshold_monitor({\"below\": 1, \"note\": \"Call Ann.\"}) record R {} @traffic_threshold_monitor({\"below\": 1}) record S {} }";
const WITHOUT: &str = "@namespace(\"a\") @alert_channel(\"a\") protocol P { record R {} @traffic_threshold_monitor({\"below\": 1}) record S {} }";

/// A monitor was made, given a tag by somebody, and deleted with its annotation.
fn deleted() -> (Server, Project, u64) {
    let server = Server::new();
    let project = Project::of(WITH, server.url());
    project.apply();
    let id = server.id_at(ADDRESS);
    server.edit(id, |body| body["tags"].as_array_mut().unwrap().push("team:others".into()));
    project.write("schemas/events.avdl", WITHOUT);
    project.apply();
    assert_eq!(server.monitors().len(), 1);
    (server, project, id)
}

/// The monitor of the record R.
fn restored(server: &Server) -> Value {
    let monitors = server.monitors().into_iter();
    let mut found: Vec<Value> = monitors.filter(|m| m["message"].to_string().contains("Call Ann.")).collect();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

#[test]
fn a_restored_monitor_is_as_it_was_and_no_apply_touches_it() {
    let (server, project, id) = deleted();
    project.run(&["state", "show"]).exits(0).says(&["state restore", ADDRESS]);
    let run = project.run(&["state", "restore", ADDRESS, "--yes"]).exits(0);
    let live = restored(&server);
    run.says(&[ADDRESS, &format!("restored as #{}", live["id"])]);
    assert_ne!(live["id"], id);
    let tags = live["tags"].as_array().unwrap();
    assert!(tags.contains(&"esm-sandbox".into()) && tags.contains(&"team:others".into()), "{tags:?}");
    project.is_settled();
    project.apply();
    project.run(&["drift"]).exits(0);
    assert_eq!(restored(&server), live);
}

#[test]
fn a_restored_monitor_keeps_no_address_that_an_apply_would_delete_it_for() {
    let server = Server::new();
    let project = Project::of(WITH, server.url());
    project.apply();
    let stray = "bellwether:a.Gone/traffic_threshold_monitor";
    server.edit(server.id_at(ADDRESS), |body| body["tags"].as_array_mut().unwrap().push(stray.into()));
    project.write("schemas/events.avdl", WITHOUT);
    project.apply();
    project.run(&["state", "restore", ADDRESS, "--yes"]).exits(0);
    let live = restored(&server);
    project.apply();
    assert_eq!(restored(&server), live);
}

#[test]
fn a_restored_monitor_is_taken_over_with_its_id_when_the_annotation_comes_back() {
    let (server, project, _) = deleted();
    project.run(&["state", "restore", ADDRESS, "--yes"]).exits(0);
    let id = restored(&server)["id"].clone();
    project.write("schemas/events.avdl", WITH);
    assert_eq!(actions(&project.plan()), [format!("adopt {ADDRESS}")]);
    project.apply();
    assert_eq!(server.at(ADDRESS)["id"], id);
    assert_eq!(server.monitors().len(), 2);
    project.is_settled();
}

#[test]
fn a_monitor_is_not_restored_twice() {
    let (server, project, _) = deleted();
    project.run(&["state", "restore", ADDRESS, "--yes"]).exits(0);
    let told = format!("#{}", restored(&server)["id"]);
    project.run(&["state", "restore", ADDRESS, "--yes"]).exits(1).complains(&[&told]);
    assert_eq!(server.monitors().len(), 2);
}

#[test]
fn what_was_restored_is_told_as_data() {
    let (server, project, _) = deleted();
    let told = project.json(&["state", "restore", ADDRESS, "--yes"]);
    let expected = json!({"format_version": 1, "address": ADDRESS, "id": restored(&server)["id"]});
    assert_eq!(told, expected);
}

#[test]
fn nothing_is_restored_without_a_yes() {
    let (server, project, _) = deleted();
    let mark = server.mark();
    project.run(&["state", "restore", ADDRESS]).exits(64).complains(&["bellwether state restore", "--yes"]);
    assert_eq!(server.since(mark), [""; 0]);
}

#[test]
fn an_address_that_was_never_deleted_is_not_restored() {
    let (server, project, _) = deleted();
    let mark = server.mark();
    project
        .run(&["state", "restore", "a.R/trafic_threshold_monitor", "--yes"])
        .exits(1)
        .complains(&[&format!("did you mean `{ADDRESS}`?")]);
    project.run(&["state", "restore", "nothing", "--yes"]).exits(1).complains(&["state show"]);
    assert_eq!(server.since(mark), [""; 0]);
}

#[test]
fn an_address_that_the_schemas_ask_for_is_made_by_apply() {
    let (server, project, _) = deleted();
    project.write("schemas/events.avdl", WITH);
    let mark = server.mark();
    project.run(&["state", "restore", ADDRESS, "--yes"]).exits(1).complains(&["bellwether apply"]);
    assert_eq!(server.since(mark), [""; 0]);
}

#[test]
fn what_a_replace_deleted_is_kept_too() {
    let server = Server::new();
    let raw = |kind: &str, query: &str| {
        let monitor = json!({"type": kind, "name": "Raw", "query": query, "message": "@slack-a"});
        json!({"type": "record", "name": "a.R", "fields": [], "datadog_monitor": monitor}).to_string()
    };
    let project = Project::of("", server.url());
    std::fs::remove_file(project.path("schemas/events.avdl")).unwrap();
    project.write("schemas/raw.avsc", &raw("query alert", "avg(last_5m):avg:a.b{*} > 1"));
    project.apply();
    project.write(
        "schemas/raw.avsc",
        &raw("log alert", "logs(\"x\").index(\"*\").rollup(\"count\").last(\"5m\") > 1"),
    );
    project.apply();
    project.run(&["state", "show"]).exits(0).says(&["deleted from here", "a.R/datadog_monitor"]);
}

#[test]
fn a_deleted_metric_configuration_is_restored() {
    let server = Server::new();
    let schema = |annotation: &str| {
        format!(
            "@namespace(\"a\") protocol P {{ record R {{ string {annotation} id; }} @alert_channel(\"a\") @traffic_threshold_monitor({{\"below\": 1}}) record S {{}} }}"
        )
    };
    let with = schema("@aggregate_metric({\"metric\": \"shop.counted\"})");
    let project = Project::of(&with, server.url());
    server.report("shop.counted");
    project.apply();
    let configuration = "/api/v2/metrics/shop.counted/tags";
    let before = server.call("GET", configuration, &Value::Null)["data"]["attributes"].clone();
    let metadata = server.call("GET", "/api/v1/metrics/shop.counted", &Value::Null);
    project.write("schemas/events.avdl", &schema(""));
    project.apply();
    assert_eq!(server.try_call("GET", configuration, &Value::Null).0, 404);
    let address = "a.R.id/aggregate_metric";
    let told = project.json(&["state", "restore", address, "--yes"]);
    assert_eq!(told, json!({"format_version": 1, "address": address, "id": null}));
    let after = server.call("GET", configuration, &Value::Null)["data"]["attributes"].clone();
    for key in ["tags", "metric_type", "include_percentiles", "aggregations"] {
        assert_eq!(after[key], before[key], "{key}");
    }
    assert_eq!(server.call("GET", "/api/v1/metrics/shop.counted", &Value::Null), metadata);
    project.is_settled();
    // It is ours again when the annotation comes back.
    project.write("schemas/events.avdl", &with);
    project.apply();
    project.is_settled();
}

#[test]
fn what_could_not_be_deleted_is_not_told_as_deleted() {
    let server = Server::new();
    let double = Double::before(&server, |asked| match asked.method.as_str() {
        "DELETE" => Answer::Say(403, "application/json", json!({"errors": ["Forbidden"]}).to_string()),
        _ => Answer::Pass,
    });
    let project = Project::of(WITH, double.url());
    project.apply();
    project.write("schemas/events.avdl", WITHOUT);
    project.run(&["apply", "--yes"]).exits(4);
    let shown = project.run(&["state", "show"]).exits(0);
    assert!(!shown.out.contains("deleted from here"), "{}", shown.out);
    project
        .run(&["state", "restore", ADDRESS, "--yes"])
        .exits(1)
        .complains(&["no delete of", "is kept here"]);
    assert_eq!(server.monitors().len(), 2);
}

#[test]
fn nothing_is_restored_in_another_organisation() {
    let (server, project, _) = deleted();
    let other = Server::new();
    other.create(
        &json!({"type": "query alert", "name": "x", "query": "avg(last_5m):avg:c.d{*} > 1", "tags": []}),
    );
    let double = Double::before(&other, |asked| match asked.is("GET", "/api/v1/monitor") {
        true => Answer::changed(|monitors| monitors[0]["org_id"] = json!(2)),
        false => Answer::Pass,
    });
    project.edit("bellwether.toml", server.url(), double.url());
    let run = project.run(&["state", "restore", ADDRESS, "--yes"]).exits(1);
    run.complains(&["organisation 2", "Nothing was written"]);
    assert_eq!(other.monitors().len(), 1);
}
