//! Events by `POST`.

use bellwether::daemon::http::Encoding;

use crate::client::{get, post, raw, request};
use crate::site::{Daemon, hostile};

const CART: &str = "/events/com.example.AddToCartEvent";

#[tokio::test]
async fn an_event_is_handed_on_as_it_came() {
    let daemon = Daemon::start(hostile()).await;
    for (kind, encoding) in [
        ("", Encoding::Json),
        ("Content-Type: application/json; charset=utf-8", Encoding::Json),
        ("Content-Type: application/x-ndjson", Encoding::Json),
        ("Content-Type: avro/binary", Encoding::SingleObject),
        ("Content-Type: application/avro", Encoding::SingleObject),
        ("Content-Type: application/vnd.apache.avro+binary", Encoding::SingleObject),
        ("Content-Type: application/octet-stream", Encoding::SingleObject),
    ] {
        let headers: &[&str] = if kind.is_empty() { &[] } else { &[kind] };
        let reply = post(daemon.address, CART, headers, b"\xc3\x01 one\nand two").await;
        assert_eq!((reply.status, reply.body.as_str()), (202, r#"{"accepted":2}"#), "{kind}");
        let (record, body, found) = daemon.sink.posted().pop().unwrap();
        assert_eq!(
            (record.as_str(), body.as_slice()),
            ("com.example.AddToCartEvent", &b"\xc3\x01 one\nand two"[..])
        );
        assert_eq!(found, encoding, "{kind}");
    }
}

#[tokio::test]
async fn a_records_name_is_percent_decoded() {
    let daemon = Daemon::start(hostile()).await;
    let reply = post(daemon.address, "/events/com.example.Gr%C3%B6%c3%9Fe%2F1", &[], b"{}").await;
    assert_eq!(reply.status, 202, "{reply:?}");
    assert_eq!(daemon.sink.posted()[0].0, "com.example.Größe/1");
    let reply = post(daemon.address, "/events/%ff%fe", &[], b"{}").await;
    assert_eq!((reply.status, reply.cause().as_str()), (400, "bad_record"));
}

#[tokio::test]
async fn what_is_wrong_is_said_and_counted() {
    let daemon = Daemon::start(hostile()).await;
    let reply = post(daemon.address, CART, &[], b"bad \x1b[31m").await;
    assert_eq!((reply.status, reply.cause().as_str()), (400, "malformed_json"));
    assert_eq!(reply.json()["error"]["message"], "no JSON: bad \\u{1b}[31m");

    for (path, headers, status, cause) in [
        ("/events/com.example.Nothing", &[][..], 404, "unknown_record"),
        ("/events/", &[], 404, "no_such_path"),
        ("/events/a/b", &[], 404, "no_such_path"),
        (CART, &["Content-Type: text/plain"], 415, "content_type"),
        (CART, &["Content-Type: application/x-www-form-urlencoded"], 415, "content_type"),
        (CART, &["Content-Type: application/json; charset=utf-16"], 415, "content_type"),
        (CART, &["Content-Encoding: gzip"], 415, "content_encoding"),
    ] {
        let reply = post(daemon.address, path, headers, b"{}").await;
        assert_eq!((reply.status, reply.cause().as_str()), (status, cause), "{path} {headers:?}");
    }
    let top = get(daemon.address, "/api/top").await.json();
    let refused = &top["refused_requests"];
    assert_eq!((&refused["unknown_record"], &refused["content_type"]), (&1.into(), &3.into()));
    assert_eq!(daemon.sink.posted(), []);
}

#[tokio::test]
async fn each_path_has_its_methods() {
    let daemon = Daemon::start(hostile()).await;
    let cases = [
        ("GET", CART, "POST"),
        ("PUT", CART, "POST"),
        ("OPTIONS", CART, "POST"),
        ("POST", "/", "GET,HEAD"),
        ("DELETE", "/api/top", "GET,HEAD"),
        ("POST", "/health", "GET,HEAD"),
        ("OPTIONS", "/metrics", "GET,HEAD"),
    ];
    for (method, path, allowed) in cases {
        let reply =
            raw(daemon.address, &request(daemon.address, &format!("{method} {path}"), &[], b"")).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some(allowed)), "{method} {path}");
        assert_eq!(reply.cause(), "method");
    }
    let reply = raw(daemon.address, &request(daemon.address, "HEAD /api/top", &[], b"")).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, ""));
}
