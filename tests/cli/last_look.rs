//! The last look before a write: what somebody edits while an apply runs is left alone.

use std::sync::Arc;

use serde_json::json;

use super::double::{Answer, Double, applied};
use super::support::{Project, Server, actions};

const ANOMALY: &str = "com.example.shop.CartAbandonedEvent/traffic_anomaly_monitor";
const THRESHOLD: &str = "com.example.shop.AddToCartEvent/traffic_threshold_monitor";
const ABSENCE: &str = "com.example.learning.CertificateIssuedEvent/traffic_absence_monitor";
const METRIC: &str = "experiment_exposure_event.experiment_id.top_rate";

/// As soon as a call of this part of a URL has been answered, this happens in Datadog.
fn after(
    server: &Arc<Server>,
    double: &Double,
    part: &'static str,
    happens: impl FnOnce(&Server) + Send + 'static,
) {
    let (server, mut happens) = (Arc::clone(server), Some(happens));
    double.instead(move |asked| match happens.take_if(|_| asked.path.contains(part)) {
        Some(happens) => {
            let server = Arc::clone(&server);
            Answer::meanwhile(move || happens(&server))
        }
        None => Answer::Pass,
    });
}

/// As soon as the next plan has read the monitors, this happens in Datadog.
fn after_the_plan_has_read(
    server: &Arc<Server>,
    double: &Double,
    happens: impl FnOnce(&Server) + Send + 'static,
) {
    after(server, double, "monitor_tags=", happens);
}

fn change_anomaly(project: &Project) {
    project.edit("schemas/cart.avdl", "\"deviations\": 3", "\"deviations\": 2");
}

fn change_threshold(project: &Project) {
    project.edit("schemas/cart.avdl", "\"below\": 200", "\"below\": 100");
}

fn without_absence(project: &Project) {
    project.edit("schemas/learning.avdl", "  @traffic_absence_monitor({\"window\": \"6h\"})\n", "");
}

#[test]
fn an_edit_made_while_an_apply_runs_is_left_alone_and_the_others_go_on() {
    let (server, double, project) = applied();
    change_anomaly(&project);
    change_threshold(&project);
    after_the_plan_has_read(&server, &double, |server| {
        server.edit(server.id_at(ANOMALY), |body| body["message"] = "by hand".into());
    });
    let mark = server.mark();
    let run = project.run(&["apply", "--yes"]).exits(4);
    run.says(&["Applied 1 of 2", "1 left alone, changed since the plan"]).complains(&[
        ANOMALY,
        "LEFT ALONE, changed since the plan: message: planned from",
        "now \"by hand\"",
    ]);
    let by_hand = format!("PUT /api/v1/monitor/{}", server.id_at(ANOMALY));
    let planned = format!("PUT /api/v1/monitor/{}", server.id_at(THRESHOLD));
    assert_eq!(server.writes_since(mark), [by_hand, planned], "the first of them by hand");
    assert_eq!(server.at(ANOMALY)["message"], "by hand");
}

#[test]
fn an_apply_that_finds_only_edits_writes_nothing_and_is_stale() {
    let (server, double, project) = applied();
    change_anomaly(&project);
    after_the_plan_has_read(&server, &double, |server| {
        server.edit(server.id_at(ANOMALY), |body| body["message"] = "by hand".into());
    });
    project.run(&["apply", "--yes"]).exits(3).says(&["Applied 0 of 1", "Nothing was written."]);
    let live = server.at(ANOMALY);
    assert_eq!(live["message"], "by hand");
    assert!(live["query"].as_str().unwrap().contains("'agile', 3"));
    // The next plan knows both: it holds the edit and writes the change.
    project.run(&["apply", "--yes"]).exits(0);
    let live = server.at(ANOMALY);
    assert_eq!(live["message"], "by hand");
    assert!(live["query"].as_str().unwrap().contains("'agile', 2"));
}

#[test]
fn the_outcome_as_data_says_what_was_left_alone() {
    let (server, double, project) = applied();
    change_anomaly(&project);
    after_the_plan_has_read(&server, &double, |server| {
        server.edit(server.id_at(ANOMALY), |body| body["message"] = "by hand".into());
    });
    let outcome = project.json(&["apply", "--yes"]);
    let step = &outcome["steps"][0];
    assert_eq!((&step["address"], &step["result"]), (&json!(ANOMALY), &json!("stale")));
    assert!(step["message"].as_str().unwrap().contains("now \"by hand\""), "{step}");
}

#[test]
fn a_monitor_that_is_deleted_while_an_apply_runs_is_not_written_to() {
    let (server, double, project) = applied();
    change_anomaly(&project);
    after_the_plan_has_read(&server, &double, |server| server.delete(server.id_at(ANOMALY)));
    project.run(&["apply", "--yes"]).exits(3).complains(&[ANOMALY, "it is gone from Datadog"]);
    assert_eq!(server.monitors().len(), 17);
    assert_eq!(actions(&project.plan()), [format!("create {ANOMALY}")]);
    project.apply();
    assert_eq!(server.monitors().len(), 18);
}

#[test]
fn a_delete_whose_monitor_is_edited_meanwhile_is_not_deleted() {
    let (server, double, project) = applied();
    without_absence(&project);
    let id = server.id_at(ABSENCE);
    after_the_plan_has_read(&server, &double, move |server| {
        server.edit(id, |body| body["message"] = "still needed @pagerduty-x".into());
    });
    project.run(&["apply", "--yes"]).exits(3).complains(&[ABSENCE, "still needed"]);
    assert_eq!(server.monitor(id)["message"], "still needed @pagerduty-x");
}

#[test]
fn a_delete_whose_monitor_is_gone_meanwhile_is_done() {
    let (server, double, project) = applied();
    without_absence(&project);
    // The last that a plan asks is whether anything refers to the monitor.
    after(&server, &double, "/can_delete", |server| server.delete(server.id_at(ABSENCE)));
    project.run(&["apply", "--yes"]).exits(0);
    project.is_settled();
}

#[test]
fn a_mute_or_a_tag_of_others_in_between_is_no_reason_to_stop() {
    let (server, double, project) = applied();
    change_anomaly(&project);
    let id = server.id_at(ANOMALY);
    after_the_plan_has_read(&server, &double, move |server| {
        server.call("POST", &format!("/api/v1/monitor/{id}/mute"), &json!({}));
        server.edit(id, |body| body["tags"].as_array_mut().unwrap().push("oncall:blue".into()));
    });
    project.apply();
    assert!(server.monitor(id)["tags"].as_array().unwrap().contains(&"oncall:blue".into()), "and it is kept");
}

#[test]
fn a_metric_that_somebody_describes_while_an_apply_runs_is_left_alone() {
    let (server, double, project) = applied();
    server.report(METRIC);
    change_threshold(&project);
    // A plan asks for validation when it has read all there is.
    after(&server, &double, "/validate", |server| {
        let body = json!({"description": "somebody else's", "type": "gauge"});
        server.call("PUT", &format!("/api/v1/metrics/{METRIC}"), &body);
    });
    let run = project.run(&["apply", "--yes"]).exits(4);
    run.says(&["Applied 1 of 2"]).complains(&["LEFT ALONE", "somebody else's"]);
    let live = server.call("GET", &format!("/api/v1/metrics/{METRIC}"), &json!(null));
    assert_eq!(live["description"], "somebody else's");
}
