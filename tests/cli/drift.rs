//! What people do in Datadog to managed monitors and beside them, and what becomes of it.

use insta::assert_snapshot;
use serde_json::{Value, json};

use super::support::{Project, Server, actions, changes, drifted, stable};

const THRESHOLD: &str = "com.example.shop.AddToCartEvent/traffic_threshold_monitor";
const ANOMALY: &str = "com.example.shop.CartAbandonedEvent/traffic_anomaly_monitor";

/// The example, applied.
fn applied() -> (Server, Project) {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.apply();
    (server, project)
}

/// An edit is drift, is held by plan and apply, and goes with `--reset-drift`; the same once the snapshot is lost.
fn is_held_until_reset(edit: impl Fn(&mut Value), fields: &[&str], told: &[&str]) {
    for snapshot_lost in [false, true] {
        let (server, project) = applied();
        let id = server.id_at(THRESHOLD);
        let ours = server.monitor(id);
        server.edit(id, &edit);
        let edited = server.monitor(id);
        let lose = || {
            if snapshot_lost {
                project.lose_snapshot();
            }
        };
        lose();
        let mark = server.mark();
        let line = format!("schemas/cart.avdl:{}", project.line_of("schemas/cart.avdl", "\"below\": 200"));
        let expected: Vec<String> = fields.iter().map(|field| format!("{THRESHOLD} {field}")).collect();
        if !snapshot_lost {
            project
                .run(&["drift"])
                .exits(2)
                .says(&[THRESHOLD, &line, "Drift: 1 of 18 monitors."])
                .says(&fields.iter().map(|field| field.rsplit('.').next().unwrap()).collect::<Vec<_>>())
                .says(told);
            project.run(&["plan", "--detailed-exitcode"]).exits(2).says(&["No changes.", "1 drifted"]);
        }
        assert_eq!(drifted(&project.json(&["drift"])), expected);
        lose();
        let plan = project.plan();
        assert_eq!((actions(&plan), drifted(&plan)), (vec![], expected));
        lose();
        project.apply();
        assert_eq!(server.writes_since(mark), [""; 0], "held is held");
        assert_eq!(server.monitor(id), edited);
        lose();
        let run = project.run(&["apply", "--yes", "--reset-drift"]).exits(0);
        assert_eq!(server.writes_since(mark), [format!("PUT /api/v1/monitor/{id}")], "{run:?}");
        let back = server.monitor(id);
        for field in ["name", "query", "message", "options", "tags", "priority"] {
            assert_eq!(back[field], ours[field], "{field}");
        }
        project.is_settled();
    }
}

#[test]
fn an_edited_threshold_is_held_until_reset() {
    is_held_until_reset(
        |body| body["options"]["thresholds"]["warning"] = json!(300),
        &["options.thresholds.warning"],
        &["400", "300"],
    );
}

#[test]
fn an_edited_query_is_held_until_reset() {
    is_held_until_reset(
        |body| {
            body["query"] = body["query"].as_str().unwrap().replace("< 200", "< 120").into();
            body["options"]["thresholds"]["critical"] = json!(120);
        },
        &["query", "options.thresholds.critical"],
        &["200", "120"],
    );
}

#[test]
fn an_edited_message_is_held_until_reset() {
    is_held_until_reset(
        |body| body["message"] = format!("{} @pagerduty-elsewhere", body["message"].as_str().unwrap()).into(),
        &["message"],
        &["@pagerduty-elsewhere"],
    );
}

#[test]
fn an_edited_name_and_priority_are_held_until_reset() {
    is_held_until_reset(
        |body| {
            body["name"] = "Carts".into();
            body["priority"] = json!(4);
        },
        &["name", "priority"],
        &["Carts"],
    );
}

#[test]
fn a_removed_tag_of_ours_is_held_until_reset() {
    is_held_until_reset(
        |body| body["tags"].as_array_mut().unwrap().retain(|tag| tag != "team:checkout"),
        &["tags"],
        &["team:checkout"],
    );
}

