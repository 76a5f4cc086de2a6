//! Metrics: what exists, metadata, tag configurations, lists and counts.

use serde_json::{Value, json};

use crate::client::Client;

async fn report(client: &Client, name: &str, tags: &[&str]) {
    let body = json!({"series": [{"metric": name, "type": 1, "points": [{"timestamp": 1, "value": 1}], "tags": tags}]});
    assert_eq!(client.send("POST", "/api/v2/series", &body).await, (202, json!({"errors": []})));
}

fn config(name: &str, attributes: Value) -> Value {
    json!({"data": {"type": "manage_tags", "id": name, "attributes": attributes}})
}

#[tokio::test]
async fn metadata_needs_a_metric() {
    let client = Client::new().await;
    let unknown = (404, json!({"errors": ["metric_name not found"]}));
    assert_eq!(client.send("PUT", "/api/v1/metrics/a.b", &json!({"unit": "byte"})).await, unknown);
    assert_eq!(client.send("GET", "/api/v1/metrics/a.b", &Value::Null).await, unknown);
    report(&client, "a.b", &[]).await;
    let empty = json!({
        "description": null, "short_name": null, "unit": null, "per_unit": null, "type": "count",
        "statsd_interval": null, "integration": null,
    });
    assert_eq!(client.get("/api/v1/metrics/a.b").await, empty);
    let sent =
        json!({"description": "d", "statsd_interval": 1, "type": "gauge", "integration": "no", "name": "no"});
    let shown = client.ok("PUT", "/api/v1/metrics/a.b", &sent).await;
    assert_eq!(shown, client.get("/api/v1/metrics/a.b").await);
    assert_eq!(
        (&shown["type"], &shown["integration"], shown.get("name")),
        (&json!("gauge"), &Value::Null, None)
    );
    for bad in [json!({"type": "distribution"}), json!({"unit": 1}), json!({"statsd_interval": "1"})] {
        client.refused("PUT", "/api/v1/metrics/a.b", &bad).await;
    }
}

