//! Records that are renamed or move, and what else happened to their monitors meanwhile.

use serde_json::{Value, json};

use super::support::{Project, Server, actions, drifted};

const KIND: &str = "traffic_threshold_monitor";

fn protocol(records: &[String]) -> String {
    format!("@namespace(\"a\") @alert_channel(\"a\") protocol P {{ {} }}", records.concat())
}

/// A record with a monitor, and the names that it had.
fn record(name: &str, former: &[&str]) -> String {
    format!("@aliases({former:?}) @{KIND}({{\"above\": 10, \"warning\": 5}}) record {name} {{}} ")
}

fn applied(records: &[String]) -> (Server, Project) {
    let server = Server::new();
    let project = Project::of(&protocol(records), server.url());
    project.apply();
    (server, project)
}

fn rewrite(project: &Project, records: &[String]) {
    project.write("schemas/events.avdl", &protocol(records));
}

fn at(name: &str) -> String {
    format!("a.{name}/{KIND}")
}

fn copied(server: &Server, id: u64) -> u64 {
    let live = server.monitor(id);
    let mut body = json!({"name": "Copy of it"});
    for key in ["type", "query", "message", "tags", "options"] {
        body[key] = live[key].clone();
    }
    server.create(&body)
}

#[test]
fn a_copy_is_left_alone_when_the_record_is_renamed() {
    for snapshot_lost in [false, true] {
        let (server, project) = applied(&[record("Old", &[])]);
        let id = server.id_at(&at("Old"));
        let copy = copied(&server, id);
        let before = server.monitor(copy);
        rewrite(&project, &[record("New", &["Old"])]);
        project.run(&["apply", "--yes"]).exits(0);
        assert_eq!(server.id_at(&at("New")), id);
        if snapshot_lost {
            project.lose_snapshot();
        }
        project.run(&["apply", "--yes"]).exits(0).complains(&["BW0501", &copy.to_string(), &at("Old")]);
        assert_eq!(server.monitor(copy), before);
    }
}

#[test]
fn the_monitor_of_a_record_that_another_takes_in_is_no_copy() {
    for snapshot_lost in [false, true] {
        let (_server, project) = applied(&[record("Old", &[]), record("New", &[])]);
        rewrite(&project, &[record("New", &["Old"])]);
        if snapshot_lost {
            project.lose_snapshot();
        }
        assert_eq!(actions(&project.plan()), [format!("delete {}", at("Old"))]);
    }
}

#[test]
fn an_edit_outlives_a_rename_that_is_picked_by_its_former_name() {
    let (server, project) = applied(&[record("Old", &[])]);
    let id = server.id_at(&at("Old"));
    server.edit(id, |body| body["options"]["thresholds"]["warning"] = json!(7));
    let renamed = record("New", &["Old"]);
    rewrite(&project, std::slice::from_ref(&renamed));
    let only = at("Old");
    let held = [format!("{} options.thresholds.warning", at("New"))];
    assert_eq!(drifted(&project.json(&["plan", "--only", &only])), held);
    project.run(&["apply", "--yes", "--only", &only]).exits(0);
    rewrite(&project, &[renamed.replace("\"above\": 10", "\"above\": 20")]);
    assert_eq!(drifted(&project.plan()), held);
    project.apply();
    assert_eq!(server.monitor(id)["options"]["thresholds"], json!({"critical": 20.0, "warning": 7.0}));
}

#[test]
fn monitors_of_one_name_and_query_move_with_their_ids_one_by_one() {
    let ids = ["one", "two", "three", "four", "five"];
    let raw = |namespace: &str, message: &str| {
        let monitor = |id: &&str| json!({"id": id, "type": "query alert", "name": "Same", "query": "avg(last_5m):avg:a{*} > 1", "message": format!("{message} @slack-{id}")});
        let monitors: Vec<Value> = ids.iter().map(monitor).collect();
        json!({"type": "record", "name": format!("{namespace}.R"), "fields": [], "datadog_monitor": monitors})
            .to_string()
    };
    for message in ["as it was", "another"] {
        let server = Server::new();
        let project = Project::of("", server.url());
        std::fs::remove_file(project.path("schemas/events.avdl")).unwrap();
        project.write("schemas/raw.avsc", &raw("a", "as it was"));
        project.apply();
        let live =
            |namespace: &str| ids.map(|id| server.id_at(&format!("{namespace}.R/datadog_monitor:{id}")));
        let before = live("a");
        project.write("schemas/raw.avsc", &raw("b", message));
        project.apply();
        assert_eq!(live("b"), before);
    }
}