#[test]
fn a_removed_option_of_ours_is_held_until_reset() {
    is_held_until_reset(
        |body| {
            body["options"]["thresholds"].as_object_mut().unwrap().remove("warning");
        },
        &["options.thresholds.warning"],
        &["400"],
    );
}

#[test]
fn a_drift_report_for_people() {
    let (server, project) = applied();
    server.edit(server.id_at(THRESHOLD), |body| {
        body["query"] = body["query"].as_str().unwrap().replace("< 200", "< 120").into();
        body["options"]["thresholds"]["critical"] = json!(120);
        body["options"]["renotify_interval"] = json!(30);
    });
    server.delete(server.id_at(ANOMALY));
    let drift = project.run(&["drift"]).exits(2);
    let plan = project.run(&["plan"]).exits(0);
    let _stable = stable();
    assert_snapshot!("drift", drift.out);
    assert_snapshot!("plan_with_drift", plan.out);
}

#[test]
fn drift_never_writes() {
    let (server, project) = applied();
    server.edit(server.id_at(THRESHOLD), |body| body["message"] = "edited".into());
    let mark = server.mark();
    project.run(&["drift"]).exits(2);
    project.lose_snapshot();
    project.run(&["drift"]).exits(2);
    assert_eq!(server.writes_since(mark), [""; 0]);
}

#[test]
fn where_drift_is_reverted_a_plan_puts_it_back() {
    let (server, project) = applied();
    project.edit("bellwether.toml", "on_drift = \"hold\"", "on_drift = \"revert\"");
    server.edit(server.id_at(THRESHOLD), |body| body["options"]["thresholds"]["warning"] = json!(300));
    project.run(&["drift"]).exits(2);
    assert_eq!(actions(&project.plan()), [format!("update {THRESHOLD}")]);
    project.apply();
    project.is_settled();
}

#[test]
fn a_mute_is_no_drift_and_outlives_updates() {
    let (server, project) = applied();
    let id = server.id_at(ANOMALY);
    server.call("POST", &format!("/api/v1/monitor/{id}/mute"), &json!({}));
    let silenced = server.monitor(id)["options"]["silenced"].clone();
    assert!(silenced.as_object().is_some_and(|silenced| !silenced.is_empty()), "{silenced}");
    project.run(&["drift"]).exits(0);
    project.is_settled();
    project.edit("schemas/cart.avdl", "\"deviations\": 3", "\"deviations\": 2");
    project.apply();
    assert_eq!(server.monitor(id)["options"]["silenced"], silenced);
    project.is_settled();
}

#[test]
fn foreign_tags_and_options_outlive_updates() {
    for snapshot_lost in [false, true] {
        let (server, project) = applied();
        let id = server.id_at(ANOMALY);
        server.edit(id, |body| {
            body["tags"].as_array_mut().unwrap().push("oncall:blue".into());
            body["options"]["escalation_message"] = "still broken".into();
            body["options"]["timeout_h"] = json!(5);
        });
        if snapshot_lost {
            project.lose_snapshot();
        }
        project.run(&["drift"]).exits(0);
        project.is_settled();
        project.edit("schemas/cart.avdl", "\"deviations\": 3", "\"deviations\": 2");
        if snapshot_lost {
            project.lose_snapshot();
        }
        let plan = project.plan();
        assert_eq!(changes(&plan), [(ANOMALY.into(), "update".into(), vec!["query".into()])]);
        project.apply();
        let live = server.monitor(id);
        assert!(live["tags"].as_array().unwrap().contains(&"oncall:blue".into()));
        assert_eq!(live["options"]["escalation_message"], "still broken");
        assert_eq!(live["options"]["timeout_h"], 5);
        project.is_settled();
    }
}

/// A monitor as a person makes it.
fn hand_made(name: &str, tags: &[&str]) -> Value {
    json!({
        "type": "query alert", "name": name, "message": "made by hand @someone", "tags": tags,
        "query": "avg(last_5m):sum:a.b{env:sandbox} > 2", "options": {"thresholds": {"critical": 2}},
    })
}

