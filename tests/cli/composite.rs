//! Monitors that are made of others, and monitors that move.

use super::support::{Project, Server, actions, changes};

const RECORD: &str = "com.example.shop.CoursePurchasedEvent";

fn operand(kind: &str) -> String {
    format!("{RECORD}/{kind}")
}

/// The query that the composite should have.
fn query(server: &Server) -> String {
    let id = |kind| server.id_at(&operand(kind));
    format!("{} && {}", id("traffic_anomaly_monitor"), id("error_rate_monitor"))
}

fn applied() -> (Server, Project) {
    let server = Server::new();
    let project = Project::storefront_at(server.url());
    project.apply();
    (server, project)
}

#[test]
fn a_composite_is_created_after_its_operands_with_their_ids() {
    let (server, project) = applied();
    let live = server.at(&operand("composite_monitor"));
    assert_eq!(live["query"], query(&server));
    for kind in ["traffic_anomaly_monitor", "error_rate_monitor"] {
        assert!(server.id_at(&operand(kind)) < live["id"].as_u64().unwrap());
    }
    project.is_settled();
}

#[test]
fn an_operand_that_is_made_again_is_put_into_its_composite() {
    for snapshot_lost in [false, true] {
        let (server, project) = applied();
        let composite = server.id_at(&operand("composite_monitor"));
        server.delete(server.id_at(&operand("error_rate_monitor")));
        if snapshot_lost {
            project.lose_snapshot();
        }
        assert_eq!(
            actions(&project.plan()),
            [
                format!("create {}", operand("error_rate_monitor")),
                format!("update {}", operand("composite_monitor"))
            ]
        );
        project.apply();
        let live = server.at(&operand("composite_monitor"));
        assert_eq!((live["id"].as_u64(), live["query"].as_str()), (Some(composite), Some(&*query(&server))));
        project.is_settled();
    }
}

#[test]
fn an_operand_that_goes_is_taken_out_of_the_composite_first() {
    let (server, project) = applied();
    project.edit("schemas/cart.avdl", "  @error_rate_monitor({\"above\": 0.02, \"warning\": 0.01})\n", "");
    project.edit(
        "schemas/cart.avdl",
        "traffic_anomaly_monitor && error_rate_monitor",
        "traffic_anomaly_monitor",
    );
    let mark = server.mark();
    project.apply();
    let writes = server.writes_since(mark);
    assert!(writes[0].starts_with("PUT ") && writes[1].starts_with("DELETE "), "{writes:?}");
    project.is_settled();
}

#[test]
fn a_composite_and_its_operands_go_together() {
    let (server, project) = applied();
    let text = project.read("schemas/cart.avdl");
    let start = text.find("  @alert_channel([\"cart-alerts\", \"@pagerduty").unwrap();
    let end = text.find("  record CoursePurchasedEvent").unwrap();
    project.write("schemas/cart.avdl", &format!("{}{}", &text[..start], &text[end..]));
    let mark = server.mark();
    project.apply();
    assert_eq!(server.writes_since(mark).len(), 3);
    assert_eq!(server.monitors().len(), 15);
    project.is_settled();
}

#[test]
fn an_edited_composite_is_drift() {
    let (server, project) = applied();
    let composite = server.id_at(&operand("composite_monitor"));
    server.edit(composite, |body| {
        body["query"] = body["query"].as_str().unwrap().replace("&&", "||").into();
    });
    project.run(&["drift"]).exits(2).says(&["composite_monitor", "schemas/cart.avdl:35"]);
    assert_eq!(actions(&project.plan()), [""; 0]);
    project.run(&["apply", "--yes", "--reset-drift"]).exits(0);
    assert_eq!(server.monitor(composite)["query"], query(&server));
}

/// A composite with this `when` is refused at its place.
fn is_refused(when: &str, told: &[&str]) {
    let project = Project::storefront();
    project.edit("schemas/cart.avdl", "traffic_anomaly_monitor && error_rate_monitor", when);
    project.run(&["plan"]).exits(1).complains(&["schemas/cart.avdl:3"]).complains(told);
}

#[test]
fn a_composite_of_an_unknown_monitor_is_refused() {
    is_refused(
        "traffic_anomaly_monitor && eror_rate_monitor",
        &["error[BW0402]", "eror_rate_monitor", "help"],
    );
    is_refused(
        "traffic_anomaly_monitor && com.example.Gone/log_monitor",
        &["error[BW0402]", "com.example.Gone/log_monitor"],
    );
}

