//! What is bounded: bodies, time, requests, connections, and stopping.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bellwether::daemon::http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{Reply, get, post, raw, request, rest};
use crate::site::{Daemon, hostile};

const CART: &str = "/events/com.example.AddToCartEvent";
/// So short that it passes while a test waits, and nothing else is late by it.
const SHORT: Duration = Duration::from_millis(60);

fn limits() -> Limits {
    Limits { body_bytes: 1000, ..Limits::default() }
}

/// The head of an event whose body is to come.
async fn begun(daemon: &Daemon, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(daemon.address).await.unwrap();
    let head = format!("POST {CART} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

#[tokio::test]
async fn a_body_has_its_limit() {
    let daemon = Daemon::with_limits(hostile(), limits()).await;
    assert_eq!(post(daemon.address, CART, &[], &[b'x'; 1000]).await.status, 202);
    // The client writes all of it before it reads the reply, and gets it nevertheless.
    for length in [1001, 2 << 20] {
        let reply = post(daemon.address, CART, &[], &vec![b'x'; length]).await;
        assert_eq!((reply.status, reply.cause().as_str()), (413, "too_large"), "{length}");
    }
    let chunks = format!("{}0\r\n\r\n", format!("190\r\n{}\r\n", "x".repeat(400)).repeat(3));
    let head =
        format!("POST {CART} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
    assert_eq!(raw(daemon.address, head.as_bytes()).await.status, 413);

    // Who asks first is told before it sends anything.
    let asking = format!(
        "POST {CART} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
    );
    assert_eq!(raw(daemon.address, asking.as_bytes()).await.status, 413);
    assert_eq!(get(daemon.address, "/api/top").await.json()["refused_requests"]["too_large"], 4);
    assert_eq!(daemon.sink.posted().len(), 1);
}

#[tokio::test]
async fn a_slow_body_is_not_waited_for() {
    let daemon = Daemon::with_limits(hostile(), Limits { body_time: SHORT, ..limits() }).await;
    let mut stream = begun(&daemon, 100).await;
    stream.write_all(b"half").await.unwrap();
    let reply = Reply::parse(&rest(stream).await);
    assert_eq!((reply.status, reply.cause().as_str()), (408, "slow_body"));
    assert_eq!(daemon.sink.posted(), []);
}

#[tokio::test]
async fn a_silent_connection_is_given_up() {
    let daemon = Daemon::with_limits(hostile(), Limits { silence: SHORT, ..limits() }).await;
    let idle = TcpStream::connect(daemon.address).await.unwrap();
    assert_eq!(rest(idle).await, b"");
    let mut slow = TcpStream::connect(daemon.address).await.unwrap();
    slow.write_all(b"GET /health HTTP/1.1\r\nHost: local").await.unwrap();
    let told = rest(slow).await;
    assert!(told.is_empty() || Reply::parse(&told).status == 408, "{told:?}");
    assert_eq!(get(daemon.address, "/health").await.status, 200);
}

#[tokio::test]
async fn too_many_requests_at_a_time_are_told_to_come_again() {
    let daemon = Daemon::with_limits(hostile(), Limits { requests: 1, ..limits() }).await;
    let mut first = begun(&daemon, 4).await;
    // The first has its turn once another is refused.
    let reply = loop {
        let reply = get(daemon.address, "/api/top").await;
        if reply.status != 200 {
            break reply;
        }
    };
    assert_eq!((reply.status, reply.cause().as_str()), (503, "busy"));
    assert_eq!(reply.header("retry-after"), Some("1"));
    assert_eq!(get(daemon.address, "/health").await.status, 200, "a probe is answered all the same");
    first.write_all(b"body").await.unwrap();
    let mut head = [0; 12];
    first.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 202");
    assert_eq!(get(daemon.address, "/api/top").await.status, 200);
}

#[tokio::test]
async fn connections_wait_for_room() {
    let daemon = Daemon::with_limits(hostile(), Limits { connections: 1, ..limits() }).await;
    let mut first = TcpStream::connect(daemon.address).await.unwrap();
    let address = daemon.address;
    let is_answered = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_answered);
    let second = tokio::spawn(async move {
        let reply = get(address, "/health").await;
        told.store(true, Ordering::SeqCst);
        reply
    });
    // As much of a chance as it would ever need.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!is_answered.load(Ordering::SeqCst));
    first.write_all(&request(address, "GET /health", &[], b"")).await.unwrap();
    assert_eq!(Reply::parse(&rest(first).await).status, 200);
    assert_eq!(second.await.unwrap().status, 200);
}

#[tokio::test]
async fn stopping_answers_what_is_open() {
    let mut daemon = Daemon::with_limits(hostile(), limits()).await;
    let mut open = begun(&daemon, 4).await;
    let idle = TcpStream::connect(daemon.address).await.unwrap();
    // Both are accepted, since a later one is answered.
    assert_eq!(get(daemon.address, "/health").await.status, 200);
    drop(daemon.stop.take());
    assert_eq!(rest(idle).await, b"", "an idle connection is closed at once");
    open.write_all(b"body").await.unwrap();
    assert_eq!(Reply::parse(&rest(open).await).status, 202);
    daemon.server.await.unwrap().unwrap();
    assert!(TcpStream::connect(daemon.address).await.is_err(), "nobody listens any longer");
}

#[tokio::test]
async fn stopping_does_not_wait_for_ever() {
    let mut daemon = Daemon::with_limits(hostile(), Limits { drain: SHORT, ..limits() }).await;
    let open = begun(&daemon, 4).await;
    assert_eq!(get(daemon.address, "/health").await.status, 200);
    drop(daemon.stop.take());
    daemon.server.await.unwrap().unwrap();
    drop(open);
}
