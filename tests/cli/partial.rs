//! Applies that fail half-way: what can be done is done, what cannot is named, and the next run goes on.

use serde_json::{Value, json};

use super::double::{Answer, Double};
use super::support::{Project, Server};

fn refused(message: &str) -> Answer {
    Answer::Say(400, "application/json", json!({"errors": [message]}).to_string())
}

#[test]
fn after_a_refused_create_the_rest_goes_on_but_dependents_and_deletes_do_not() {
    let server = Server::new();
    let double = Double::before(&server, |_| Answer::Pass);
    let project = Project::storefront_at(double.url());
    project.run(&["apply", "--yes", "--only", "com.example.{learning,search}.*/*"]).exits(0);
    project.edit("schemas/learning.avdl", "  @traffic_absence_monitor({\"window\": \"6h\"})\n", "");
    double.instead(|asked| {
        match asked.is("POST", "/api/v1/monitor") && asked.body.contains("/error_rate_monitor") {
            true => refused("no more of these"),
            false => Answer::Pass,
        }
    });
    let run = project.run(&["apply", "--yes"]).exits(4).complains(&[
        "CoursePurchasedEvent/error_rate_monitor  FAILED",
        "no more of these",
        "CoursePurchasedEvent/composite_monitor  not tried: needs com.example.shop.CoursePurchasedEvent/error_rate_monitor",
        "CertificateIssuedEvent/traffic_absence_monitor  not tried: deletes are not tried after a failure",
    ]);
    run.says(&["Applied 6 of 9", "1 failed", "2 not tried", "run the same command again"]);
    server.at("com.example.shop.CoursePurchasedEvent/traffic_anomaly_monitor");
    server.at("com.example.learning.CertificateIssuedEvent/traffic_absence_monitor");
    double.recovers();
    project.run(&["apply", "--yes"]).exits(0).says(&["Applied 3 of 3"]);
    project.is_settled();
    assert_eq!(server.monitors().len(), 17);
}

