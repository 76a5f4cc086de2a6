//! The end: whatever was sent before the signal is counted, and the last pane is published.

use std::io::Write;
use std::os::unix::net::UnixStream;

use nix::sys::signal::Signal;

use crate::agent::{Agent, Got};
use crate::process::{Project, datagrams_to, event};

const ROUNDS: u64 = 4_000;
const IDS: [(&str, u64); 3] = [("6f9619ff-8b86-d011-b42d-00c04fc964ff", 3), ("11092", 2), ("x", 1)];
const ALL: u64 = ROUNDS * 6;

/// Payloads with as many events of each id as stand beside it, so many times.
fn payloads() -> impl Iterator<Item = String> {
    let lines: Vec<String> = IDS.iter().flat_map(|(id, n)| (0..*n).map(|_| event(id))).collect();
    let payload = lines.join("\n");
    (0..ROUNDS).map(move |_| payload.clone())
}

fn has_all(got: &Got) {
    let mut counted = got.events_by(IDS[0].0, ROUNDS * IDS[0].1);
    assert_eq!(counted.remove("__other__"), Some(0));
    assert_eq!(counted, IDS.map(|(id, n)| (id.to_owned(), ROUNDS * n)).into());
    assert_eq!((got.own("received"), got.own("counted"), got.events()), (ALL, ALL, ALL));
    assert_eq!(got.own("problems"), 0);
}

fn all_datagrams_are_counted(signal: Signal, code: i32) {
    let project = Project::new();
    let agent = Agent::unix(&project.path("agent.socket"));
    let daemon = project.listen(&[&project.socket("unixgram", "daemon.socket")], &agent.url);
    let socket = datagrams_to(&project.path("daemon.socket"));
    for payload in payloads() {
        socket.send(payload.as_bytes()).unwrap();
    }
    daemon.signal(signal);
    let (ended, said) = daemon.end();
    assert_eq!(ended, Some(code), "{said:?}");
    has_all(&agent.end());
    assert!(!project.path("daemon.socket").exists(), "the socket's file goes with the daemon");
}

#[test]
fn sigterm_publishes_the_last_pane_and_ends_with_143() {
    all_datagrams_are_counted(Signal::SIGTERM, 143);
}

#[test]
fn sigint_publishes_the_last_pane_and_ends_with_0() {
    all_datagrams_are_counted(Signal::SIGINT, 0);
}

#[test]
fn frames_that_were_sent_before_the_signal_are_counted() {
    let project = Project::new();
    let agent = Agent::unix(&project.path("agent.socket"));
    let daemon = project.listen(&[&project.socket("unixstream", "daemon.socket")], &agent.url);
    let mut stream = UnixStream::connect(project.path("daemon.socket")).unwrap();
    for payload in payloads() {
        let length = u32::try_from(payload.len()).unwrap().to_le_bytes();
        stream.write_all(&[&length, payload.as_bytes()].concat()).unwrap();
    }
    // The connection stays open, as a service's would.
    daemon.stop();
    has_all(&agent.end());
    drop(stream);
}

#[test]
fn a_signal_that_comes_as_soon_as_it_listens_ends_it_in_order() {
    for _ in 0..5 {
        let project = Project::new();
        let agent = Agent::unix(&project.path("agent.socket"));
        project.start(&agent.url).stop();
        assert_eq!(agent.end().own("received"), 0);
    }
}

#[test]
fn an_agent_that_is_away_does_not_keep_it_from_ending() {
    let project = Project::new();
    let daemon = project.start(&project.socket("unixgram", "nobody.socket"));
    daemon.send(&[event("1"), "carts.open:1|g".to_owned()]);
    let said = daemon.stop();
    assert!(said.iter().any(|line| line.contains("lines for the Agent, which is not there")), "{said:?}");
}
