//! An Agent that is not there yet, goes away, and comes back.

use std::net::UdpSocket;
use std::time::Instant;

use crate::agent::Agent;
use crate::process::{Daemon, Project, event};

fn gauge(name: &str) -> String {
    format!("carts.{name}:1|g")
}

/// Sends until the Agent gets some of it: a sender over UDP can know no more of whether one listens.
fn send_until_it_arrives(daemon: &Daemon, agent: &Agent, name: &str) {
    let line = gauge(name);
    agent.until(&format!("`{name}` arrives"), |got| {
        daemon.send(&[&line]);
        (got.count(line.as_bytes()) > 0).then_some(())
    });
}

#[test]
fn a_unix_socket_that_comes_later_gets_what_waited_for_it() {
    let project = Project::new();
    let path = project.path("agent.socket");
    let daemon = project.start(&project.socket("unixgram", "agent.socket"));
    daemon.send(&[gauge("early"), event("1")]);
    let agent = Agent::unix(&path);
    agent.until("what waited arrives", |got| (got.count(gauge("early").as_bytes()) == 1).then_some(()));
    assert_eq!(agent.until("the event arrives", |got| (got.events() > 0).then(|| got.events())), 1);
    agent.end();

    // Gone, with lines that come meanwhile, and back again.
    daemon.send(&[gauge("meanwhile")]);
    let agent = Agent::unix(&path);
    agent.until("what waited arrives", |got| (got.count(gauge("meanwhile").as_bytes()) == 1).then_some(()));
    agent.until("it is published that it was counted", |got| (got.own("counted") == 1).then_some(()));
    daemon.stop();
}

#[test]
fn a_port_that_opens_later_and_closes_in_between_is_used_when_it_is_open() {
    let project = Project::new();
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let daemon = project.start(&format!("udp://{port}"));
    daemon.send(&[gauge("lost")]);
    daemon.says("nobody listened there");
    for turn in ["first", "second"] {
        let agent = Agent::udp_at(&port);
        send_until_it_arrives(&daemon, &agent, turn);
        agent.end();
        daemon.send(&vec![gauge("lost"); 5]);
    }
    let agent = Agent::udp_at(&port);
    daemon.send(&[event("1")]);
    send_until_it_arrives(&daemon, &agent, "third");
    daemon.stop();
    assert!(agent.end().points().iter().any(|point| point.name.ends_with("top_rate") && point.value > 0.0));
}

#[test]
fn an_agent_that_stays_away_costs_bounded_memory_and_one_line_in_ten_seconds() {
    let project = Project::new();
    let nobody = project.socket("unixgram", "nobody.socket");
    let daemon = project.listen(&[&project.socket("unixgram", "daemon.socket")], &nobody);
    let socket = crate::process::datagrams_to(&project.path("daemon.socket"));
    let payload = vec![gauge("open"); 500].join("\n");
    let (before, since) = (daemon.memory(), Instant::now());
    for _ in 0..2_000 {
        socket.send(payload.as_bytes()).unwrap();
    }
    daemon.says("the Agent, which is not there");
    let grown = daemon.memory().zip(before).map(|(now, before)| now.saturating_sub(before));
    assert!(grown.is_none_or(|bytes| bytes < 8 << 20), "{grown:?} bytes for 14 MB of lines");
    let said = daemon.stop();
    let lines = said.iter().filter(|line| line.contains("which is not there")).count();
    assert!(lines as u64 <= 1 + since.elapsed().as_secs() / 10, "{said:#?}");
}
