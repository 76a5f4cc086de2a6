//! Keys, bodies, paging, filters and the rest that is not about one monitor's content.

use serde_json::{Value, json};

use crate::client::{Client, logs, monitor};

#[tokio::test]
async fn keys_are_required() {
    let client = Client::new().await;
    let url = |path: &str| format!("{}{path}", client.running.url());
    let forbidden = json!({"errors": ["Forbidden"]});
    let list = || client.http.get(url("/api/v1/monitor"));
    for request in [
        list(),
        list().header("DD-API-KEY", "k"),
        list().header("DD-APPLICATION-KEY", "k"),
        list().header("DD-API-KEY", "").header("DD-APPLICATION-KEY", ""),
        list().header("Authorization", "Bearer "),
        client.http.post(url("/api/v2/series")).body("{}"),
    ] {
        assert_eq!(Client::finish(request).await, (403, forbidden.clone()));
    }
    let validate = client.http.get(url("/api/v1/validate"));
    assert_eq!(Client::finish(validate).await, (403, json!({"errors": ["API key required"]})));
    let validate = client.http.get(url("/api/v1/validate")).header("DD-API-KEY", "k");
    assert_eq!(Client::finish(validate).await, (200, json!({"valid": true})));
    assert_eq!(Client::finish(list().header("Authorization", "Bearer t")).await.0, 200);
    let series = client.http.post(url("/api/v2/series")).header("DD-API-KEY", "k").body(r#"{"series":[]}"#);
    assert_eq!(Client::finish(series).await, (202, json!({"errors": []})));
}

#[tokio::test]
async fn requests_are_logged_without_keys() {
    let client = Client::new().await;
    client.get("/api/v1/monitor?page=0&page_size=5").await;
    let url = format!("{}/api/v1/monitor?api_key=s3cret&application_key=s3cret", client.running.url());
    assert_eq!(Client::finish(client.http.get(url)).await.0, 200);
    client.send("DELETE", "/api/v1/monitor/1", &Value::Null).await;
    let log = client.get("/_sandbox/requests").await;
    let seen: Vec<_> = log
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["method"].as_str(), r["path"].as_str(), &r["status"]))
        .collect();
    assert_eq!(
        json!(seen),
        json!([
            ["GET", "/api/v1/monitor?page=0&page_size=5", 200],
            ["GET", "/api/v1/monitor", 200],
            ["DELETE", "/api/v1/monitor/1", 404],
        ])
    );
    assert_eq!(client.running.requests().len(), 3);
}

#[tokio::test]
async fn odd_requests_get_an_answer() {
    let client = Client::new().await;
    let not_found = (404, json!({"errors": ["Not found"]}));
    assert_eq!(client.send("GET", "/api/v1/nowhere", &Value::Null).await, not_found);
    assert_eq!(client.send("PATCH", "/api/v1/monitor", &Value::Null).await, not_found);
    let deep = "[".repeat(100_000);
    for path in ["/api/v1/monitor", "/api/v1/monitor/validate", "/api/v1/series", "/api/v1/events"] {
        for body in ["", "{", "[]", "null", "1e999", "\"x\"", deep.as_str(), "{\"series\":3}", "\u{0}"] {
            let (status, reply) = Client::finish(client.request("POST", path).body(body.to_owned())).await;
            assert_eq!(status, 400, "{path}: {reply}");
            assert!(reply["errors"][0].is_string());
        }
    }
    let huge = vec![b' '; (3 << 20) + 1];
    let (status, _) = Client::finish(client.request("POST", "/api/v1/monitor").body(huge)).await;
    assert_eq!(status, 413);
    for path in [
        "/api/v1/monitor?page=x",
        "/api/v1/monitor?page=0&page_size=0",
        "/api/v1/monitor?page=99999999999999999999",
        "/api/v1/monitor/can_delete",
        "/api/v1/monitor?group_states=x",
    ] {
        assert_eq!(client.send("GET", path, &Value::Null).await.0, 400, "{path}");
    }
    assert_eq!(client.get("/api/v1/monitor?page=18446744073709551615&page_size=1000").await, json!([]));
}

