//! Aggregate metrics: configured once Datadog has seen them, within a budget.

use insta::assert_snapshot;
use serde_json::json;

use super::support::{Project, Server, actions, changes, drifted, stable};

const ADDRESS: &str = "com.example.experiment.ExperimentExposureEvent.experimentId/aggregate_metric";
const METRIC: &str = "experiment_exposure_event.experiment_id.top_rate";
const FILE: &str = "schemas/experiment.avdl";

/// The example, applied, its metric reported and configured.
fn configured() -> (Server, Project) {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.apply();
    server.report(METRIC);
    project.apply();
    (server, project)
}

fn tags(server: &Server) -> (u16, serde_json::Value) {
    let (status, reply) = server.try_call("GET", &format!("/api/v2/metrics/{METRIC}/tags"), &json!(null));
    let mut tags = reply["data"]["attributes"]["tags"].clone();
    if let Some(tags) = tags.as_array_mut() {
        tags.sort_by_key(ToString::to_string);
    }
    (status, tags)
}

#[test]
fn a_metric_that_datadog_has_not_seen_is_deferred() {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    let plan = project.plan();
    assert_eq!(plan["deferred"][0]["address"], ADDRESS);
    project.apply();
    assert!(server.writes_since(0).iter().all(|call| call == "POST /api/v1/monitor"));
    let run = project.run(&["plan", "--detailed-exitcode"]).exits(0);
    run.says(&["No changes.", "deferred", METRIC]);
}

#[test]
fn a_metric_is_configured_once_it_is_seen() {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.apply();
    server.report(METRIC);
    let plan = project.plan();
    assert_eq!(actions(&plan), [format!("create {ADDRESS}")]);
    assert_eq!(plan["api_calls"]["write"], 2);
    assert_eq!(plan["deferred"], json!([]));
    let human = project.run(&["plan"]).exits(0).out;
    let _stable = stable();
    assert_snapshot!("metric_create", human);
    let mark = server.mark();
    project.apply();
    let mut writes = server.writes_since(mark);
    writes.sort();
    assert_eq!(
        writes,
        [format!("POST /api/v2/metrics/{METRIC}/tags"), format!("PUT /api/v1/metrics/{METRIC}")]
    );
    project.is_settled();
    project.lose_snapshot();
    project.is_settled();
    assert_eq!(tags(&server), (200, json!(["env"])));
    let metadata = server.call("GET", &format!("/api/v1/metrics/{METRIC}"), &json!(null));
    assert_eq!((&metadata["unit"], &metadata["per_unit"]), (&json!("event"), &json!("hour")));
}

#[test]
fn more_ids_are_more_custom_metrics() {
    for snapshot_lost in [false, true] {
        let (server, project) = configured();
        project.edit(FILE, "{\"per\": \"hour\"}", "{\"per\": \"hour\", \"ids_per_hour\": 62}");
        if snapshot_lost {
            project.lose_snapshot();
        }
        let plan = project.plan();
        assert_eq!(changes(&plan), [(ADDRESS.into(), "update".into(), vec!["metadata.description".into()])]);
        assert_eq!((&plan["budget"]["delta"], &plan["budget"]["custom_metrics"]), (&json!(12), &json!(86)));
        let run = project.run(&["plan"]).exits(0).says(&["+12 custom metrics", "74 → 86 of 500"]);
        assert!(run.out.contains("schemas/experiment.avdl:10"));
        let mark = server.mark();
        project.apply();
        assert_eq!(server.writes_since(mark), [format!("PUT /api/v1/metrics/{METRIC}")]);
        project.is_settled();
    }
}

#[test]
fn a_tag_that_the_metric_keeps_is_an_update_of_its_configuration() {
    let (server, project) = configured();
    project.edit(FILE, "{\"per\": \"hour\"}", "{\"per\": \"hour\", \"tags\": [\"region\"]}");
    let mark = server.mark();
    project.apply();
    let mut writes = server.writes_since(mark);
    writes.sort();
    // The description holds the hash of what was applied.
    assert_eq!(
        writes,
        [format!("PATCH /api/v2/metrics/{METRIC}/tags"), format!("PUT /api/v1/metrics/{METRIC}")]
    );
    assert_eq!(tags(&server), (200, json!(["env", "region"])));
    project.is_settled();
}