#[test]
fn monitors_that_are_not_ours_are_never_touched() {
    let server = Server::new();
    let theirs = [
        hand_made("By hand", &[]),
        hand_made("Traffic Anomaly with AddToCartEvent", &["team:checkout"]),
        hand_made("Traffic Anomaly with AddToCartEvent (copy)", &["esm-sandbox"]),
        hand_made(
            "Owned by nobody",
            &["esm-sandbox-2", "bellwether:com.example.Gone/traffic_anomaly_monitor"],
        ),
    ];
    let ids: Vec<u64> = theirs.iter().map(|body| server.create(body)).collect();
    let before: Vec<Value> = ids.iter().map(|id| server.monitor(*id)).collect();
    let project = Project::storefront_at(server.url());
    project.apply();
    project.edit("schemas/cart.avdl", "  @traffic_anomaly_monitor({})\n", "");
    project.edit("schemas/cart.avdl", "\"deviations\": 3", "\"deviations\": 2");
    project.apply();
    project.run(&["drift"]).exits(0);
    project.lose_snapshot();
    project.run(&["apply", "--yes", "--reset-drift"]).exits(0);
    let after: Vec<Value> = ids.iter().map(|id| server.monitor(*id)).collect();
    assert_eq!(after, before);
}

#[test]
fn a_monitor_with_our_tag_and_the_expected_name_is_adopted() {
    let server = Server::new();
    let id =
        server.create(&hand_made("Traffic Anomaly with CartAbandonedEvent", &["esm-sandbox", "oncall:blue"]));
    let project = Project::storefront_at(server.url());
    let plan = project.plan();
    assert_eq!(plan["summary"]["adopt"], 1);
    let adopted =
        plan["changes"].as_array().unwrap().iter().find(|change| change["action"] == "adopt").unwrap();
    assert_eq!((&adopted["address"], &adopted["id"]), (&json!(ANOMALY), &json!(id)));
    project.apply();
    let live = server.at(ANOMALY);
    assert_eq!(live["id"], id);
    assert!(live["tags"].as_array().unwrap().contains(&"oncall:blue".into()));
    assert!(live["query"].as_str().unwrap().contains("anomalies("));
    project.is_settled();
}

#[test]
fn a_monitor_whose_address_tag_was_removed_is_adopted_again() {
    for snapshot_lost in [false, true] {
        let (server, project) = applied();
        let id = server.id_at(ANOMALY);
        server.edit(id, |body| {
            body["tags"]
                .as_array_mut()
                .unwrap()
                .retain(|tag| !tag.as_str().unwrap().starts_with("bellwether:"));
        });
        if snapshot_lost {
            project.lose_snapshot();
        }
        assert_eq!(actions(&project.plan()), [format!("adopt {ANOMALY}")]);
        project.apply();
        assert_eq!(server.id_at(ANOMALY), id);
        project.is_settled();
    }
}

#[test]
fn a_deleted_monitor_is_drift_and_is_created_again() {
    for on_drift in ["hold", "revert"] {
        let (server, project) = applied();
        project.edit("bellwether.toml", "on_drift = \"hold\"", &format!("on_drift = \"{on_drift}\""));
        let id = server.id_at(ANOMALY);
        server.delete(id);
        project.run(&["drift"]).exits(2).says(&[
            ANOMALY,
            "schemas/cart.avdl:22",
            "deleted",
            "Drift: 1 of 18",
        ]);
        let plan = project.plan();
        assert_eq!(actions(&plan), [format!("create {ANOMALY}")]);
        assert!(plan["changes"][0]["effect"].to_string().contains(&id.to_string()), "the old id is named");
        project.apply();
        assert_ne!(server.id_at(ANOMALY), id);
        project.is_settled();
    }
}

#[test]
fn a_deleted_monitor_is_drift_even_when_the_snapshot_is_lost() {
    let (server, project) = applied();
    server.delete(server.id_at(ANOMALY));
    project.lose_snapshot();
    let run = project.run(&["drift"]);
    assert_eq!(actions(&project.plan()), [format!("create {ANOMALY}")]);
    run.exits(2).says(&[ANOMALY]);
}

