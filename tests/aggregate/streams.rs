//! Unix streams: frames in pieces, frames that are too long, connections that say nothing.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use bellwether::daemon::causes::Cause;
use bellwether::daemon::receive::Settings;

use crate::support::{Addresses, Server};

fn frame(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32).to_le_bytes(), payload].concat()
}

fn connect(addresses: &Addresses) -> UnixStream {
    UnixStream::connect(addresses.path()).expect("a server")
}

#[test]
fn frames_are_received_from_many_connections_and_in_pieces() {
    let addresses = Addresses::new();
    let server = Server::start(&addresses.stream());
    let mut connections: Vec<UnixStream> = (0..10).map(|_| connect(&addresses)).collect();
    let bytes: Vec<Vec<u8>> = (0..10)
        .map(|turn| (0..100).flat_map(|line| frame(format!("a.{turn}:{line}|c").as_bytes())).collect())
        .collect();
    let longest = bytes.iter().map(Vec::len).max().expect("ten");
    for start in (0..longest).step_by(7) {
        for (connection, bytes) in connections.iter_mut().zip(&bytes) {
            let piece = &bytes[start.min(bytes.len())..(start + 7).min(bytes.len())];
            connection.write_all(piece).expect("written");
        }
    }
    let causes = Arc::clone(&server.causes);
    let mut received = server.lines();
    received.sort_unstable();
    let mut sent: Vec<String> =
        (0..10).flat_map(|turn| (0..100).map(move |line| format!("a.{turn}:{line}|c"))).collect();
    sent.sort_unstable();
    assert_eq!(received, sent);
    assert!(causes.snapshot().iter().all(|(_, count)| *count == 0));
}

#[test]
fn connections_that_wait_to_be_accepted_at_the_stop_are_served() {
    let addresses = Addresses::new();
    let server = Server::start(&addresses.stream());
    for turn in 0..100 {
        connect(&addresses).write_all(&frame(format!("a:{turn}|c").as_bytes())).expect("written");
    }
    assert_eq!(server.lines().len(), 100);
    assert!(!addresses.path().exists());
}

#[test]
fn an_oversized_frame_ends_its_connection_and_no_other() {
    let addresses = Addresses::new();
    let server = Server::with(&addresses.stream(), &Settings { max_payload: 5, ..Settings::default() });
    let (mut good, mut bad) = (connect(&addresses), connect(&addresses));
    bad.write_all(&[frame(b"a:1|c"), frame(b"a:12|c"), frame(b"b:2|c")].concat()).expect("written");
    assert_eq!(bad.read(&mut [0; 1]).unwrap_or(0), 0, "closed, in one way or the other");
    good.write_all(&frame(b"c:3|c")).expect("written");
    let causes = Arc::clone(&server.causes);
    assert_eq!(server.lines(), ["a:1|c", "c:3|c"]);
    assert_eq!(causes.count(Cause::OversizedFrame), 1);
    assert_eq!(causes.count(Cause::CutFrame), 0);
}

#[test]
fn a_connection_that_ends_within_a_frame_is_counted_and_what_came_before_is_kept() {
    let addresses = Addresses::new();
    let server = Server::start(&addresses.stream());
    connect(&addresses)
        .write_all(&[frame(b"a:1|c"), frame(b"b:2|c")[..6].to_vec()].concat())
        .expect("written");
    let causes = Arc::clone(&server.causes);
    assert_eq!(server.lines(), ["a:1|c"]);
    assert_eq!(causes.count(Cause::CutFrame), 1);
}

#[test]
fn silent_connections_do_not_keep_it_from_stopping() {
    let addresses = Addresses::new();
    let server = Server::start(&addresses.stream());
    let _silent: Vec<UnixStream> = (0..20).map(|_| connect(&addresses)).collect();
    let mut talking = connect(&addresses);
    talking.write_all(&frame(b"a:1|c")).expect("written");
    assert_eq!(server.payload(), b"a:1|c");
    assert_eq!(server.lines(), [""; 0]);
}

#[test]
fn connections_beyond_the_number_are_closed_at_once() {
    let addresses = Addresses::new();
    let server = Server::with(&addresses.stream(), &Settings { max_connections: 1, ..Settings::default() });
    let mut first = connect(&addresses);
    first.write_all(&frame(b"a:1|c")).expect("written");
    assert_eq!(server.payload(), b"a:1|c", "it is served");
    assert_eq!(connect(&addresses).read(&mut [0; 1]).expect("an end"), 0);
    first.write_all(&frame(b"b:2|c")).expect("written");
    let causes = Arc::clone(&server.causes);
    assert_eq!(server.lines(), ["b:2|c"]);
    assert_eq!(causes.count(Cause::TooManyConnections), 1);
}
