//! Faults: each effect once, as a client sees it; when they fire; rate limits; the admin endpoint; the example of the docs.

use std::fs;

use bellwether::sandbox::{Faults, Options, Rule, Sandbox, SandboxError, Storage};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Client, monitor};

const MONITORS: &str = "/api/v1/monitor";

/// A sandbox in which a rule about `POST /api/v1/monitor` has these keys.
async fn on_create(keys: &str) -> Client {
    Client::with_faults(&format!("[[rules]]\nmethod = 'POST'\nroute = '{MONITORS}'\n{keys}")).await
}

/// A sandbox with three monitors in which a rule about the list of monitors has these keys.
async fn on_list(keys: &str) -> Client {
    let client =
        Client::with_faults(&format!("[[rules]]\nmethod = 'GET'\nroute = '{MONITORS}'\n{keys}")).await;
    for name in ["a", "b", "c"] {
        client.create(&monitor(json!({"name": name}))).await;
    }
    client
}

/// How many monitors there are, by a search: no fault here is about it.
async fn monitors(client: &Client) -> u64 {
    client.get("/api/v1/monitor/search").await["metadata"]["total_count"].as_u64().unwrap()
}

/// The status and whether it was carried out, of each request so far but the searches of the test.
fn log(client: &Client) -> Vec<(u16, bool)> {
    let requests = client.running.requests();
    let requests = requests.iter().filter(|request| !request.path.ends_with("/search"));
    requests.map(|request| (request.status, request.carried_out)).collect()
}

/// All bytes that come for a request on its own connection, until the sandbox closes it.
async fn raw(client: &Client, method: &str, body: &Value) -> String {
    let mut stream = TcpStream::connect(client.running.address()).await.unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = format!(
        "{method} {MONITORS} HTTP/1.1\r\nhost: sandbox\r\ndd-api-key: k\r\ndd-application-key: k\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_status_comes_instead_and_nothing_is_done() {
    let client = on_create("times = 1\nstatus = 503").await;
    let reply = client.send("POST", MONITORS, &monitor(json!({}))).await;
    assert_eq!(reply, (503, json!({"errors": ["Service Unavailable"]})));
    assert_eq!(monitors(&client).await, 0);
    client.create(&monitor(json!({}))).await;
    assert_eq!(log(&client), [(503, false), (200, true)]);
}

#[tokio::test]
async fn a_status_may_have_a_body_and_headers() {
    let keys = "status = 512\nbody = '<html>'\nheaders = { content-type = 'text/html', Retry-After = '3' }\ndelay_ms = 1";
    let client = on_create(keys).await;
    let request = client.request("POST", MONITORS).body(monitor(json!({})).to_string());
    let reply = request.send().await.unwrap();
    assert_eq!(reply.status().as_u16(), 512);
    assert_eq!(reply.headers()["content-type"], "text/html");
    assert_eq!(reply.headers()["retry-after"], "3");
    assert_eq!(reply.text().await.unwrap(), "<html>");
}

#[tokio::test]
async fn a_delay_alone_changes_nothing_else() {
    let client = on_create("delay_ms = 1").await;
    client.create(&monitor(json!({}))).await;
    assert_eq!(log(&client), [(200, true)]);
}

#[tokio::test]
async fn a_lost_answer_comes_after_the_work() {
    for (keys, status) in [("lose_reply = true", 504), ("lose_reply = true\nstatus = 502", 502)] {
        let client = on_create(keys).await;
        assert_eq!(client.send("POST", MONITORS, &monitor(json!({}))).await.0, status);
        assert_eq!(monitors(&client).await, 1);
        assert_eq!(log(&client), [(status, true)]);
    }
    let client = on_create("lose_reply = true\nreset = true").await;
    assert_eq!(raw(&client, "POST", &monitor(json!({}))).await, "");
    assert_eq!(monitors(&client).await, 1);
    assert_eq!(log(&client), [(0, true)]);
}

#[tokio::test]
async fn a_reset_closes_the_connection_and_nothing_is_done() {
    let client = on_create("times = 2\nreset = true").await;
    assert_eq!(raw(&client, "POST", &monitor(json!({}))).await, "");
    let request = client.request("POST", MONITORS).body(monitor(json!({})).to_string());
    let error = request.send().await.unwrap_err();
    assert!(error.is_request() && !error.is_connect() && !error.is_timeout(), "{error:?}");
    assert_eq!(monitors(&client).await, 0);
    client.create(&monitor(json!({}))).await;
    assert_eq!(log(&client), [(0, false), (0, false), (200, true)]);
}

#[tokio::test]
async fn a_truncated_answer_promises_more_than_comes() {
    let client = on_list("truncate = 20").await;
    let (head, body) = raw(&client, "GET", &Value::Null).await.split_once("\r\n\r\n").map(owned).unwrap();
    assert_eq!(body.len(), 20, "{head}\n{body}");
    let reply = client.request("GET", MONITORS).send().await.unwrap();
    assert_eq!(reply.status().as_u16(), 200);
    let promised = reply.content_length().unwrap();
    assert!(promised > 1000, "{promised}");
    assert!(head.contains(&format!("content-length: {promised}")), "{head}");
    assert!(reply.text().await.unwrap_err().is_decode());
    // Nothing at all is cut from what is shorter.
    let client = on_create("truncate = 100000").await;
    client.create(&monitor(json!({}))).await;
}

fn owned((head, body): (&str, &str)) -> (String, String) {
    (head.to_owned(), body.to_owned())
}

#[tokio::test]
async fn a_large_answer_breaks_off_where_it_should() {
    let client = on_list("truncate = 300000").await;
    for number in 0..400 {
        client.create(&monitor(json!({"name": number.to_string(), "message": "m".repeat(1000)}))).await;
    }
    let answer = raw(&client, "GET", &Value::Null).await;
    assert_eq!(answer.split_once("\r\n\r\n").unwrap().1.len(), 300_000);
}

#[tokio::test]
async fn cut_json_is_correct_http() {
    let client = on_list("cut_json = 20").await;
    let reply = client.request("GET", MONITORS).send().await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.content_length()), (200, Some(20)));
    let text = reply.text().await.unwrap();
    assert_eq!(text.len(), 20);
    assert!(serde_json::from_str::<Value>(&text).is_err());
}