fn ids(list: &Value) -> Vec<u64> {
    list.as_array().unwrap().iter().map(|item| item["id"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let client = Client::new().await;
    let mut all = Vec::new();
    for number in 0..105 {
        let parity = format!("odd:{}", number % 2);
        let query = format!("avg(last_5m):sum:a.b{{env:prod,n:{number}}} > 2");
        let body =
            monitor(json!({"name": format!("Name {number}"), "query": query, "tags": ["all:yes", parity]}));
        all.push(client.create(&body).await["id"].as_u64().unwrap());
    }
    assert!(all.is_sorted());
    let list = async |query: &str| ids(&client.get(&format!("/api/v1/monitor{query}")).await);
    assert_eq!(list("").await, all);
    assert_eq!(list("?page_size=2").await, all, "without a page everything comes");
    assert_eq!(list("?page=0").await, all[..100]);
    assert_eq!(list("?page=1").await, all[100..]);
    assert_eq!(list("?page=2").await, [0_u64; 0]);
    assert_eq!(list("?page=1&page_size=10").await, all[10..20]);
    assert_eq!(list("?page=0&page_size=5000").await, all);
    assert_eq!(list(&format!("?id_offset={}&page_size=3", all[4])).await, all[5..8]);
    assert_eq!(list(&format!("?id_offset={}", all[104])).await, [0_u64; 0]);
    assert_eq!(list("?name=name%20104").await, all[104..]);
    assert_eq!(list("?tags=env:prod,n:7").await, all[7..8]);
    assert_eq!(list("?monitor_tags=all:yes,odd:1&page=0&page_size=2").await, [all[1], all[3]]);
    assert_eq!(list("?monitor_tags=all:yes,other").await, [0_u64; 0]);
}

#[tokio::test]
async fn searches_find() {
    let client = Client::new().await;
    client.create(&monitor(json!({"name": "b one", "tags": ["team:a"], "message": "@slack-x now"}))).await;
    client.create(&logs(json!({"name": "a two", "tags": ["team:b"]}))).await;
    let total = async |query: &str| {
        client.get(&format!("/api/v1/monitor/search?query={query}")).await["metadata"]["total_count"].clone()
    };
    assert_eq!(total("").await, 2);
    assert_eq!(total("one").await, 1);
    assert_eq!(total("team:b").await, 1);
    assert_eq!(total("tag:%22team:a%22").await, 1);
    assert_eq!(total("type:log").await, 1);
    assert_eq!(total("status:%22No%20Data%22%20muted:false").await, 2);
    let found = client.get("/api/v1/monitor/search?sort=name,asc&per_page=1&page=1").await;
    assert_eq!(found["monitors"][0]["name"], "b one");
    assert_eq!(found["monitors"][0]["metrics"], json!(["a.b"]));
    assert_eq!(found["monitors"][0]["notifications"][0]["handle"], "slack-x");
    assert!(found["monitors"][0].get("options").is_none());
    assert_eq!(found["metadata"], json!({"total_count": 2, "page_count": 2, "page": 1, "per_page": 1}));
    assert_eq!(client.get("/api/v1/monitor/groups/search").await["groups"][0]["group"], "total");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_writes_keep_their_order() {
    let client = std::sync::Arc::new(Client::new().await);
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let client = std::sync::Arc::clone(&client);
            tokio::spawn(async move {
                client.create(&monitor(json!({"name": number.to_string()}))).await["id"].as_u64()
            })
        })
        .collect();
    let mut made = Vec::new();
    for task in tasks {
        made.push(task.await.unwrap().unwrap());
    }
    made.sort_unstable();
    made.dedup();
    assert_eq!(made.len(), 50);
    assert_eq!(ids(&client.get("/api/v1/monitor").await), made);
    let (a, b) = (monitor(json!({"name": "x"})), monitor(json!({"name": "x"})));
    let same =
        tokio::join!(client.send("POST", "/api/v1/monitor", &a), client.send("POST", "/api/v1/monitor", &b));
    assert_eq!(same.0.0 + same.1.0, 600, "one of two equal creates is a duplicate");
}

#[tokio::test]
async fn reset_forgets() {
    let client = Client::new().await;
    let made = client.create(&monitor(json!({}))).await;
    client.ok("POST", "/_sandbox/reset", &Value::Null).await;
    assert_eq!(client.get("/api/v1/monitor").await, json!([]));
    assert_eq!(client.running.requests().len(), 1);
    assert!(client.create(&monitor(json!({}))).await["id"].as_u64() > made["id"].as_u64());
}

#[tokio::test]
async fn events_are_taken() {
    let client = Client::new().await;
    let (status, body) =
        client.send("POST", "/api/v1/events", &json!({"title": "t", "text": "x", "tags": ["a"]})).await;
    assert_eq!((status, &body["status"], &body["event"]["tags"]), (202, &json!("ok"), &json!(["a"])));
    assert_ne!(
        body["event"]["id"].to_string(),
        body["event"]["id_str"].as_str().unwrap(),
        "precision is lost"
    );
    let old = json!({"title": "t", "text": "x", "date_happened": 1});
    assert_eq!(client.refused("POST", "/api/v1/events", &old).await, "Event too far in the past");
    client.refused("POST", "/api/v1/events", &json!({"title": "t"})).await;
}
