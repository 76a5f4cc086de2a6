//! No monitor is lost, doubled or taken from somebody: replaces, lost tags, copies and metrics of others.

use serde_json::{Value, json};

use super::support::{Project, Server, actions, drifted};

const CERTIFICATE: &str = "com.example.learning.CertificateIssuedEvent/traffic_absence_monitor";
const RAW: &str = "com.example.platform.DeliveryHeartbeatEvent/datadog_monitor";
const OWNER: &str = "esm-sandbox";

/// The example, applied.
fn applied() -> (Server, Project) {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.apply();
    (server, project)
}

/// Two raw monitors and a composite of them.
fn composite_of_raw(server: &Server, operand_type: &str, operand_query: &str) -> Project {
    let project = Project::of("", server.url());
    write_raw(
        &project,
        operand_type,
        operand_query,
        Some("${a.R/datadog_monitor:one} && ${a.R/datadog_monitor:two}"),
    );
    project
}

fn write_raw(project: &Project, operand_type: &str, operand_query: &str, composite: Option<&str>) {
    let mut monitors = vec![
        json!({"id": "one", "type": operand_type, "name": "One", "query": operand_query, "message": "@slack-a"}),
        json!({"id": "two", "type": "query alert", "name": "Two", "query": "avg(last_5m):avg:b{*} > 2", "message": "@slack-a"}),
    ];
    if let Some(query) = composite {
        monitors.push(
            json!({"id": "both", "type": "composite", "name": "Both", "query": query, "message": "@slack-a"}),
        );
    }
    let schema = json!({"type": "record", "name": "a.R", "fields": [], "datadog_monitor": monitors});
    for old in ["schemas/events.avdl", "schemas/raw.avsc"] {
        let _ = std::fs::remove_file(project.path(old));
    }
    project.write("schemas/raw.avsc", &schema.to_string());
}

/// Gives the raw monitor of the example a type that Datadog cannot change it to.
fn with_another_type(project: &Project) -> String {
    let replaced = project
        .read("schemas/platform.avpr")
        .replace("service check", "query alert")
        .replace("\\\"datadog.agent.up\\\".over(\\\"service:event-pipeline\\\").by(\\\"host\\\").last(4).count_by_status()", "avg(last_5m):avg:a.b{*} > 3")
        .replace("{\"critical\": 3, \"warning\": 2, \"ok\": 1}", "{\"critical\": 3}");
    project.write("schemas/platform.avpr", &replaced);
    replaced
}

fn without_tag(server: &Server, id: u64, gone: impl Fn(&str) -> bool) {
    server.edit(id, |body| {
        body["tags"].as_array_mut().unwrap().retain(|tag| !gone(tag.as_str().unwrap()));
    });
}

#[test]
fn a_replaced_monitor_is_one_monitor_and_goes_with_its_annotation() {
    let (server, project) = applied();
    let replaced = with_another_type(&project);
    assert_eq!(actions(&project.plan()), [format!("replace {RAW}")]);
    project.apply();
    assert_eq!(server.monitors().len(), 18);
    project
        .write("schemas/platform.avpr", &replaced.replace("\"datadog_monitor\"", "\"no_monitor_any_more\""));
    assert_eq!(actions(&project.plan()), [format!("delete {RAW}")]);
    project.apply();
    assert_eq!(server.monitors().len(), 17);
    project.is_settled();
}

#[test]
fn an_operand_is_not_replaced_under_a_composite() {
    let server = Server::new();
    let query = "avg(last_5m):avg:a{*} > 1";
    let project = composite_of_raw(&server, "query alert", query);
    project.apply();
    let log = "logs(\"x\").index(\"*\").rollup(\"count\").last(\"5m\") > 1";
    write_raw(&project, "log alert", log, Some("${a.R/datadog_monitor:one} && ${a.R/datadog_monitor:two}"));
    let mark = server.mark();
    project.run(&["apply", "--yes"]).exits(5).complains(&["a.R/datadog_monitor:one", "cannot be deleted"]);
    assert_eq!(server.writes_since(mark), [""; 0]);
    // In two steps it can be: first the composite lets go.
    write_raw(&project, "query alert", query, None);
    project.apply();
    write_raw(&project, "log alert", log, Some("${a.R/datadog_monitor:one} && ${a.R/datadog_monitor:two}"));
    project.apply();
    assert_eq!(server.monitors().len(), 3);
    project.is_settled();
}

#[test]
fn a_monitor_without_owner_tag_gets_no_twin_under_its_records_new_name() {
    let (server, project) = applied();
    let id = server.id_at(CERTIFICATE);
    without_tag(&server, id, |tag| tag == OWNER);
    project.edit(
        "schemas/learning.avdl",
        "record CertificateIssuedEvent",
        "@aliases([\"CertificateIssuedEvent\"]) record CertificateGrantedEvent",
    );
    project.run(&["apply", "--yes"]).exits(0).complains(&["BW0503"]);
    assert_eq!(server.monitors().len(), 18);
}

#[test]
fn a_saved_plan_made_offline_makes_no_twin_of_a_monitor_without_owner_tag() {
    let (server, project) = applied();
    let id = server.id_at(CERTIFICATE);
    without_tag(&server, id, |tag| tag == OWNER);
    project.run(&["plan"]).exits(0);
    project.edit("schemas/learning.avdl", "\"window\": \"6h\"", "\"window\": \"3h\"");
    project.run(&["plan", "--offline", "--out", "offline.json"]).exits(0);
    project.run(&["apply", "offline.json"]).exits(3);
    assert_eq!(server.monitors().len(), 18);
}