#[tokio::test]
async fn pages_are_empty_or_short() {
    let client = on_list("nth = 1\nempty_page = true").await;
    assert_eq!(client.get(MONITORS).await, json!([]));
    assert_eq!(client.get(MONITORS).await.as_array().unwrap().len(), 3);
    let client = on_list("short_page = 2").await;
    let page = client.get(&format!("{MONITORS}?page=0&page_size=3")).await;
    assert_eq!(page.as_array().unwrap().len(), 1);
    assert_eq!(page[0]["name"], "a");
}

#[tokio::test]
async fn a_held_monitor_is_missing_in_the_list_alone() {
    let client = on_create("nth = 2\nhold = 2\nlose_reply = true").await;
    let first = client.create(&monitor(json!({"name": "a"}))).await["id"].as_u64().unwrap();
    assert_eq!(client.send("POST", MONITORS, &monitor(json!({"name": "b"}))).await.0, 504);
    let list = async || client.get(MONITORS).await.as_array().unwrap().len();
    assert_eq!(list().await, 1);
    assert_eq!(client.get(&format!("{MONITORS}/{}", first + 1)).await["name"], "b");
    assert_eq!([list().await, list().await], [1, 2]);
}

#[tokio::test]
async fn a_seed_repeats_its_faults() {
    let statuses = async |seed: u32| {
        let text = format!("seed = {seed}\n[[rules]]\nprobability = 0.5\nstatus = 500");
        let client = Client::with_faults(&text).await;
        for _ in 0..40 {
            client.send("GET", "/api/v1/validate", &Value::Null).await;
        }
        log(&client)
    };
    let first = statuses(7).await;
    assert!(first.contains(&(500, false)) && first.contains(&(200, true)));
    assert_eq!(first, statuses(7).await);
    assert_ne!(first, statuses(8).await);
}

#[tokio::test]
async fn limits_follow_the_clock() {
    let client = Client::with_faults(
        "[[limits]]\nname = 'monitor_write'\nmethod = 'POST'\nroute = '/api/v1/monitor*'\nlimit = 2\nperiod = 10",
    )
    .await;
    // The clock stands at a second that ends with 3.
    let post = async |name: &str| {
        let body = monitor(json!({"name": name})).to_string();
        let reply = client.request("POST", MONITORS).body(body).send().await.unwrap();
        let status = reply.status().as_u16();
        let header =
            |name: &str| reply.headers()[&format!("x-ratelimit-{name}")].to_str().unwrap().to_owned();
        assert_eq!(["limit", "period", "name"].map(header), ["2", "10", "monitor_write"]);
        (status, header("remaining"), header("reset"), reply.text().await.unwrap())
    };
    let brief = async |name: &str| {
        let (status, remaining, reset, _) = post(name).await;
        (status, remaining.parse::<u32>().unwrap(), reset.parse::<u32>().unwrap())
    };
    assert_eq!(brief("a").await, (200, 1, 7));
    client.pass(5);
    assert_eq!(brief("b").await, (200, 0, 2));
    let (status, _, reset, body) = post("c").await;
    assert_eq!((status, reset.as_str()), (429, "2"));
    let message = "Rate limit of 2 requests in 10 seconds reached. Please try again later.";
    assert_eq!(body, json!({"errors": [message]}).to_string());
    client.pass(2);
    assert_eq!(brief("c").await, (200, 1, 10));
    assert_eq!(monitors(&client).await, 3);
    assert_eq!(log(&client), [(200, true), (200, true), (429, false), (200, true)]);
    let list = client.request("GET", MONITORS).send().await.unwrap();
    assert!(list.headers().keys().all(|name| !name.as_str().starts_with("x-ratelimit")));
}