#[test]
fn a_monitor_that_lost_the_owner_tag_is_told_and_gets_no_twin() {
    let (server, project) = applied();
    let id = server.id_at(ANOMALY);
    server.edit(id, |body| body["tags"].as_array_mut().unwrap().retain(|tag| tag != "esm-sandbox"));
    let before = server.monitor(id);
    project.edit("schemas/cart.avdl", "\"deviations\": 3", "\"deviations\": 2");
    let mark = server.mark();
    let told = ["BW0503", &id.to_string(), ANOMALY, "schemas/cart.avdl:22"];
    for command in [&["plan"][..], &["apply", "--yes"], &["apply", "--yes", "--reset-drift"]] {
        project.run(command).exits(0).complains(&told);
    }
    project.run(&["plan", "--detailed-exitcode"]).exits(2);
    project.run(&["drift"]).exits(2).says(&[ANOMALY, &id.to_string()]);
    assert_eq!(server.writes_since(mark), [""; 0]);
    // It does not keep the others from their changes.
    project.edit("schemas/cart.avdl", "\"warning\": 400", "\"warning\": 350");
    project.apply();
    assert_eq!(server.writes_since(mark), [format!("PUT /api/v1/monitor/{}", server.id_at(THRESHOLD))]);
    assert_eq!(server.monitor(id), before);
    server.edit(id, |body| body["tags"].as_array_mut().unwrap().push("esm-sandbox".into()));
    project.apply();
    project.is_settled();
}

#[test]
fn a_monitor_that_lost_the_owner_tag_gets_no_twin_even_when_the_snapshot_is_lost() {
    let (server, project) = applied();
    let id = server.id_at(ANOMALY);
    server.edit(id, |body| body["tags"].as_array_mut().unwrap().retain(|tag| tag != "esm-sandbox"));
    let before = server.monitor(id);
    project.lose_snapshot();
    let run = project.run(&["apply", "--yes"]);
    assert_ne!(run.code, 0, "{run:?}");
    assert_eq!(server.monitors().len(), 18);
    assert_eq!(server.monitor(id), before);
}

#[test]
fn a_copy_is_reported_and_left_alone() {
    for snapshot_lost in [false, true] {
        let (server, project) = applied();
        let original = server.at(ANOMALY);
        let mut body = json!({"name": "Copy of it", "type": "query alert"});
        for key in ["query", "message", "tags", "options"] {
            body[key] = original[key].clone();
        }
        let copy = server.create(&body);
        let before = server.monitor(copy);
        if snapshot_lost {
            project.lose_snapshot();
        }
        let run = project.run(&["plan", "--detailed-exitcode"]).exits(0).says(&["No changes."]);
        run.complains(&["BW0501", &copy.to_string(), ANOMALY]);
        project.edit("schemas/cart.avdl", "\"deviations\": 3", "\"deviations\": 2");
        let plan = project.plan();
        assert_eq!(actions(&plan), [format!("update {ANOMALY}")]);
        assert_eq!(plan["changes"][0]["id"], original["id"]);
        project.apply();
        assert_eq!(server.monitor(copy), before);

        // When the original goes, its copy is still somebody's.
        project.edit(
            "schemas/cart.avdl",
            "  @traffic_anomaly_monitor({\"direction\": \"above\", \"deviations\": 2})\n",
            "",
        );
        assert_eq!(actions(&project.plan()), [format!("delete {ANOMALY}")]);
        project.apply();
        project.run(&["apply", "--yes"]).exits(0).complains(&["BW0501", &copy.to_string()]);
        assert_eq!(server.monitor(copy), before);
    }
}