#[tokio::test]
async fn tag_configurations_have_a_life() {
    let client = Client::new().await;
    let path = "/api/v2/metrics/a.b/tags";
    let body = config("a.b", json!({"metric_type": "gauge", "tags": ["app", "dc", "host"]}));
    let absent = (404, json!({"errors": ["a.b not found"]}));
    assert_eq!(
        client.refused("POST", path, &body).await,
        "Cannot configure tags on a metric that does not exist."
    );
    report(&client, "a.b", &["app:a"]).await;
    assert_eq!(client.send("GET", path, &Value::Null).await, absent);
    let patch = config("a.b", json!({"tags": ["app"]}));
    assert_eq!(client.send("PATCH", path, &patch).await, absent);
    let (status, made) = client.send("POST", path, &body).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(made["data"]["attributes"]["exclude_tags_mode"], false);
    assert_eq!(made["data"]["attributes"]["aggregations"], json!([{"time": "sum", "space": "sum"}]));
    let words = "New gauge/count/rate conflicts with existing tag configuration, use PATCH to update";
    assert_eq!(client.send("POST", path, &body).await, (409, json!({"errors": [words]})));

    // The order differs between reads; the set does not.
    let mut orders = std::collections::BTreeSet::new();
    for _ in 0..6 {
        let tags = client.get(path).await["data"]["attributes"]["tags"].clone();
        let mut sorted: Vec<_> = tags.as_array().unwrap().iter().map(Value::to_string).collect();
        sorted.sort();
        assert_eq!(sorted.concat(), r#""app""dc""host""#);
        orders.insert(tags.to_string());
    }
    assert!(orders.len() > 1);

    client.pass(5);
    let patched = client.ok("PATCH", path, &patch).await["data"]["attributes"].clone();
    assert_eq!((&patched["tags"], &patched["metric_type"]), (&json!(["app"]), &json!("gauge")));
    assert_ne!(patched["created_at"], patched["modified_at"]);
    for bad in [
        config("a.b", json!({"metric_type": "count", "tags": []})),
        config("a.b", json!({"exclude_tags_mode": true, "tags": []})),
        config("a.b", json!({"include_percentiles": true})),
        config("a.b", json!({"tags": ["1x"]})),
        config("a.b", json!({"tags": "app"})),
        config("other", json!({"tags": ["app"]})),
        json!({"data": []}),
    ] {
        client.refused("PATCH", path, &bad).await;
    }
    assert_eq!(client.send("DELETE", path, &Value::Null).await.0, 204);
    assert_eq!(client.send("DELETE", path, &Value::Null).await, absent);
    client.ok("POST", path, &config("a.b", json!({"metric_type": "distribution", "tags": []}))).await;
    let shown = client.get(path).await["data"]["attributes"].clone();
    assert_eq!(shown["include_percentiles"], false);
    assert!(shown.get("aggregations").is_none());
    assert_eq!(client.get("/api/v1/metrics/a.b").await["type"], "distribution");
}

#[tokio::test]
async fn counts_follow_the_series_seen() {
    let client = Client::new().await;
    for (app, host) in [("a", "1"), ("a", "2"), ("b", "1"), ("A", "1")] {
        report(&client, "a.b", &[&format!("app:{app}"), &format!("host:{host}")]).await;
    }
    let estimate = async |query: &str| {
        let path = format!("/api/v2/metrics/a.b/estimate?{query}");
        client.get(&path).await["data"]["attributes"]["estimated_output_series"].clone()
    };
    assert_eq!(estimate("filter[groups]=app,host").await, 3, "tags are stored in lower case");
    assert_eq!(estimate("filter[groups]=app").await, 2);
    assert_eq!(estimate("filter[groups]=app&filter[exclude_tags_mode]=true").await, 2);
    let body = config("a.b", json!({"metric_type": "count", "tags": ["app"]}));
    client.ok("POST", "/api/v2/metrics/a.b/tags", &body).await;
    let volumes = client.get("/api/v2/metrics/a.b/volumes").await["data"]["attributes"].clone();
    assert_eq!(volumes, json!({"ingested_volume": 3, "indexed_volume": 2}));
    let tags = client.get("/api/v2/metrics/a.b/all-tags").await["data"]["attributes"]["tags"].clone();
    assert_eq!(tags, json!(["app:a", "app:b", "host:1", "host:2"]));
    for path in ["estimate", "volumes", "all-tags", "active-configurations"] {
        let (status, body) = client.send("GET", &format!("/api/v2/metrics/none/{path}"), &Value::Null).await;
        assert_eq!((status, body), (404, json!({"errors": ["none not found"]})));
    }
}

#[tokio::test]
async fn metrics_are_listed_in_pages() {
    let client = Client::new().await;
    for number in 0..5 {
        report(&client, &format!("m.{number}"), &[&format!("n:{number}")]).await;
    }
    let body = config("m.3", json!({"metric_type": "count", "tags": ["n"]}));
    client.ok("POST", "/api/v2/metrics/m.3/tags", &body).await;
    let names = |body: &Value| {
        body["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|i| i["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&client.get("/api/v2/metrics?filter[configured]=true").await), ["m.3"]);
    assert_eq!(names(&client.get("/api/v2/metrics?filter[tags]=n:2").await), ["m.2"]);
    assert_eq!(names(&client.get("/api/v2/metrics").await).len(), 5);
    let mut seen = Vec::new();
    let mut path = "/api/v2/metrics?page[size]=2".to_owned();
    loop {
        let page = client.get(&path).await;
        seen.extend(names(&page));
        let Some(next) = page["meta"]["pagination"]["next_cursor"].as_str() else {
            assert_eq!(page, json!({"data": []}));
            break;
        };
        path = format!("/api/v2/metrics?page[size]=2&page[cursor]={next}");
    }
    assert_eq!(seen, ["m.0", "m.1", "m.2", "m.3", "m.4"]);
    for bad in ["page[size]=0", "page[size]=x", "page[size]=2&page[cursor]=zz"] {
        assert_eq!(client.send("GET", &format!("/api/v2/metrics?{bad}"), &Value::Null).await.0, 400);
    }
}
