//! Every field in every wrong form: the answer is an acceptance or a refusal, never a failure.

use serde_json::{Value, json};

use crate::client::{Client, logs, monitor};

fn forms() -> Vec<Value> {
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(1e308),
        json!(""),
        json!("\u{0}é\"'({["),
        json!([]),
        json!([null]),
        json!([["x"], {"a": []}]),
        json!({}),
        json!({"": {"a": null}}),
        json!({"critical": {"x": 1}, "evaluation_window": 3, "custom_schedule": null, "*": "x"}),
    ]
}

/// Puts `form` at each path of `body`, one at a time.
fn spoilt(body: &Value, form: &Value) -> Vec<Value> {
    let mut paths = vec![String::new()];
    let mut at = 0;
    while let Some(path) = paths.get(at).cloned() {
        match body.pointer(&path) {
            Some(Value::Object(map)) => paths.extend(map.keys().map(|key| format!("{path}/{key}"))),
            Some(Value::Array(list)) => paths.extend((0..list.len()).map(|item| format!("{path}/{item}"))),
            _ => {}
        }
        at += 1;
    }
    paths
        .iter()
        .map(|path| {
            let mut body = body.clone();
            *body.pointer_mut(path).unwrap() = form.clone();
            body
        })
        .collect()
}

async fn attack(client: &Client, method: &str, path: &str, body: &Value) {
    for form in forms() {
        for body in spoilt(body, &form) {
            let (status, reply) = client.send(method, path, &body).await;
            assert!(
                matches!(status, 200..=202 | 400 | 404 | 409),
                "{method} {path} {body}: {status} {reply}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_field_of_a_monitor_breaks_the_server() {
    let client = Client::new().await;
    let options = json!({
        "thresholds": {"critical": 2, "warning": 1, "ok": null}, "escalation_message": "e", "notify_by": ["host"],
        "scheduling_options": {"custom_schedule": {"recurrences": [{"rrule": "x"}]}}, "on_missing_data": "default",
        "variables": [{"name": "a", "data_source": "x"}], "silenced": {"*": 5}, "renotify_statuses": ["alert"],
        "notify_no_data": true, "no_data_timeframe": 5, "timeout_h": 1,
    });
    let asset = json!({"category": "runbook", "name": "x", "url": "y", "resource_type": "notebook"});
    let full = monitor(json!({
        "tags": ["a"], "priority": 1, "assets": [asset], "restricted_roles": ["r"], "draft_status": "draft",
        "options": options,
    }));
    let made = client.create(&logs(json!({"name": "stored"}))).await;
    attack(&client, "POST", "/api/v1/monitor", &full).await;
    attack(&client, "PUT", &format!("/api/v1/monitor/{}", made["id"]), &full).await;
    attack(&client, "POST", &format!("/api/v1/monitor/{}/validate", made["id"]), &full).await;
    attack(
        &client,
        "POST",
        &format!("/api/v1/monitor/{}/mute", made["id"]),
        &json!({"scope": "*", "end": 5}),
    )
    .await;
    let downtime = json!({"scope": ["*"], "monitor_tags": ["a"], "monitor_id": 1, "start": 1, "end": 2});
    attack(&client, "POST", "/api/v1/downtime", &downtime).await;
    client.get("/api/v1/monitor").await;
    client.get("/api/v1/monitor/search").await;
    client.get("/api/v1/monitor/groups/search").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_field_of_a_metric_breaks_the_server() {
    let client = Client::new().await;
    let series = json!({"series": [{"metric": "a", "type": 1, "points": [{"timestamp": 1, "value": 1}],
        "tags": ["a:b"], "resources": [{"type": "host", "name": "h"}], "host": "h"}]});
    client.ok("POST", "/api/v2/series", &series).await;
    for path in ["/api/v1/series", "/api/v2/series", "/api/v1/distribution_points"] {
        attack(&client, "POST", path, &series).await;
    }
    let config = json!({"data": {"type": "manage_tags", "id": "a", "attributes": {
        "metric_type": "gauge", "tags": ["a", "b"], "exclude_tags_mode": false}}});
    attack(&client, "POST", "/api/v2/metrics/a/tags", &config).await;
    attack(&client, "PATCH", "/api/v2/metrics/a/tags", &config).await;
    attack(
        &client,
        "PUT",
        "/api/v1/metrics/a",
        &json!({"unit": "byte", "type": "gauge", "statsd_interval": 1}),
    )
    .await;
    let event = json!({"title": "t", "text": "x", "tags": ["a"], "date_happened": crate::client::NOW});
    attack(&client, "POST", "/api/v1/events", &event).await;
    client.get("/api/v2/metrics").await;
}