#[test]
fn another_unit_is_told_because_thresholds_mean_something_else() {
    let (_server, project) = configured();
    project.edit(FILE, "{\"per\": \"hour\"}", "{\"per\": \"minute\"}");
    let human = project.run(&["plan"]).exits(0).out;
    let _stable = stable();
    assert_snapshot!("metric_unit", human);
    project.apply();
    project.is_settled();
}

#[test]
fn a_removed_annotation_removes_the_tag_configuration() {
    let (server, project) = configured();
    project.edit(
        FILE,
        "@aggregate_metric({\"per\": \"hour\"}) @top_rate_monitor({\"above\": 10000000, \"warning\": 8000000}) ",
        "",
    );
    let plan = project.plan();
    let monitor = ADDRESS.replace("aggregate_metric", "top_rate_monitor");
    assert_eq!(actions(&plan), [format!("delete {ADDRESS}"), format!("delete {monitor}")]);
    let mark = server.mark();
    project.apply();
    let writes = server.writes_since(mark);
    assert!(writes.contains(&format!("DELETE /api/v2/metrics/{METRIC}/tags")), "{writes:?}");
    assert_eq!(writes.len(), 2);
    assert_eq!(tags(&server).0, 404);
    project.is_settled();
}

#[test]
fn an_edited_tag_configuration_is_drift() {
    let (server, project) = configured();
    let body = json!({"data": {"type": "manage_tags", "id": METRIC, "attributes": {"tags": ["env", "experiment_id"]}}});
    server.call("PATCH", &format!("/api/v2/metrics/{METRIC}/tags"), &body);
    project.run(&["drift"]).exits(2).says(&[ADDRESS, "experiment_id"]);
    let plan = project.plan();
    assert_eq!((actions(&plan), drifted(&plan)), (vec![], vec![format!("{ADDRESS} tag_configuration.tags")]));
    project.run(&["apply", "--yes", "--reset-drift"]).exits(0);
    assert_eq!(tags(&server), (200, json!(["env"])));
    project.is_settled();
}

#[test]
fn the_rules_are_what_the_aggregator_would_run() {
    let project = Project::storefront();
    let (human, data) =
        (project.run(&["rules"]).exits(0).out, project.run(&["rules", "--format", "json"]).exits(0).out);
    let _stable = stable();
    assert_snapshot!("rules", human);
    assert_snapshot!("rules_json", data);
}

#[test]
fn a_monitor_of_the_sustained_rate_says_nothing_of_the_top() {
    let (_server, project) = configured();
    let threshold = |project: &Project| project.json(&["rules"])["rules"][0]["threshold"].clone();
    assert_eq!(threshold(&project), json!(10_000_000.0));
    project.edit(FILE, "\"warning\": 8000000", "\"warning\": 8000000, \"sustained\": true");
    assert_eq!(threshold(&project), json!(null));
}

#[test]
fn a_budget_that_is_exceeded_blocks_everything() {
    let (server, project) = configured();
    project.edit(FILE, "{\"per\": \"hour\"}", "{\"per\": \"hour\", \"ids_per_hour\": 600}");
    project.edit("schemas/cart.avdl", "\"deviations\": 3", "\"deviations\": 2");
    let mark = server.mark();
    let told = ["624 series an hour", "the budget is 500", "ids_per_hour", ADDRESS];
    project.run(&["plan"]).exits(5).says(&["BLOCKED"]).says(&told);
    project.run(&["apply", "--yes"]).exits(5).complains(&told);
    project.run(&["check"]).exits(5).complains(&told);
    project.edit(
        "bellwether.toml",
        "custom_metrics = 500",
        "custom_metrics = 700\nmax_per_event = 400\nmax_monitors = 10",
    );
    let told = ["max_per_event", "limit is 400", "18 monitors", "max_monitors"];
    project.run(&["apply", "--yes"]).exits(5).complains(&told);
    assert_eq!(server.writes_since(mark), [""; 0]);
}