#[tokio::test]
async fn faults_are_shown_replaced_and_ended_while_it_runs() {
    let client = Client::new().await;
    let faults = "/_sandbox/faults";
    let none = json!({"faults": {"seed": 0, "rules": [], "limits": []}, "counts": []});
    assert_eq!(client.get(faults).await, none);
    let rules = json!([{"method": "GET", "status": 500, "nth": 2}]);
    let shown = client.ok("PUT", faults, &json!({"rules": rules})).await;
    assert_eq!(shown["counts"], json!([{"seen": 0, "fired": 0}]));
    for status in [200, 500, 200] {
        assert_eq!(client.send("GET", MONITORS, &Value::Null).await.0, status);
    }
    let shown = client.get(faults).await;
    assert_eq!(shown["counts"], json!([{"seen": 3, "fired": 1}]));
    assert_eq!(shown["faults"], json!({"seed": 0, "rules": rules, "limits": []}));
    client.ok("PUT", faults, &shown["faults"]).await;
    // A mistake leaves what is in force.
    let wrong = client.refused("PUT", faults, &json!({"rules": [{"status": 99}]})).await;
    assert_eq!(wrong, "rule 1: `status` is 99; give one from 200 to 599");
    let wrong = client.refused("PUT", faults, &json!({"rules": [{"statuss": 500}]})).await;
    assert!(wrong.starts_with("unknown field `statuss`, expected one of `method`"), "{wrong}");
    assert_eq!(client.get(faults).await["faults"], shown["faults"]);
    assert_eq!(client.ok("DELETE", faults, &Value::Null).await, none);
}

#[tokio::test]
async fn a_sandbox_starts_with_faults_or_refuses_them() {
    let listen = "127.0.0.1:0".parse().unwrap();
    let start = |rule| {
        let faults = Faults { rules: vec![rule], ..Faults::default() };
        Sandbox::start_with(listen, Storage::Memory, Options { faults, ..Options::default() })
    };
    let running = start(Rule { status: Some(503), ..Rule::default() }).await.unwrap();
    let url = format!("{}/api/v1/validate", running.url());
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(http.get(&url).header("dd-api-key", "k").send().await.unwrap().status().as_u16(), 503);
    // Without keys it is the same refusal as ever.
    assert_eq!(http.get(&url).send().await.unwrap().status().as_u16(), 403);
    let count = running.fault_counts()[0];
    assert_eq!((count.seen, count.fired), (1, 1));
    running.stop().await.unwrap();
    let error = start(Rule::default()).await.unwrap_err();
    assert!(matches!(error, SandboxError::Faults(_)), "{error}");
}

#[tokio::test]
async fn the_example_of_the_docs_does_what_it_says() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/sandbox.md")).unwrap();
    let page = page.replace("\r\n", "\n");
    let example = page.split("\n```toml\n").nth(1).unwrap().split("\n```").next().unwrap();
    let client = Client::with_faults(example).await;
    let mut created = Vec::new();
    for number in 0..40 {
        created.push(client.send("POST", MONITORS, &monitor(json!({"name": number.to_string()}))).await.0);
    }
    let lost = created.iter().filter(|status| **status == 504).count();
    assert_eq!(created.iter().filter(|status| **status == 200).count() + lost, 40);
    let listed = client.get(MONITORS).await;
    assert_eq!(listed.as_array().unwrap().len(), 40 - lost);
    let broken = client.request("GET", MONITORS).send().await.unwrap();
    assert!(broken.bytes().await.is_err());
    let listed = client.get(MONITORS).await;
    let paths: Vec<String> =
        listed.as_array().unwrap().iter().map(|item| format!("{MONITORS}/{}", item["id"])).collect();
    assert_eq!(paths.len(), 40);
    let mut updated = Vec::new();
    for _ in 0..9 {
        updated.push(client.send("PUT", &paths[0], &json!({"message": "other"})).await.0);
    }
    assert_eq!(updated, [200, 200, 502, 200, 200, 502, 200, 200, 200]);
    assert_eq!(client.send("DELETE", &paths[1], &Value::Null).await.0, 200);
    assert!(client.request("DELETE", &paths[2]).send().await.is_err());
    for number in 1..12 {
        let status = client.send("GET", "/api/v2/metrics", &Value::Null).await.0;
        assert_eq!(status, if number <= 10 { 200 } else { 429 });
    }
    assert!(client.running.fault_counts().iter().all(|count| count.fired > 0));
}
