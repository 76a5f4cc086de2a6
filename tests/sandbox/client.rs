//! A small client and a clock that stands where it is put.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bellwether::sandbox::{Faults, Running, Sandbox, Storage};
use jiff::Timestamp;
use serde_json::{Value, json};

/// 2026-08-11T15:01:13Z, the day of the newest recording.
pub const NOW: i64 = 1_786_460_473;

pub struct Client {
    pub http: reqwest::Client,
    pub running: Running,
    now: Arc<AtomicI64>,
}

impl Client {
    pub async fn new() -> Self {
        Self::with(Storage::Memory).await
    }

    pub async fn with(storage: Storage) -> Self {
        let now = Arc::new(AtomicI64::new(NOW));
        let read = Arc::clone(&now);
        let clock = Arc::new(move || Timestamp::from_second(read.load(Ordering::SeqCst)).unwrap());
        let listen = "127.0.0.1:0".parse().unwrap();
        let running = Sandbox::start_with_clock(listen, storage, clock).await.unwrap();
        Self { http: reqwest::Client::builder().no_proxy().build().unwrap(), running, now }
    }

    /// A sandbox with the faults of a TOML text.
    pub async fn with_faults(toml: &str) -> Self {
        let client = Self::new().await;
        client.running.set_faults(Faults::parse(toml).unwrap()).unwrap();
        client
    }

    pub fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}{path}", self.running.url());
        let request = self.http.request(method.parse().unwrap(), url);
        request.header("DD-API-KEY", "k").header("DD-APPLICATION-KEY", "k")
    }

    pub async fn finish(request: reqwest::RequestBuilder) -> (u16, Value) {
        let reply = request.send().await.unwrap();
        let status = reply.status().as_u16();
        let text = reply.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub async fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        Self::finish(self.request(method, path).body(body.to_string())).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = Self::finish(self.request("GET", path)).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub async fn ok(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, reply) = self.send(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path} {body}: {status} {reply}");
        reply
    }

    pub async fn create(&self, body: &Value) -> Value {
        self.ok("POST", "/api/v1/monitor", body).await
    }

    /// Sends a body that must be refused with 400, and gives the message.
    pub async fn refused(&self, method: &str, path: &str, body: &Value) -> String {
        let (status, reply) = self.send(method, path, body).await;
        assert_eq!(status, 400, "{method} {path} {body}: {reply}");
        reply["errors"][0].as_str().unwrap().to_owned()
    }
}

/// A metric monitor with some fields replaced; null removes a field.
pub fn monitor(changes: Value) -> Value {
    with(
        json!({
            "type": "query alert", "name": "n", "message": "m",
            "query": "avg(last_5m):sum:a.b{env:prod} by {host} > 2",
        }),
        changes,
    )
}

/// A log monitor with some fields replaced.
pub fn logs(changes: Value) -> Value {
    let query = r#"logs("service:a").index("main").rollup("count").by("b,c").last("5m") > 2"#;
    monitor(with(json!({"type": "log alert", "query": query}), changes))
}

fn with(mut base: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        base[key] = value.clone();
    }
    base
}
