//! The rows of the tables of `docs/lifecycle.md`, each played once against the sandbox.

use bellwether::diff::ChangedBy;
use bellwether::model::Document;
use bellwether::plan::{Action, Options, Plan};
use serde_json::{Value, json};

use super::project::World;

const MONITOR: &str = "Traffic Threshold";

fn schema(parameters: &str) -> String {
    format!(
        "@namespace(\"com.example\")\nprotocol Shop {{\n  @alert_channel(\"cart-alerts\")\n  @traffic_threshold_monitor({parameters})\n  record CartEvent {{ string id; }}\n}}\n"
    )
}

/// A world in which the monitor was applied once.
async fn applied() -> (World, String) {
    let world = World::new().await;
    let first = schema("{\"below\": 200}");
    world.apply(&first, Options::default()).await;
    (world, first)
}

fn prioritise(body: &mut Document) {
    body.insert("priority".to_owned(), json!(1));
}

/// The actions of a plan, who changed which field, drift, and guards.
fn seen(plan: &Plan) -> String {
    let fields = |fields: &[bellwether::plan::FieldChange]| {
        let words = fields.iter().map(|field| match field.changed_by {
            ChangedBy::Schema => format!("{}=schema", field.path),
            ChangedBy::Datadog => format!("{}=datadog", field.path),
            ChangedBy::Both => format!("{}=both", field.path),
        });
        words.collect::<Vec<_>>().join(",")
    };
    let changes = plan.changes.iter().map(|change| format!("{:?} {}", change.action, fields(&change.fields)));
    let drift = plan.drift.iter().map(|drift| format!("drift {}", fields(&drift.fields)));
    let blocked = plan.blocked.iter().map(|blocked| format!("blocked {}", blocked.guard));
    changes.chain(drift).chain(blocked).collect::<Vec<_>>().join("; ").trim().to_owned()
}

const RESET: Options<'_> =
    Options { reset_drift: true, allow_deletes: None, report_drift: false, only: None };

#[tokio::test]
async fn what_is_in_sync_has_no_plan() {
    let (mut world, first) = applied().await;
    assert_eq!(seen(&world.plan(&first, Options::default()).await), "");
    world.lose_state();
    assert_eq!(seen(&world.plan(&first, Options::default()).await), "");
}

#[tokio::test]
async fn a_change_of_the_schemas_is_theirs_with_and_without_the_state() {
    let (mut world, _) = applied().await;
    let second = schema("{\"below\": 200, \"priority\": 2}");
    assert_eq!(seen(&world.plan(&second, Options::default()).await), "Update priority=schema");
    world.lose_state();
    assert_eq!(seen(&world.plan(&second, Options::default()).await), "Update priority=schema");
    world.apply(&second, Options::default()).await;
    assert_eq!(seen(&world.plan(&second, Options::default()).await), "");
}

#[tokio::test]
async fn an_edit_in_datadog_is_drift_and_held_with_and_without_the_state() {
    let (mut world, first) = applied().await;
    world.edit(MONITOR, prioritise).await;
    assert_eq!(seen(&world.plan(&first, Options::default()).await), "drift priority=datadog");
    world.lose_state();
    assert_eq!(seen(&world.plan(&first, Options::default()).await), "drift priority=datadog");
    assert_eq!(seen(&world.plan(&first, RESET).await), "Update priority=datadog");
    world.apply(&first, RESET).await;
    assert_eq!(seen(&world.plan(&first, Options::default()).await), "");
}

#[tokio::test]
async fn changes_of_different_fields_on_both_sides_go_their_own_ways() {
    let (mut world, _) = applied().await;
    world.edit(MONITOR, prioritise).await;
    let second = schema("{\"below\": 200, \"renotify_interval\": 60}");
    let expected = "Update options.renotify_interval=schema; drift priority=datadog";
    assert_eq!(seen(&world.plan(&second, Options::default()).await), expected);
    world.apply(&second, Options::default()).await;
    let live = world.live(MONITOR).await.document();
    assert_eq!((&live["priority"], &live["options"]["renotify_interval"]), (&json!(1), &json!(60)));
    assert_eq!(seen(&world.plan(&second, Options::default()).await), "drift priority=datadog");
    // Without the state nobody can tell the two apart.
    world.lose_state();
    let third = schema("{\"below\": 200, \"renotify_interval\": 30}");
    let expected = "Update options.renotify_interval=both,priority=both; blocked conflict";
    assert_eq!(seen(&world.plan(&third, Options::default()).await), expected);
}

#[tokio::test]
async fn the_same_change_on_both_sides_only_takes_the_rev_tag() {
    let (world, _) = applied().await;
    world.edit(MONITOR, prioritise).await;
    let second = schema("{\"below\": 200, \"priority\": 1}");
    let plan = world.plan(&second, Options::default()).await;
    assert_eq!(seen(&plan), "Update tags.bellwether_rev=schema");
    world.apply(&second, Options::default()).await;
}

#[tokio::test]
async fn different_changes_of_one_field_block_until_it_is_decided() {
    let (world, _) = applied().await;
    world.edit(MONITOR, prioritise).await;
    let second = schema("{\"below\": 200, \"priority\": 3}");
    let plan = world.plan(&second, Options::default()).await;
    assert_eq!(seen(&plan), "Update priority=both; blocked conflict");
    let plan = world.plan(&second, RESET).await;
    assert_eq!(seen(&plan), "Update priority=both");
    world.apply(&second, RESET).await;
    assert_eq!(world.live(MONITOR).await.document()["priority"], json!(3));
}

#[tokio::test]
async fn what_was_deleted_in_datadog_is_made_again() {
    let (world, first) = applied().await;
    world.delete(MONITOR).await;
    let plan = world.plan(&first, Options::default()).await;
    assert_eq!(seen(&plan), "Create");
    assert!(plan.changes[0].is_recreated());
    world.apply(&first, Options::default()).await;
}

#[tokio::test]
async fn a_monitor_without_its_address_tag_is_adopted_and_keeps_its_id() {
    let (world, first) = applied().await;
    let id = world.live(MONITOR).await.id;
    let strip = |body: &mut Document| {
        if let Some(Value::Array(tags)) = body.get_mut("tags") {
            tags.retain(|tag| !tag.as_str().unwrap().starts_with("bellwether"));
        }
    };
    world.edit(MONITOR, strip).await;
    let plan = world.plan(&first, Options::default()).await;
    assert_eq!(plan.changes[0].action, Action::Adopt);
    world.apply(&first, Options::default()).await;
    assert_eq!(world.live(MONITOR).await.id, id);
}

#[tokio::test]
async fn what_others_set_is_no_difference_and_is_kept() {
    let (world, first) = applied().await;
    let add = |body: &mut Document| {
        body["tags"].as_array_mut().unwrap().push(json!("team:x"));
        body["options"].as_object_mut().unwrap().insert("timeout_h".to_owned(), json!(4));
    };
    world.edit(MONITOR, add).await;
    assert_eq!(seen(&world.plan(&first, Options::default()).await), "");
    world.apply(&schema("{\"below\": 100}"), Options::default()).await;
    let live = world.live(MONITOR).await;
    assert!(live.tags.contains(&"team:x".to_owned()));
    assert_eq!(live.document()["options"]["timeout_h"], json!(4));
}
