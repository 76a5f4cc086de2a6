//! Who is answered.

use crate::client::{get, post, raw, request};
use crate::site::{Daemon, hostile};

async fn with_host(daemon: &Daemon, host: &str) -> u16 {
    raw(daemon.address, &request(daemon.address, "GET /api/top", &[&format!("Host: {host}")], b""))
        .await
        .status
}

#[tokio::test]
async fn on_the_loopback_only_its_names_are_answered() {
    let daemon = Daemon::start(hostile()).await;
    let port = daemon.address.port();
    for host in ["localhost", "localhost:1", "LocalHost.", "127.0.0.1", &format!("[::1]:{port}")] {
        assert_eq!(with_host(&daemon, host).await, 200, "{host}");
    }
    for host in [
        "evil.example",
        &format!("evil.example:{port}"),
        "localhost.evil.example",
        "192.0.2.1",
        "",
        "a@localhost",
    ] {
        assert_eq!(with_host(&daemon, host).await, 421, "{host}");
    }
    let line = "GET http://evil.example/api/top";
    assert_eq!(raw(daemon.address, &request(daemon.address, line, &[], b"")).await.status, 421);
    let two = ["Host: localhost", "Host: evil.example"];
    assert_eq!(raw(daemon.address, &request(daemon.address, "GET /health", &two, b"")).await.status, 421);
    let none = raw(daemon.address, b"GET /metrics HTTP/1.0\r\n\r\n").await;
    assert_eq!((none.status, none.cause().as_str()), (421, "wrong_host"));
}

#[tokio::test]
async fn another_sites_page_cannot_post() {
    let daemon = Daemon::start(hostile()).await;
    let path = "/events/com.example.AddToCartEvent";
    let own = format!("Origin: http://{}", daemon.address);
    for headers in [
        &["Sec-Fetch-Site: cross-site"][..],
        &["Sec-Fetch-Site: same-site"],
        &["Origin: http://evil.example"],
        &["Origin: null"],
        &["Origin: http://localhost:1", "Sec-Fetch-Site: same-origin"],
    ] {
        let reply = post(daemon.address, path, headers, b"{}").await;
        assert_eq!((reply.status, reply.cause().as_str()), (403, "other_site"), "{headers:?}");
    }
    for headers in [&[][..], &["Sec-Fetch-Site: none"], &["Sec-Fetch-Site: same-origin", &own]] {
        assert_eq!(post(daemon.address, path, headers, b"{}").await.status, 202, "{headers:?}");
    }
    // A link on a web site may lead here all the same.
    let link = request(daemon.address, "GET /", &["Sec-Fetch-Site: cross-site"], b"");
    assert_eq!(raw(daemon.address, &link).await.status, 200);
}

#[tokio::test]
async fn every_reply_is_kept_to_itself() {
    let daemon = Daemon::start(hostile()).await;
    for path in [
        "/",
        "/page.js",
        "/page.css",
        "/icon.svg",
        "/api/top",
        "/health",
        "/metrics",
        "/nothing",
        "/events/x",
    ] {
        let reply = get(daemon.address, path).await;
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(reply.header("cross-origin-resource-policy"), Some("same-origin"), "{path}");
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(
            !policy.contains("unsafe") && !policy.contains('*') && policy.contains("frame-ancestors 'none'")
        );
        let cors = reply.headers.iter().find(|(name, _)| name.starts_with("access-control"));
        assert_eq!(cors, None, "{path}");
        let caching = reply.header("cache-control");
        let is_file = path == "/" || path.contains('.');
        assert_eq!(caching, Some(if is_file { "no-cache" } else { "no-store" }), "{path}");
    }
}

#[tokio::test]
async fn paths_are_short() {
    let daemon = Daemon::start(hostile()).await;
    let reply = get(daemon.address, &format!("/api/top?{}", "x".repeat(3000))).await;
    assert_eq!((reply.status, reply.cause().as_str()), (414, "long_path"));
    assert_eq!(get(daemon.address, "/api/top?a=b").await.status, 200);
}