#[test]
fn the_outcome_of_a_partial_apply_as_data() {
    let server = Server::new();
    let double = Double::before(&server, |asked| {
        match asked.is("POST", "/api/v1/monitor") && asked.body.contains("/error_rate_monitor") {
            true => refused("no more of these"),
            false => Answer::Pass,
        }
    });
    let project = Project::storefront_at(double.url());
    let run = project.run(&["apply", "--yes", "--format", "json", "--only", "com.example.shop.*/*"]).exits(4);
    let outcome: Value = serde_json::from_str(&run.out).unwrap();
    let results = |result: &str| -> Vec<String> {
        let steps = outcome["steps"].as_array().unwrap().iter().filter(|step| step["result"] == result);
        steps.map(|step| step["address"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(results("failed"), ["com.example.shop.CoursePurchasedEvent/error_rate_monitor"]);
    assert_eq!(results("skipped"), ["com.example.shop.CoursePurchasedEvent/composite_monitor"]);
    assert_eq!(results("done").len(), 4);
    assert_eq!(outcome["differences_left"], 2);
}

#[test]
fn a_create_whose_answer_is_lost_makes_no_twin() {
    let server = Server::new();
    let double = Double::before(&server, |_| Answer::Pass);
    let project = Project::storefront_at(double.url());
    // Datadog creates the monitor, and the gateway before it answers 504.
    double.instead(|asked| {
        match asked.is("POST", "/api/v1/monitor") && asked.body.contains("CartAbandonedEvent") {
            true => Answer::PassButSay(504, "gateway timeout".to_owned()),
            false => Answer::Pass,
        }
    });
    project.run(&["apply", "--yes"]).exits(0).says(&["Applied 18 of 18"]);
    assert_eq!(server.monitors().len(), 18);
    project.is_settled();
}

#[test]
fn a_monitor_of_others_in_the_same_place_is_named_and_not_taken() {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.run(&["plan", "--out", "p.json"]).exits(0);
    // Somebody makes the same monitor by hand between plan and apply.
    let plan: Value = serde_json::from_str(&project.read("p.json")).unwrap();
    let address = "com.example.shop.CartAbandonedEvent/traffic_anomaly_monitor";
    let change =
        plan["changes"].as_array().unwrap().iter().find(|change| change["address"] == address).unwrap();
    let mut body = change["after"].clone();
    body["tags"] = json!(["team:else"]);
    let theirs = server.create(&body);
    let before = server.monitor(theirs);
    let run = project.run(&["apply", "p.json"]).exits(4);
    run.says(&["Applied 17 of 18", "1 failed"])
        .complains(&["Duplicate of an existing monitor", &theirs.to_string()]);
    assert_eq!(server.monitor(theirs), before);
    project.run(&["apply", "--yes"]).exits(4).says(&["Applied 0 of 1"]);
    assert_eq!(server.monitor(theirs), before);
    server.delete(theirs);
    project.apply();
    project.is_settled();
}

#[test]
fn a_refused_delete_is_a_failure_and_is_tried_again() {
    let server = Server::new();
    let double = Double::before(&server, |_| Answer::Pass);
    let project = Project::storefront_at(double.url());
    project.apply();
    project.edit("schemas/learning.avdl", "  @traffic_absence_monitor({\"window\": \"6h\"})\n", "");
    double.instead(|asked| {
        if asked.method == "DELETE" { refused("it is referenced in an SLO") } else { Answer::Pass }
    });
    project.run(&["apply", "--yes"]).exits(4).complains(&["FAILED", "referenced in an SLO"]);
    double.recovers();
    project.apply();
    project.is_settled();
}

#[test]
fn a_monitor_that_is_gone_when_its_delete_comes_is_deleted() {
    let server = Server::new();
    let double = Double::before(&server, |_| Answer::Pass);
    let project = Project::storefront_at(double.url());
    project.apply();
    project.edit("schemas/learning.avdl", "  @traffic_absence_monitor({\"window\": \"6h\"})\n", "");
    // Somebody else deletes it a moment before.
    double.instead(|asked| match asked.method.as_str() {
        "DELETE" => Answer::PassButSay(404, json!({"errors": ["Monitor not found"]}).to_string()),
        _ => Answer::Pass,
    });
    project.apply();
    double.recovers();
    project.is_settled();
}

/// A project of one monitor that is written by hand.
fn raw(server_url: &str) -> Project {
    let project = Project::of("", server_url);
    std::fs::remove_file(project.path("schemas/events.avdl")).unwrap();
    is_of_type(&project, "query alert", "avg(last_5m):avg:a.b{*} > 1");
    project
}

fn is_of_type(project: &Project, kind: &str, query: &str) {
    let monitor = json!({"type": kind, "name": "Raw", "query": query, "message": "@slack-a"});
    let record = json!({"type": "record", "name": "a.R", "fields": [], "datadog_monitor": monitor});
    project.write("schemas/raw.avsc", &record.to_string());
}

#[test]
fn a_replace_that_comes_half_way_says_that_the_old_monitor_is_gone_and_the_next_run_makes_the_new_one() {
    let server = Server::new();
    let double = Double::before(&server, |_| Answer::Pass);
    let project = raw(double.url());
    project.apply();
    let id = server.id_at("a.R/datadog_monitor");
    is_of_type(&project, "log alert", "logs(\"x\").index(\"*\").rollup(\"count\").last(\"5m\") > 1");
    double.instead(|asked| match asked.is("POST", "/api/v1/monitor") {
        true => refused("no more of these"),
        false => Answer::Pass,
    });
    let run = project.run(&["apply", "--yes"]).exits(4).says(&[
        "Applied 0 of 1",
        "1 half done",
        "1 difference left",
    ]);
    run.complains(&[
        &format!("HALF DONE: #{id} is deleted, but the new one is not made: "),
        "no more of these",
    ]);
    double.recovers();
    project.run(&["apply", "--yes"]).exits(0).says(&["Applied 1 of 1"]);
    assert_ne!(server.id_at("a.R/datadog_monitor"), id);
    assert_eq!(server.monitors().len(), 1);
    project.is_settled();
}

/// A limit on the size of files stands for a full disk.
#[cfg(unix)]
#[test]
fn with_a_full_disk_nothing_new_is_begun_and_what_is_live_is_told() {
    let server = Server::new();
    let project = Project::of("", server.url());
    let records: String = (0..150)
        .map(|n| format!("@traffic_threshold_monitor({{\"below\": 9}}) record R{n} {{ int a; }}\n"))
        .collect();
    project.write("schemas/events.avdl", &format!("@alert_channel(\"a\") protocol P {{ {records} }}"));
    let command = project.within_blocks(256, &["apply", "--yes", "--format", "json"]);
    let run = super::support::Run::of(command, &[], &project.path("")).exits(4);
    let outcome: Value = serde_json::from_str(&run.out).unwrap();
    let steps = outcome["steps"].as_array().unwrap();
    let count = |result: &str| steps.iter().filter(|step| step["result"] == result).count();
    assert_eq!(server.monitors().len(), count("done") + count("half_done"), "{run:?}");
    assert!(count("half_done") <= 8 && count("failed") <= 8, "those that were under way: {run:?}");
    assert!(count("skipped") > 0, "{run:?}");
    run.complains(&["nothing is written that cannot be recorded"]);
    project.apply();
    assert_eq!(server.monitors().len(), 150);
    project.is_settled();
}