/// A metric of this name on a record of this namespace and head, which Datadog has seen and the project has configured.
fn named(namespace: &str, head: &str, metric: &str) -> String {
    format!(
        "@namespace(\"{namespace}\") @alert_channel(\"a\") protocol P {{ {head} {{ string @aggregate_metric({{\"metric\": \"{metric}\"}}) id; }} @traffic_threshold_monitor({{\"below\": 1}}) record S {{}} }}"
    )
}

fn configured_as(namespace: &str, head: &str, metric: &str) -> (Server, Project) {
    let server = Server::new();
    server.report(metric);
    let project = Project::of(&named(namespace, head, metric), server.url());
    project.apply();
    (server, project)
}

fn metadata(server: &Server, metric: &str) -> serde_json::Value {
    server.call("GET", &format!("/api/v1/metrics/{metric}"), &json!(null))
}

#[test]
fn an_edit_of_a_metric_is_held_when_its_record_is_renamed() {
    let (server, project) = configured_as("a", "record Old", "shop.counted");
    let mut edited = metadata(&server, "shop.counted");
    edited["per_unit"] = "second".into();
    server.call("PUT", "/api/v1/metrics/shop.counted", &edited);
    project.write("schemas/events.avdl", &named("a", "@aliases([\"Old\"]) record New", "shop.counted"));
    assert_eq!(drifted(&project.plan()), ["a.New.id/aggregate_metric metadata.per_unit"]);
    project.apply();
    assert_eq!(metadata(&server, "shop.counted")["per_unit"], "second");
    project.run(&["apply", "--yes", "--reset-drift"]).exits(0);
    assert_eq!(metadata(&server, "shop.counted")["per_unit"], "hour");
    project.is_settled();
}

#[test]
fn a_metric_whose_record_moves_is_still_ours_when_the_snapshot_is_lost() {
    let (server, project) = configured_as("a", "record R", "shop.counted");
    project.lose_snapshot();
    project.write("schemas/events.avdl", &named("b", "record R", "shop.counted"));
    assert!(actions(&project.plan()).contains(&"update b.R.id/aggregate_metric".to_owned()));
    project.apply();
    let description = metadata(&server, "shop.counted")["description"].to_string();
    assert!(description.contains("bellwether:b.R.id/aggregate_metric@"), "{description}");
    project.is_settled();
}

#[test]
fn an_address_that_goes_on_with_another_metric_configures_the_whole_of_it() {
    let (server, project) = configured_as("a", "record R", "shop.counted");
    server.report("shop.other");
    project.write("schemas/events.avdl", &named("a", "record R", "shop.other"));
    let plan = project.plan();
    assert_eq!(actions(&plan), ["create a.R.id/aggregate_metric"]);
    assert_eq!(drifted(&plan), [""; 0]);
    project.apply();
    assert_eq!(metadata(&server, "shop.other")["per_unit"], "hour");
    project.is_settled();
}

#[test]
fn an_address_that_goes_on_with_another_metric_takes_none_from_others() {
    let (server, project) = configured_as("a", "record R", "shop.counted");
    server.report("shop.other");
    let theirs = json!({"description": "somebody else's", "type": "gauge"});
    server.call("PUT", "/api/v1/metrics/shop.other", &theirs);
    project.write("schemas/events.avdl", &named("a", "record R", "shop.other"));
    for options in [&["apply", "--yes"][..], &["apply", "--yes", "--reset-drift"]] {
        project.run(options).exits(5).complains(&["shop.other", "not by bellwether"]);
    }
    assert_eq!(metadata(&server, "shop.other")["description"], "somebody else's");
}
