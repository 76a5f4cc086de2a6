//! What the server refuses, in its words where they are known.

use serde_json::{Value, json};

use crate::client::{Client, logs, monitor};

const MONITOR: &str = "/api/v1/monitor";

#[tokio::test]
async fn monitors_are_unique_by_name_query_and_message() {
    let client = Client::new().await;
    let first = client.create(&monitor(json!({}))).await;
    let words = format!("Duplicate of an existing monitor_id:{} org_id:{}", first["id"], first["org_id"]);
    let again = monitor(json!({"name": " n ", "tags": ["other"], "options": {"timeout_h": 1}}));
    assert_eq!(client.refused("POST", MONITOR, &again).await, words);
    assert_eq!(client.refused("POST", "/api/v1/monitor/validate", &again).await, words);
    let second = client.create(&monitor(json!({"name": "other"}))).await;
    let path = format!("{MONITOR}/{}", second["id"]);
    assert_eq!(client.refused("PUT", &path, &json!({"name": "n"})).await, words);
    assert_eq!(client.refused("POST", &format!("{path}/validate"), &again).await, words);
    // Not with itself; and a freed name can be taken.
    let own = format!("{MONITOR}/{}", first["id"]);
    client.ok("PUT", &own, &monitor(json!({}))).await;
    client.ok("POST", &format!("{own}/validate"), &monitor(json!({}))).await;
    client.ok("PUT", &own, &json!({"name": "moved"})).await;
    client.ok("PUT", &path, &json!({"name": "n"})).await;
}

#[tokio::test]
async fn thresholds_and_the_query_agree() {
    let client = Client::new().await;
    let with = |query: &str, thresholds: Value| {
        monitor(json!({"query": query, "options": {"thresholds": thresholds}}))
    };
    for (query, thresholds, words) in [
        (
            "avg(last_5m):sum:a{*} > 200",
            json!({"critical": 90}),
            "Alert threshold (90.0) does not match that used in the query (200.0).",
        ),
        (
            "avg(last_5m):sum:a{*} > 20",
            json!({"critical": 20, "warning": 50}),
            "Warning threshold (50.0) must be less than the alert threshold (20.0) with > comparison.",
        ),
        (
            "avg(last_5m):sum:a{*} <= -20",
            json!({"critical": -20, "warning": -30}),
            "Warning threshold (-30.0) must be greater than the alert threshold (-20.0) with <= comparison.",
        ),
        ("avg(last_5m):sum:a{*} > 20", json!({"warning": 10}), "Alert status is required."),
        ("avg(last_5m):sum:a{*} > 20", json!({"critical": "high"}), "Non-numeric threshold value."),
        ("avg(last_5m):sum:a{*} > 20", json!({"critical": [20]}), "Non-numeric threshold value."),
    ] {
        assert_eq!(client.refused("POST", MONITOR, &with(query, thresholds)).await, words);
    }
    for (query, thresholds) in [
        ("avg(last_5m):sum:a{*} > 2e2", json!({"critical": 200})),
        ("avg(last_5m):sum:a{*} < -0.5", json!({"critical": -0.5, "warning": 0})),
        ("avg(last_5m):sum:a{*} > 3", json!({})),
    ] {
        client.create(&with(query, thresholds)).await;
    }
    // The query alone may not move away from the stored threshold.
    let made = client.create(&with("avg(last_5m):sum:b{*} > 2", json!({"critical": 2}))).await;
    let path = format!("{MONITOR}/{}", made["id"]);
    let words = client.refused("PUT", &path, &json!({"query": "avg(last_5m):sum:b{*} > 3"})).await;
    assert!(words.starts_with("Alert threshold (2.0) does not match"), "{words}");
}

#[tokio::test]
async fn types_and_queries_are_checked() {
    let client = Client::new().await;
    for (changes, words) in [
        (json!({"type": null}), "The parameter 'type' is required"),
        (
            json!({"type": "magic alert"}),
            "The value provided for parameter 'type' is invalid: unknown monitor type: magic alert",
        ),
        (json!({"query": null}), "The parameter 'query' is required"),
        (json!({"query": " "}), "The parameter 'query' is required"),
        (
            json!({"query": "query"}),
            "The value provided for parameter 'query' is invalid: invalid operator specified: ",
        ),
        (
            json!({"query": "avg(last_5m):sum:a{*} => 2"}),
            "The value provided for parameter 'query' is invalid: invalid operator specified: =>",
        ),
    ] {
        assert_eq!(client.refused("POST", MONITOR, &monitor(changes.clone())).await, words);
        assert_eq!(client.refused("POST", "/api/v1/monitor/validate", &monitor(changes)).await, words);
    }
    let made = client.create(&monitor(json!({}))).await;
    let path = format!("{MONITOR}/{}", made["id"]);
    assert_eq!(
        client.refused("PUT", &path, &json!({"type": "log alert"})).await,
        "Monitor type change not allowed"
    );
}