#[test]
fn an_operand_without_owner_tag_is_still_the_operand() {
    let (server, project) = applied();
    let id = server.id_at("com.example.shop.CoursePurchasedEvent/error_rate_monitor");
    without_tag(&server, id, |tag| tag == OWNER);
    let plan = project.plan();
    assert_eq!(actions(&plan), [""; 0]);
    assert_eq!(drifted(&plan), ["com.example.shop.CoursePurchasedEvent/error_rate_monitor tags.owner"]);
}

#[test]
fn a_known_monitor_is_not_taken_by_another_of_the_same_name() {
    let server = Server::new();
    let record = |monitors: &str| {
        format!("@alert_channel(\"a\") @traffic_threshold_monitor({monitors}) record R {{}}")
    };
    let schema = |monitors: &str| format!("@namespace(\"a\") protocol P {{ {} }}", record(monitors));
    let b = "{\"id\": \"b\", \"name\": \"Same\", \"above\": 2}";
    let project = Project::of(&schema(&format!("[{b}]")), server.url());
    project.apply();
    let id = server.id_at("a.R/traffic_threshold_monitor:b");
    without_tag(&server, id, |tag| tag.starts_with("bellwether:"));
    let a = "{\"id\": \"a\", \"name\": \"Same\", \"above\": 1}";
    project.write("schemas/events.avdl", &schema(&format!("[{a}, {b}]")));
    let plan = project.plan();
    assert_eq!(
        actions(&plan),
        ["create a.R/traffic_threshold_monitor:a", "adopt a.R/traffic_threshold_monitor:b"]
    );
    project.apply();
    assert_eq!(server.id_at("a.R/traffic_threshold_monitor:b"), id);
}

#[test]
fn a_monitor_without_address_tag_and_of_another_type_is_replaced_and_not_left_over() {
    let (server, project) = applied();
    without_tag(&server, server.id_at(RAW), |tag| tag.starts_with("bellwether:"));
    with_another_type(&project);
    assert_eq!(actions(&project.plan()), [format!("replace {RAW}")]);
    project.apply();
    assert_eq!(server.monitors().len(), 18);
    project.is_settled();
}

const METRIC: &str = "experiment_exposure_event.experiment_id.top_rate";

fn describe(server: &Server, description: &str) {
    server.report(METRIC);
    let body = json!({"description": description, "type": "gauge"});
    server.call("PUT", &format!("/api/v1/metrics/{METRIC}"), &body);
}

#[test]
fn a_metric_of_somebody_else_is_not_taken_over() {
    let (server, project) = applied();
    describe(&server, "ours alone. At most 9223372036854775808 series an hour. bellwether:a/b@c for x");
    let mark = server.mark();
    project.run(&["apply", "--yes"]).exits(5).complains(&[METRIC, "not by bellwether"]);
    assert_eq!(server.writes_since(mark), [""; 0]);
    // What the guard is about is not part of this apply.
    project.run(&["apply", "--yes", "--only", "*AddToCart*"]).exits(0);
}

#[test]
fn two_environments_of_one_organisation_share_a_metric_without_a_fight() {
    let (server, project) = applied();
    server.report(METRIC);
    project.apply();
    let toml = project.read("bellwether.toml");
    let other = format!(
        "[environments.two]\napi_url = \"{}\"\ntag = \"esm-two\"\n[environments.two.defaults.aggregate_metric]\ntop = 20\n",
        server.url()
    );
    project.write("bellwether.toml", &format!("{toml}\n{other}"));
    let field = "*experimentId/aggregate_metric";
    project.run(&["--env", "two", "plan", "--only", field, "--detailed-exitcode"]).exits(0);
    project.is_settled();
}

#[test]
fn a_saved_plan_does_not_take_over_a_metric_that_was_configured_since() {
    let (server, project) = applied();
    server.report(METRIC);
    project.run(&["plan", "--out", "plan.json"]).exits(0);
    describe(&server, "somebody else's");
    let mark = server.mark();
    project.run(&["apply", "plan.json"]).exits(3);
    assert_eq!(server.writes_since(mark), [""; 0]);
    let live: Value = server.call("GET", &format!("/api/v1/metrics/{METRIC}"), &Value::Null);
    assert_eq!(live["description"], "somebody else's");
}

#[test]
fn a_tag_that_is_no_address_hides_none() {
    let (server, project) = applied();
    let id = server.id_at(RAW);
    server.edit(id, |body| body["tags"].as_array_mut().unwrap().insert(0, "bellwether:adopted".into()));
    project.is_settled();
    project.lose_snapshot();
    project.edit("schemas/platform.avpr", "Agent of the event pipeline", "The pipeline's agent");
    assert_eq!(actions(&project.plan()), [format!("update {RAW}")]);
}

#[test]
fn blanks_around_a_name_do_not_keep_a_monitor_from_being_adopted() {
    let server = Server::new();
    let monitor = |name: &str| json!({"type": "query alert", "name": name, "query": "avg(last_5m):avg:a{*} > 1", "message": "@slack-a", "tags": [OWNER]});
    let mut theirs = monitor("Padded");
    theirs["query"] = "avg(last_5m):avg:a{*} > 2".into();
    let id = server.create(&theirs);
    let project = Project::of("", server.url());
    let schema =
        json!({"type": "record", "name": "a.R", "fields": [], "datadog_monitor": monitor(" Padded\n")});
    std::fs::remove_file(project.path("schemas/events.avdl")).unwrap();
    project.write("schemas/raw.avsc", &schema.to_string());
    project.apply();
    assert_eq!(server.monitors().len(), 1);
    assert_eq!(server.id_at("a.R/datadog_monitor"), id);
    project.is_settled();
}
