//! What the server makes of what it is sent.

use serde_json::{Value, json};

use crate::client::{Client, logs, monitor};

async fn options(client: &Client, body: Value) -> Value {
    client.create(&body).await["options"].clone()
}

#[tokio::test]
async fn texts_are_trimmed_outside_only() {
    let client = Client::new().await;
    let made = client
        .create(&monitor(json!({
            "name": " a  b\n", "message": "\n m \t", "query": " avg(last_5m):sum:a.b{ x:y , z:w } > 2\n",
            "options": {"escalation_message": "\n e \n"},
        })))
        .await;
    assert_eq!(made["name"], "a  b");
    assert_eq!(made["message"], "m");
    assert_eq!(made["query"], "avg(last_5m):sum:a.b{ x:y , z:w } > 2");
    assert_eq!(made["options"]["escalation_message"], "e");
}

#[tokio::test]
async fn thresholds_are_floats_without_nulls() {
    let client = Client::new().await;
    let made =
        options(&client, monitor(json!({"options": {"thresholds": {"critical": 2, "warning": null}}}))).await;
    assert_eq!(made["thresholds"].to_string(), r#"{"critical":2.0}"#);
    let made =
        options(&client, monitor(json!({"name": "2", "options": {"thresholds": {"critical": "2"}}}))).await;
    assert_eq!(made["thresholds"].to_string(), r#"{"critical":2.0}"#);
    for (name, empty) in [("3", json!({})), ("4", json!({"critical": null})), ("5", Value::Null)] {
        let made = options(&client, monitor(json!({"name": name, "options": {"thresholds": empty}}))).await;
        assert!(made.get("thresholds").is_none(), "{made}");
    }
    let query = r#""a.check".over("x:y").by("*").last(4).count_by_status()"#;
    let check = monitor(
        json!({"type": "service check", "query": query, "options": {"thresholds": {"critical": 3, "ok": 1}}}),
    );
    assert_eq!(options(&client, check).await["thresholds"].to_string(), r#"{"critical":3,"ok":1}"#);
}

#[tokio::test]
async fn defaults_are_injected_by_type() {
    let client = Client::new().await;
    let common = json!({"notify_no_data": false, "notify_audit": false, "new_host_delay": 300, "include_tags": true, "silenced": {}});
    assert_eq!(options(&client, monitor(json!({}))).await, common);
    let mut log = common.clone();
    log["groupby_simple_monitor"] = json!(false);
    assert_eq!(options(&client, logs(json!({}))).await, log);
    let mut sent = common.clone();
    sent["new_host_delay"] = Value::Null;
    sent["include_tags"] = json!(false);
    let body = monitor(json!({"name": "2", "options": {"new_host_delay": null, "include_tags": false}}));
    assert_eq!(options(&client, body).await, sent);
    let made =
        options(&client, monitor(json!({"name": "3", "options": {"on_missing_data": "default"}}))).await;
    assert!(made.get("notify_no_data").is_none(), "{made}");
    assert_eq!(made["on_missing_data"], "default");
}

#[tokio::test]
async fn missing_data_options_follow_their_rules() {
    let client = Client::new().await;
    let schedule = json!({"custom_schedule": {"recurrences": [{"rrule": "FREQ=DAILY", "timezone": "UTC"}]}});
    for (value, kept) in [("default", None), ("show_no_data", Some("show_no_data"))] {
        let body = monitor(
            json!({"name": value, "options": {"on_missing_data": value, "scheduling_options": schedule}}),
        );
        assert_eq!(options(&client, body).await.get("on_missing_data").and_then(Value::as_str), kept);
    }
    let body = monitor(json!({"options": {"no_data_timeframe": 10, "notify_no_data": false}}));
    assert!(options(&client, body).await.get("no_data_timeframe").is_none());
    let body = monitor(json!({"name": "b", "options": {"no_data_timeframe": null, "notify_no_data": false}}));
    assert_eq!(options(&client, body).await.get("no_data_timeframe"), Some(&Value::Null));
    let body = monitor(json!({"name": "c", "options": {"no_data_timeframe": 10, "notify_no_data": true}}));
    assert_eq!(options(&client, body).await["no_data_timeframe"], 10);
}

#[tokio::test]
async fn everything_else_in_options_is_echoed() {
    let client = Client::new().await;
    let sent = json!({
        "renotify_interval": null, "renotify_statuses": ["no data", "alert"], "timeout_h": 24,
        "threshold_windows": {"trigger_window": "last_15m", "recovery_window": "last_15m"},
        "variables": [{"any": {"thing": [1, 2.5]}}], "unknown_to_all": "kept",
        "thresholds": {"critical": 2, "comparison": ">", "period": {"x": 1}},
    });
    let made = options(&client, monitor(json!({"options": sent}))).await;
    for (key, value) in sent.as_object().unwrap().iter().filter(|(key, _)| *key != "thresholds") {
        assert_eq!(&made[key], value, "{key}");
    }
    assert_eq!(made["thresholds"]["comparison"], ">");
}

#[tokio::test]
async fn top_level_fields_are_normalised() {
    let client = Client::new().await;
    let made = client
        .create(&monitor(json!({
            "tags": ["B:x", "a", "B:x"], "priority": 0, "classification": "metric", "id": 5, "org_id": 7,
        })))
        .await;
    assert_eq!(made["tags"], json!(["B:x", "a"]));
    assert_eq!(made["priority"], Value::Null);
    assert!(made.get("classification").is_none());
    assert_ne!(made["id"], 5);
    assert_eq!(made["draft_status"], "published");
    assert_eq!(made["multi"], true);
    assert_eq!(made["created_at"], 1_786_460_473_000_i64);
    assert_eq!(made["created"], "2026-08-11T15:01:13.000000+00:00");
    for key in ["restricted_roles", "restriction_policy", "deleted", "overall_state_modified"] {
        assert_eq!(made.get(key), Some(&Value::Null), "{key}");
    }
    let unnamed =
        client.create(&monitor(json!({"name": null, "query": "avg(last_5m):sum:a.b{*} > 3"}))).await;
    assert_eq!(unnamed["name"], "`avg(last_5m):sum:a.b{*} > 3`");
}

#[tokio::test]
async fn the_two_metric_types_swap_as_recorded() {
    let client = Client::new().await;
    let variables = json!([{"name": "query1", "data_source": "aggregate_filtered_query"}]);
    let formula = r#"formula("query1").rollup("sum").last("5m") > 2"#;
    for (sent, query, options, got) in [
        ("metric alert", "avg(current_1mo):avg:a{*} > 2", json!({}), "query alert"),
        ("metric alert", "avg(last_5m):avg:a{*} > 2", json!({}), "metric alert"),
        ("query alert", "avg(last_5m):avg:b{*} > 2", json!({}), "query alert"),
        ("query alert", formula, json!({"variables": variables}), "metric alert"),
    ] {
        let made = client.create(&monitor(json!({"type": sent, "query": query, "options": options}))).await;
        assert_eq!(made["type"], got, "{query}");
        // The other name is accepted in an update, whichever the server chose.
        let other = if got == "metric alert" { "query alert" } else { "metric alert" };
        client.ok("PUT", &format!("/api/v1/monitor/{}", made["id"]), &json!({"type": other})).await;
    }
}

#[tokio::test]
async fn replies_to_writes_reads_and_lists_differ() {
    let client = Client::new().await;
    let asset = json!({"category": "runbook", "name": "r", "url": "/x"});
    let made = client.create(&monitor(json!({"assets": [asset]}))).await;
    let path = format!("/api/v1/monitor/{}", made["id"]);
    let mut enriched = json!({
        "category": "runbook", "name": "r", "url": "/x", "template_variables": {}, "options": {},
        "resource_key": null, "resource_type": null,
    });
    let read = client.get(&format!("{path}?with_assets=true")).await;
    assert_eq!(read["assets"], json!([enriched]));
    enriched["monitor_id"] = made["id"].clone();
    assert_eq!(made["assets"], json!([enriched]));

    client.pass(5);
    let updated = client.ok("PUT", &path, &json!({"message": "other"})).await;
    assert_eq!(updated["assets"], made["assets"]);
    assert!(updated.get("creator").is_none() && made["creator"]["handle"].is_string());
    assert_eq!(updated["created"], made["created"]);
    assert_eq!(updated["modified"], "2026-08-11T15:01:18.000000+00:00");

    let read = client.get(&path).await;
    for key in ["assets", "restriction_policy", "matching_downtimes"] {
        assert!(read.get(key).is_none(), "{key}");
    }
    assert!(read["creator"].is_object());
    let read = client
        .get(&format!("{path}?with_downtimes=true&with_restriction_policy=true&with_restricted_roles=false&group_states=all"))
        .await;
    assert_eq!(read["matching_downtimes"], json!([]));
    assert_eq!(read["state"], json!({"groups": {}}));
    assert!(read.get("restricted_roles").is_none() && read.get("restriction_policy").is_some());

    let listed = client.get("/api/v1/monitor").await[0].clone();
    assert_eq!(listed["assets"], json!([]));
    assert_eq!(listed["matching_downtimes"], json!([]));
    assert!(listed.get("restriction_policy").is_none() && listed["creator"].is_object());
    let listed = client.get("/api/v1/monitor?with_downtimes=false&group_states=alert,warn").await[0].clone();
    assert!(listed.get("matching_downtimes").is_none() && listed["state"].is_object());
}

#[tokio::test]
async fn an_update_is_partial_but_for_options() {
    let client = Client::new().await;
    let made = client
        .create(&logs(json!({
            "tags": ["a:b"], "priority": 3, "draft_status": "draft", "restricted_roles": ["r"],
            "options": {"enable_logs_sample": true, "thresholds": {"critical": 2, "warning": 1}, "new_host_delay": 0},
        })))
        .await;
    let path = format!("/api/v1/monitor/{}", made["id"]);
    let updated = client.ok("PUT", &path, &json!({"name": "other"})).await;
    for key in ["tags", "priority", "draft_status", "restricted_roles", "options", "query", "message", "type"]
    {
        assert_eq!(updated[key], made[key], "{key}");
    }
    let updated = client.ok("PUT", &path, &json!({"options": {"thresholds": {"critical": 2}}})).await;
    let defaults = json!({
        "thresholds": {"critical": 2.0}, "notify_no_data": false, "notify_audit": false, "new_host_delay": 300,
        "include_tags": true, "groupby_simple_monitor": false, "silenced": {},
    });
    assert_eq!(updated["options"], defaults);
    let cleared =
        json!({"tags": [], "priority": null, "restricted_roles": null, "assets": null, "draft_status": null});
    let updated = client.ok("PUT", &path, &cleared).await;
    assert_eq!(updated["tags"], json!([]));
    assert_eq!((&updated["priority"], &updated["restricted_roles"]), (&Value::Null, &Value::Null));
    assert_eq!(updated["draft_status"], "published");
}

#[tokio::test]
async fn mutes_and_downtimes_show_and_end() {
    let client = Client::new().await;
    let made = client.create(&monitor(json!({"tags": ["team:a"]}))).await;
    let path = format!("/api/v1/monitor/{}", made["id"]);
    let end = crate::client::NOW + 60;
    client.ok("POST", &format!("{path}/mute"), &json!({"scope": "host:a", "end": end})).await;
    client.ok("POST", &format!("{path}/mute"), &Value::Object(serde_json::Map::new())).await;
    // An update of the options does not end a mute.
    let updated = client.ok("PUT", &path, &json!({"options": {"thresholds": {"critical": 2}}})).await;
    assert_eq!(updated["options"]["silenced"], json!({"*": null, "host:a": end}));
    client.pass(61);
    assert_eq!(client.get("/api/v1/monitor").await[0]["options"]["silenced"], json!({"*": null}));
    let unmuted = client.ok("POST", &format!("{path}/unmute"), &json!({"scope": "*"})).await;
    assert_eq!(unmuted["options"]["silenced"], json!({}));

    let downtime = json!({"scope": ["env:prod"], "monitor_tags": ["team:a"], "end": end + 600});
    let begun = client.ok("POST", "/api/v1/downtime", &downtime).await;
    let listed = client.get("/api/v1/monitor").await[0].clone();
    assert_eq!(listed["options"]["silenced"], json!({"env:prod": end + 600}));
    assert_eq!(listed["matching_downtimes"][0]["id"], begun["id"]);
    client.pass(3600);
    let listed = client.get("/api/v1/monitor").await[0].clone();
    assert_eq!((&listed["options"]["silenced"], &listed["matching_downtimes"]), (&json!({}), &json!([])));
}