#[test]
fn a_monitor_without_owner_tag_gets_no_twin_under_the_new_name_though_the_snapshot_is_lost() {
    let (server, project) = applied(&[record("Old", &[])]);
    let id = server.id_at(&at("Old"));
    server.edit(id, |body| body["tags"].as_array_mut().unwrap().retain(|tag| tag != "esm-sandbox"));
    project.lose_snapshot();
    rewrite(&project, &[record("New", &["Old"])]);
    let claim = format!("#{id} carries the address {}", at("Old"));
    project.run(&["apply", "--yes"]).exits(5).complains(&[&claim]);
    assert_eq!(server.monitors().len(), 1);
}

#[test]
fn a_deleted_monitor_is_drift_although_its_record_has_a_new_name() {
    let (server, project) = applied(&[record("Old", &[]), record("Other", &[])]);
    let id = server.id_at(&at("Old"));
    server.delete(id);
    rewrite(&project, &[record("New", &["Old"]), record("Other", &[])]);
    project.run(&["drift"]).exits(2).says(&[&at("New"), "deleted   in Datadog"]);
    let again = format!("deleted in Datadog (#{id}): created again, with a new id");
    project.run(&["plan"]).exits(0).says(&[&again]);
    project.apply();
    project.run(&["drift"]).exits(0);
    project.is_settled();
}

#[test]
fn a_composite_is_renamed_after_its_operands_whichever_former_name_it_had() {
    for former in ["First", "Second"] {
        let kinds = "@traffic_threshold_monitor({\"above\": 10}) @error_rate_monitor({}) @composite_monitor({\"when\": \"traffic_threshold_monitor && error_rate_monitor\"})";
        let (server, project) = applied(&[format!("{kinds} record {former} {{}}")]);
        let id = server.id_at(&format!("a.{former}/composite_monitor"));
        rewrite(&project, &[format!("@aliases([\"Second\", \"First\"]) {kinds} record New {{}}")]);
        project.run(&["apply", "--yes", "--only", "a.New/error_rate_monitor"]).exits(0);
        project.lose_snapshot();
        project.apply();
        assert_eq!(server.id_at("a.New/composite_monitor"), id);
        project.is_settled();
    }
}

#[test]
fn a_replaced_monitor_tells_the_name_that_it_had() {
    let raw = |name: &str, kind: &str, query: &str| {
        let monitor = json!({"type": kind, "name": "Raw", "query": query, "message": "@slack-a"});
        json!({"type": "record", "name": name, "aliases": ["a.Old"], "fields": [], "datadog_monitor": monitor}).to_string()
    };
    let server = Server::new();
    let project = Project::of("", server.url());
    std::fs::remove_file(project.path("schemas/events.avdl")).unwrap();
    project.write("schemas/raw.avsc", &raw("a.Old", "query alert", "avg(last_5m):avg:a{*} > 1"));
    project.apply();
    let log = "logs(\"x\").index(\"*\").rollup(\"count\").last(\"5m\") > 1";
    project.write("schemas/raw.avsc", &raw("a.New", "log alert", log));
    project.run(&["plan"]).exits(0).says(&["± a.New/datadog_monitor", "    was       a.Old/datadog_monitor"]);
    project.apply();
    assert_eq!(server.monitors().len(), 1);
    project.is_settled();
}

#[test]
fn a_monitor_that_moved_elsewhere_is_not_told_as_deleted() {
    let (server, project) = applied(&[record("Old", &[])]);
    let elsewhere = Project::of(&protocol(&[record("New", &["Old"])]), server.url());
    elsewhere.apply();
    // A record of the old name comes anew; this machine still knows the monitor under it.
    rewrite(&project, &[record("New", &["Old"]), record("Old", &[])]);
    project.run(&["drift"]).exits(0);
    project.run(&["plan"]).exits(0).says(&["new coverage"]);
}