#[test]
fn a_field_changed_on_both_sides_blocks_until_it_is_decided() {
    for snapshot_lost in [false, true] {
        let (server, project) = applied();
        let id = server.id_at(THRESHOLD);
        server.edit(id, |body| body["options"]["thresholds"]["warning"] = json!(300));
        project.edit("schemas/cart.avdl", "\"warning\": 400", "\"warning\": 350");
        if snapshot_lost {
            project.lose_snapshot();
        }
        let mark = server.mark();
        let plan = project.plan();
        assert_eq!(
            changes(&plan),
            [(THRESHOLD.into(), "update".into(), vec!["options.thresholds.warning".into()])]
        );
        assert_eq!(plan["changes"][0]["fields"][0]["changed_by"], "both");
        project.run(&["plan"]).exits(5).says(&["BLOCKED", "options.thresholds.warning", "--reset-drift"]);
        project.run(&["apply", "--yes"]).exits(5).complains(&[
            THRESHOLD,
            "Nothing was written",
            "--reset-drift",
        ]);
        project.run(&["drift"]).exits(2).says(&[THRESHOLD, "300"]);
        assert_eq!(server.writes_since(mark), [""; 0]);
        project.run(&["apply", "--yes", "--reset-drift"]).exits(0);
        assert_eq!(server.monitor(id)["options"]["thresholds"]["warning"], 350.0);
        project.is_settled();
    }
}

#[test]
fn the_live_side_of_a_conflict_can_be_taken_over_by_the_schema() {
    let (server, project) = applied();
    let id = server.id_at(THRESHOLD);
    server.edit(id, |body| body["options"]["thresholds"]["warning"] = json!(300));
    project.edit("schemas/cart.avdl", "\"warning\": 400", "\"warning\": 300");
    let plan = project.plan();
    assert_eq!(changes(&plan), [(THRESHOLD.into(), "update".into(), vec!["tags.bellwether_rev".into()])]);
    project.apply();
    project.is_settled();
}

#[test]
fn changes_of_different_fields_on_both_sides_are_merged() {
    let (server, project) = applied();
    let id = server.id_at(THRESHOLD);
    server.edit(id, |body| body["options"]["thresholds"]["warning"] = json!(300));
    project.edit("schemas/cart.avdl", "\"window\": \"15m\"", "\"window\": \"30m\"");
    let plan = project.plan();
    assert_eq!(
        changes(&plan),
        [(
            THRESHOLD.into(),
            "update".into(),
            vec!["query".into(), "options.no_data_timeframe".into(), "message".into()]
        )]
    );
    assert_eq!(drifted(&plan), [format!("{THRESHOLD} options.thresholds.warning")]);
    project.apply();
    let live = server.monitor(id);
    assert_eq!(live["options"]["thresholds"]["warning"], 300.0);
    assert!(live["query"].as_str().unwrap().contains("last_30m"));
    // The held value is neither taken for a change of the schemas nor forgotten, snapshot or not.
    for _ in 0..2 {
        let plan = project.plan();
        assert_eq!(
            (actions(&plan), drifted(&plan)),
            (vec![], vec![format!("{THRESHOLD} options.thresholds.warning")])
        );
        project.lose_snapshot();
    }
    project.run(&["apply", "--yes", "--reset-drift"]).exits(0);
    project.is_settled();
}

#[test]
fn many_deletes_are_blocked_until_their_number_is_said() {
    let (server, project) = applied();
    let learning = project.read("schemas/learning.avdl");
    let without: Vec<&str> = learning
        .lines()
        .filter(|line| !line.contains("_monitor(") && !line.contains("\"id\": ") && *line != "  ])")
        .collect();
    project.write("schemas/learning.avdl", &without.join("\n"));
    let mark = server.mark();
    project.run(&["plan"]).exits(5).says(&["7 deletes of 18", "--allow-deletes 7"]);
    project.run(&["apply", "--yes"]).exits(5).complains(&[
        "7 deletes of 18",
        "38.9%",
        "10%",
        "--allow-deletes 7",
    ]);
    project
        .run(&["apply", "--yes", "--allow-deletes", "20"])
        .exits(5)
        .complains(&["--allow-deletes says 20", "deletes 7"]);
    assert_eq!(server.writes_since(mark), [""; 0]);
    project.run(&["apply", "--yes", "--allow-deletes", "7"]).exits(0);
    assert_eq!(server.monitors().len(), 11);
    project.is_settled();
}