#[tokio::test]
async fn fields_of_the_wrong_form_are_refused() {
    let client = Client::new().await;
    let many: Vec<String> = (0..81).map(|tag| format!("t{tag}")).collect();
    for changes in [
        json!({"tags": many}),
        json!({"tags": ["x".repeat(201)]}),
        json!({"tags": [1]}),
        json!({"tags": "a"}),
        json!({"name": 1}),
        json!({"message": []}),
        json!({"priority": 6}),
        json!({"priority": "high"}),
        json!({"restricted_roles": []}),
        json!({"draft_status": "done"}),
        json!({"assets": [{"name": "x"}]}),
        json!({"options": []}),
        json!({"options": {"timeout_h": 25}}),
        json!({"options": {"notify_audit": "yes"}}),
        json!({"options": {"on_missing_data": "ignore"}}),
        json!({"options": {"renotify_statuses": ["ok"]}}),
        json!({"options": {"thresholds": 5}}),
        json!({"options": {"notify_by": ["nowhere"]}}),
        json!({"options": {"scheduling_options": {"custom_schedule": {}}}}),
        json!({"query": "avg(last_5m):sum:a{*} > 2", "options": {"notify_by": ["*"]}}),
    ] {
        client.refused("POST", MONITOR, &monitor(changes)).await;
    }
    let words = client.refused("POST", MONITOR, &logs(json!({"options": {"no_data_timeframe": 10}}))).await;
    assert_eq!(words, "The no_data_timeframe option is not allowed for log alert monitors");
    client.create(&monitor(json!({"options": {"notify_by": ["host"]}}))).await;
    client.create(&logs(json!({"options": {"notify_by": ["*"]}}))).await;
    assert_eq!(client.get(MONITOR).await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn service_checks_need_enough_runs() {
    let client = Client::new().await;
    let query = r#""a".over("*").by("*").last(2).count_by_status()"#;
    let body =
        monitor(json!({"type": "service check", "query": query, "options": {"thresholds": {"critical": 3}}}));
    assert_eq!(
        client.refused("POST", MONITOR, &body).await,
        "Last field should be larger than or equal to max threshold defined in monitor options"
    );
}

#[tokio::test]
async fn composites_hold_their_monitors() {
    let client = Client::new().await;
    let (a, b) = (client.create(&monitor(json!({}))).await, client.create(&logs(json!({}))).await);
    let composite = |query: String| monitor(json!({"type": "composite", "query": query, "name": "both"}));
    let query = format!("{} && !{}", a["id"], b["id"]);
    let both = client.create(&composite(query.clone())).await;
    let invalid = "Some monitor IDs are invalid";
    for bad in [format!("{} && 1", a["id"]), format!("{} || {}", a["id"], both["id"])] {
        assert_eq!(client.refused("POST", MONITOR, &composite(bad.clone())).await, invalid);
        assert_eq!(client.refused("POST", "/api/v1/monitor/validate", &composite(bad)).await, invalid);
    }
    let path = format!("{MONITOR}/{}", a["id"]);
    let words = client.refused("DELETE", &path, &Value::Null).await;
    let referenced =
        format!("monitor [{},n] is referenced in composite monitors: [{},both]", a["id"], both["id"]);
    assert_eq!(words, referenced);
    let ids = format!("/api/v1/monitor/can_delete?monitor_ids={},{}", a["id"], both["id"]);
    let (status, body) = Client::finish(client.request("GET", &ids)).await;
    assert_eq!(status, 409);
    assert_eq!(body["data"]["ok"], json!([both["id"]]));
    assert_eq!(body["errors"][a["id"].to_string()], json!([referenced]));

    client.ok("DELETE", &format!("{path}?force=true"), &Value::Null).await;
    let path = format!("{MONITOR}/{}", both["id"]);
    assert_eq!(client.get(&path).await["query"], query, "a forced delete leaves the reference");
    client.ok("PUT", &path, &json!({"name": "still"})).await;
    assert_eq!(client.refused("PUT", &path, &json!({"query": query})).await, invalid);
    client.ok("DELETE", &path, &Value::Null).await;
    client.ok("DELETE", &format!("{MONITOR}/{}", b["id"]), &Value::Null).await;
}

#[tokio::test]
async fn what_is_gone_is_not_found() {
    let client = Client::new().await;
    let made = client.create(&monitor(json!({}))).await;
    let path = format!("{MONITOR}/{}", made["id"]);
    assert_eq!(client.ok("DELETE", &path, &Value::Null).await, json!({"deleted_monitor_id": made["id"]}));
    for (method, path) in [
        ("GET", path.clone()),
        ("PUT", path.clone()),
        ("DELETE", path.clone()),
        ("POST", format!("{path}/validate")),
        ("POST", format!("{path}/mute")),
        ("GET", format!("{MONITOR}/none")),
    ] {
        let (status, body) = client.send(method, &path, &json!({})).await;
        assert_eq!((status, body), (404, json!({"errors": ["Monitor not found"]})), "{method} {path}");
    }
    let next = client.create(&monitor(json!({}))).await;
    assert!(next["id"].as_u64() > made["id"].as_u64(), "ids are not used twice");
}