#[test]
fn a_composite_of_itself_is_refused() {
    is_refused("traffic_anomaly_monitor && composite_monitor", &["error[BW040", "composite"]);
}

#[test]
fn composites_in_a_circle_are_refused() {
    let server = Server::new();
    let schema = r#"@namespace("n") protocol P {
  @alert_channel("a") @composite_monitor({"when": "n.B/composite_monitor", "name": "a"}) record A { string x; }
  @alert_channel("a") @composite_monitor({"when": "n.A/composite_monitor", "name": "b"}) record B { string x; }
}"#;
    Project::of(schema, server.url())
        .run(&["plan"])
        .exits(1)
        .complains(&["error[BW040", "schemas/events.avdl:"]);
}

#[test]
fn a_composite_of_a_composite_is_refused() {
    let server = Server::new();
    let schema = r#"@namespace("n") protocol P {
  @alert_channel("a") @traffic_anomaly_monitor({}) @composite_monitor({"when": "traffic_anomaly_monitor", "name": "a"}) record A { string x; }
  @alert_channel("a") @composite_monitor({"when": "n.A/composite_monitor", "name": "b"}) record B { string x; }
}"#;
    Project::of(schema, server.url())
        .run(&["plan"])
        .exits(1)
        .complains(&["error[BW0404]", "schemas/events.avdl:3:"]);
}

#[test]
fn records_that_move_to_another_namespace_keep_their_monitors() {
    for snapshot_lost in [false, true] {
        let (server, project) = applied();
        let kinds = [
            "AddToCartEvent/traffic_anomaly_monitor",
            "CoursePurchasedEvent/error_rate_monitor",
            "CoursePurchasedEvent/composite_monitor",
        ];
        let ids =
            |namespace: &str| kinds.map(|kind| server.id_at(&format!("com.example.{namespace}.{kind}")));
        let before = ids("shop");
        project.edit(
            "schemas/cart.avdl",
            "@namespace(\"com.example.shop\")",
            "@namespace(\"com.example.store\")",
        );
        if snapshot_lost {
            project.lose_snapshot();
        }
        let plan = project.plan();
        assert_eq!(plan["summary"]["rename"], 6, "{:?}", actions(&plan));
        assert_eq!(actions(&plan).len(), 6);
        project.apply();
        assert_eq!(ids("store"), before);
        project.is_settled();
    }
}

#[test]
fn a_type_that_datadog_cannot_change_is_replaced() {
    let (server, project) = applied();
    let address = "com.example.platform.DeliveryHeartbeatEvent/datadog_monitor";
    let before = server.id_at(address);
    let text = project.read("schemas/platform.avpr");
    let start = text.find("\"type\": \"service check\"").unwrap();
    let end = text.find("\"message\": \"{{").unwrap();
    let other = "\"type\": \"query alert\", \"name\": \"Agent of the event pipeline\", \"query\": \"avg(last_5m):avg:a.b{*} > 3\", ";
    project.write(
        "schemas/platform.avpr",
        &format!("{}{other}{}", &text[..start], &text[end..])
            .replace("{\"critical\": 3, \"warning\": 2, \"ok\": 1}", "{\"critical\": 3}"),
    );
    let plan = project.plan();
    assert_eq!(actions(&plan), [format!("replace {address}")]);
    project.run(&["plan"]).exits(0).says(&["±", "NEW ID", "1 to replace"]);
    project.apply();
    assert_ne!(server.id_at(address), before);
    assert_eq!(server.monitors().len(), 18);
    project.is_settled();
}

#[test]
fn a_changed_composite_is_an_update_even_when_the_snapshot_is_lost() {
    for snapshot_lost in [false, true] {
        let (server, project) = applied();
        let composite = server.id_at(&operand("composite_monitor"));
        project.edit(
            "schemas/cart.avdl",
            "traffic_anomaly_monitor && error_rate_monitor",
            "traffic_anomaly_monitor || error_rate_monitor",
        );
        if snapshot_lost {
            project.lose_snapshot();
        }
        let plan = project.plan();
        assert_eq!(
            changes(&plan),
            [(operand("composite_monitor"), "update".into(), vec!["query".into(), "message".into()])]
        );
        assert_eq!(plan["changes"][0]["fields"][0]["changed_by"], "schema");
        project.apply();
        assert_eq!(server.monitor(composite)["query"], query(&server).replace("&&", "||"));
        project.is_settled();
    }
}
