//! An address that somebody else's monitor carries gets no second monitor, which would page people twice.

use serde_json::{Value, json};

use super::double::{Answer, Double};
use super::support::{Project, Server, actions};

const ADDRESS: &str = "a.R/traffic_threshold_monitor";
const SCHEMA: &str = "@namespace(\"a\") protocol P { @alert_channel(\"a\") @traffic_threshold_monitor({\"below\": 1}) record R {} }";

/// A monitor that carries the address, made by somebody else.
fn claim(server: &Server, tags: &[&str]) -> u64 {
    let tags: Vec<String> =
        tags.iter().map(|tag| (*tag).to_owned()).chain([format!("bellwether:{ADDRESS}")]).collect();
    server.create(
        &json!({"type": "query alert", "name": "Theirs", "query": "avg(last_5m):avg:c.d{*} > 1", "tags": tags}),
    )
}

#[test]
fn an_address_that_a_foreign_monitor_carries_is_not_made_again() {
    let server = Server::new();
    let project = Project::of(SCHEMA, server.url());
    let id = claim(&server, &["team:others"]);
    let told = format!("#{id} carries the address {ADDRESS}");
    let mark = server.mark();
    project.run(&["plan"]).exits(5).says(&[&told, "`esm-sandbox`"]);
    project.run(&["apply", "--yes"]).exits(5).complains(&[&told, "Nothing was written", "`bellwether:` tag"]);
    assert_eq!(server.writes_since(mark), [""; 0]);
    let blocked = &project.plan()["blocked"];
    assert_eq!((&blocked[0]["guard"], &blocked[0]["address"]), (&json!("claimed"), &json!(ADDRESS)));
}

#[test]
fn a_claim_ends_when_the_tag_is_taken_off() {
    let server = Server::new();
    let project = Project::of(SCHEMA, server.url());
    let id = claim(&server, &[]);
    project.run(&["apply", "--yes"]).exits(5);
    server.edit(id, |body| body["tags"] = json!([]));
    project.apply();
    assert_eq!(server.monitors().len(), 2);
    project.is_settled();
}

#[test]
fn a_claimed_monitor_is_gone_on_with_when_it_is_given_the_owner_tag() {
    let server = Server::new();
    let project = Project::of(SCHEMA, server.url());
    let id = claim(&server, &[]);
    project.run(&["apply", "--yes"]).exits(5);
    server.edit(id, |body| body["tags"].as_array_mut().unwrap().push("esm-sandbox".into()));
    project.run(&["apply", "--yes", "--reset-drift"]).exits(0);
    assert_eq!(server.id_at(ADDRESS), id);
    assert_eq!(server.monitors().len(), 1);
}

#[test]
fn a_saved_plan_is_held_back_by_a_claim_that_came_later() {
    let server = Server::new();
    let project = Project::of(SCHEMA, server.url());
    project.run(&["plan", "--out", "p.json"]).exits(0);
    claim(&server, &[]);
    let mark = server.mark();
    project.run(&["apply", "p.json"]).exits(5).complains(&[ADDRESS]);
    assert_eq!(server.writes_since(mark), [""; 0]);
}

#[test]
fn another_environment_of_the_project_may_have_the_same_address() {
    let server = Server::new();
    let project = Project::of(SCHEMA, server.url());
    let toml = project.read("bellwether.toml");
    let other = format!("[environments.other]\napi_url = \"{}\"\ntag = \"esm-other\"\n", server.url());
    project.write("bellwether.toml", &format!("{toml}{other}"));
    claim(&server, &["esm-other"]);
    project.apply();
    assert_eq!(server.monitors().len(), 2);
}

#[test]
fn a_monitor_of_ours_that_the_filtered_list_lacks_gets_no_twin() {
    let server = Server::new();
    let double = Double::before(&server, |_| Answer::Pass);
    let project = Project::of(SCHEMA, double.url());
    project.apply();
    // Without the snapshot, nobody here knows that it was made.
    project.lose_snapshot();
    double.instead(|asked| match asked.path.contains("monitor_tags=") {
        true => Answer::changed(|list| *list = Value::Array(Vec::new())),
        false => Answer::Pass,
    });
    let mark = server.mark();
    assert_eq!(actions(&project.plan()), [""; 0]);
    project.run(&["apply", "--yes"]).exits(0);
    assert_eq!(server.writes_since(mark), [""; 0]);
    assert_eq!(server.monitors().len(), 1);
}

#[test]
fn the_organisation_is_not_listed_where_nothing_is_made() {
    let server = Server::new();
    let project = Project::of(SCHEMA, server.url());
    project.apply();
    let mark = server.mark();
    project.run(&["plan"]).exits(0);
    assert_eq!(server.since(mark), ["GET /api/v1/monitor"]);
}
