//! Real plans of every sort, held to `docs/plan.schema.json`.

use bellwether::plan::{Action, Options, Plan};
use serde_json::{Value, json};

use super::project::World;
use super::{page, rows, section};

fn schema() -> Value {
    serde_json::from_str(&page("plan.schema.json")).unwrap()
}

fn errors(schema: &Value, plan: &Value) -> Vec<String> {
    let validator = jsonschema::draft202012::options().should_validate_formats(true).build(schema).unwrap();
    validator.iter_errors(plan).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Checks a plan against the schema, and that it can be read back.
fn check(plan: &Plan) -> Value {
    let value = serde_json::to_value(plan).unwrap();
    assert_eq!(errors(&schema(), &value), Vec::<String>::new(), "{value:#}");
    let read = Plan::from_json(&value.to_string()).unwrap();
    assert_eq!((read.digest.as_str(), read.summary), (plan.digest.as_str(), plan.summary));
    value
}

fn actions(plan: &Plan) -> Vec<Action> {
    plan.changes.iter().map(|change| change.action).collect()
}

fn shop(body: &str) -> String {
    format!("@namespace(\"com.example\")\nprotocol Shop {{\n{body}\n}}\n")
}

const AGENT: &str = "\"query\": \"\\\"datadog.agent.up\\\".over(\\\"service:cart\\\").by(\\\"host\\\").last(2).count_by_status()\"";

#[tokio::test]
async fn every_sort_of_plan_fits_the_schema() {
    let world = World::new().await;
    let first = shop(&format!(
        r#"@alert_channel("cart-alerts")
           @traffic_anomaly_monitor({{}})
           @error_rate_monitor({{}})
           @traffic_absence_monitor({{"priority": 2}})
           @composite_monitor({{"when": "traffic_anomaly_monitor && !error_rate_monitor"}})
           @datadog_monitor({{"type": "service check", "name": "Agent", {AGENT}}})
           record CartEvent {{ string @aggregate_metric({{}}) cartId; }}
           @log_monitor({{"search": "service:cart", "above": 10}})
           record OldEvent {{ string id; }}"#
    ));
    let plan = world.plan(&first, Options::default()).await;
    let value = check(&plan);
    assert_eq!(actions(&plan), [Action::Create; 6]);
    assert_eq!(plan.deferred.len(), 1);
    assert!(value["changes"].as_array().unwrap().iter().any(|c| c["depends_on"] != json!([])));
    assert!(plan.diagnostics.iter().any(|d| d.code == "BW0410"), "OldEvent notifies nobody");
    world.apply(&first, Options::default()).await;

    // A change, a rename by alias, a replacement, a delete, an adoption, a metric that is known by now, drift, something
    // deleted in Datadog, and a clone.
    world.point("cart_event.cart_id.top_rate").await;
    world
        .create(json!({
            "type": "query alert", "name": "Traffic Threshold of NewEvent", "message": "",
            "query": "sum(last_5m):sum:a{*}.as_count() < 1", "tags": ["esm-prod"],
        }))
        .await;
    world.edit("Serialization Errors", |body| drop(body.insert("priority".to_owned(), json!(1)))).await;
    world.edit("Composite", |body| drop(body.insert("message".to_owned(), json!("@slack-other")))).await;
    world.delete("Traffic Absence").await;
    let mut clone = world.live("Traffic Anomaly").await.document();
    clone.retain(|key, _| matches!(key.as_str(), "type" | "query" | "message" | "tags"));
    clone.insert("name".to_owned(), json!("Copy of the anomaly monitor"));
    world.create(Value::Object(clone)).await;
    let second = shop(
        r#"@alert_channel("cart-alerts")
           @traffic_anomaly_monitor({"deviations": 5})
           @error_rate_monitor({})
           @traffic_absence_monitor({"priority": 2})
           @composite_monitor({"when": "traffic_anomaly_monitor && !error_rate_monitor", "note": "look"})
           @datadog_monitor({"type": "event-v2 alert", "name": "Agent", "query": "events(\"a\").rollup(\"count\").last(\"5m\") > 1", "options": {"thresholds": {"critical": 1}}})
           record CartEvent { string @aggregate_metric({}) cartId; }
           @traffic_threshold_monitor({"below": 10})
           record NewEvent { string id; }
           @aliases(["com.example.OldEvent"])
           @log_monitor({"search": "service:cart", "above": 10})
           record RenamedEvent { string id; }"#,
    );
    let plan = world.plan(&second, Options::default()).await;
    let value = check(&plan);
    for action in [Action::Create, Action::Update, Action::Rename, Action::Adopt, Action::Replace] {
        assert!(actions(&plan).contains(&action), "{action:?} in {value:#}");
    }
    assert!(!plan.drift.is_empty(), "{value:#}");
    assert_eq!(plan.deferred, []);
    assert!(plan.blocked.iter().any(|blocked| blocked.guard == "conflict"), "{value:#}");
    assert!(plan.diagnostics.iter().any(|d| d.code == "BW0501"), "the clone");
    assert!(plan.changes.iter().any(bellwether::plan::Change::is_recreated));

    let test = |address: &str| address.ends_with("/error_rate_monitor");
    let only = Some(("**/error_rate_monitor", &test as &(dyn Fn(&str) -> bool + Sync)));
    let plan = world.plan(&second, Options { only, reset_drift: true, ..Options::default() }).await;
    check(&plan);
    assert_eq!(plan.only.as_deref(), Some("**/error_rate_monitor"));
    assert_eq!((actions(&plan), plan.drift.len()), (vec![Action::Update], 0));

    // Everything of the first schema goes, the metric's configuration too.
    let plan = world
        .plan(&shop("@traffic_anomaly_monitor({}) record Other { string id; }"), Options::default())
        .await;
    check(&plan);
    assert!(actions(&plan).contains(&Action::Delete));
    assert!(plan.blocked.iter().any(|blocked| blocked.guard == "max_deletes"));
}

#[tokio::test]
async fn a_plan_that_somebody_elses_monitor_blocks_fits_the_schema() {
    let world = World::new().await;
    let text = shop("@alert_channel(\"a\") @traffic_anomaly_monitor({}) record CartEvent { string id; }");
    let tags = ["bellwether:com.example.CartEvent/traffic_anomaly_monitor"];
    let query = "avg(last_5m):avg:a.b{*} > 1";
    world
        .create(json!({"type": "query alert", "name": "Theirs", "message": "", "query": query, "tags": tags}))
        .await;
    let plan = world.plan(&text, Options::default()).await;
    check(&plan);
    assert_eq!(plan.blocked.iter().map(|blocked| blocked.guard.as_str()).collect::<Vec<_>>(), ["claimed"]);
    assert!(plan.organisation.is_some(), "the other monitor tells it");
}

#[test]
fn every_guard_of_the_schema_is_explained() {
    let guards = schema()["properties"]["blocked"]["items"]["properties"]["guard"]["enum"].clone();
    let known: std::collections::BTreeSet<String> = serde_json::from_value(guards).unwrap();
    let text = page("lifecycle.md");
    let explained: std::collections::BTreeSet<String> = rows(section(&text, "## Guards"))
        .iter()
        .flat_map(|row| row[0].split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert_eq!(explained, known);
}

#[tokio::test]
async fn what_the_schema_does_not_name_is_an_error() {
    let world = World::new().await;
    let text = shop("@alert_channel(\"a\") @traffic_anomaly_monitor({}) record CartEvent { string id; }");
    let plan = serde_json::to_value(world.plan(&text, Options::default()).await).unwrap();
    for place in ["", "/summary", "/api_calls", "/budget", "/changes/0", "/changes/0/source"] {
        let mut other = plan.clone();
        let object = other.pointer_mut(place).unwrap().as_object_mut().unwrap();
        object.insert("unheard_of".to_owned(), json!(1));
        assert!(!errors(&schema(), &other).is_empty(), "{place}");
    }
    for (place, wrong) in [
        ("/format_version", json!(2)),
        ("/changes/0/action", json!("add")),
        ("/changes/0/address", json!("no address")),
        ("/digest", json!("")),
        ("/created_at", json!("yesterday")),
    ] {
        let mut other = plan.clone();
        *other.pointer_mut(place).unwrap() = wrong;
        assert!(!errors(&schema(), &other).is_empty(), "{place}");
    }
}

#[test]
fn the_page_explains_every_part_of_a_plan() {
    let text = page("plan-format.md");
    let table = text.split("\n## ").next().unwrap();
    let explained: std::collections::BTreeSet<String> =
        rows(table).iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    let schema = schema();
    let known = schema["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(explained, known);
    assert_eq!(schema["properties"]["format_version"]["const"], json!(bellwether::plan::FORMAT_VERSION));
}
