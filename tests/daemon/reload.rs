//! Rules that change while events come in.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;

use crate::agent::Agent;
use crate::process::{Daemon, Project, datagrams_to, event, schema};

const CART: &str = "schemas/cart.avdl";

/// A daemon, the Agent behind it, and a way to send to it that loses nothing.
struct Running {
    project: Project,
    agent: Agent,
    daemon: Daemon,
    socket: std::os::unix::net::UnixDatagram,
}

impl Running {
    fn new() -> Self {
        let project = Project::new();
        let agent = Agent::unix(&project.path("agent.socket"));
        let daemon = project.listen(&[&project.socket("unixgram", "daemon.socket")], &agent.url);
        let socket = datagrams_to(&project.path("daemon.socket"));
        Self { project, agent, daemon, socket }
    }

    fn send(&self, id: &str, events: u64) {
        for _ in 0..events {
            self.socket.send(event(id).as_bytes()).unwrap();
        }
    }

    /// How often it has said this.
    fn said(&self, text: &str) -> usize {
        self.daemon.said().iter().filter(|line| line.contains(text)).count()
    }
}

#[test]
fn marks_before_during_and_after_a_reload_add_up() {
    let running = Running::new();
    running.send("before", 1_000);
    let mut during = 0;
    for turn in 1..=6 {
        // The cart's rule stays; another one comes and goes, and what is published of the first one changes.
        let top = if turn % 2 == 0 { 5 } else { 6 };
        let cart = schema("AddToCartEvent", "cartId").replace("({})", &format!("({{\"top\": {top}}})"));
        running.project.write(CART, &cart);
        if turn % 2 == 1 {
            running.project.write("schemas/order.avdl", &schema("OrderEvent", "orderId"));
        } else {
            std::fs::remove_file(running.project.path("schemas/order.avdl")).unwrap();
        }
        running.daemon.signal(Signal::SIGHUP);
        // The project's files are looked at by the clock too: there may be more reloads than signals.
        while running.said("Read again") < turn {
            running.send("during", 1);
            during += 1;
        }
    }
    running.send("after", 777);
    running.daemon.stop();
    let (got, all) = (running.agent.end(), 1_777 + during);
    let expected = [("before", 1_000), ("during", during), ("after", 777), ("__other__", 0)];
    let expected: BTreeMap<String, u64> = expected.map(|(id, n)| (id.to_owned(), n)).into();
    assert_eq!(got.events_by("before", 1_000), expected);
    assert_eq!((got.own("received"), got.own("counted"), got.events()), (all, all, all));
}

#[test]
fn a_rule_that_goes_publishes_what_it_has_counted() {
    let running = Running::new();
    running.send("a", 300);
    running.send("b", 100);
    running.project.write(CART, &schema("OrderEvent", "orderId"));
    running.daemon.signal(Signal::SIGHUP);
    running.daemon.says("Read again: 1 rule.");
    // Rules are replaced by another thread: a line that still finds the old one is counted by it.
    let mut sent = 400;
    running.agent.until("a line finds no rule any more", |got| {
        running.send("late", 1);
        sent += 1;
        (got.count(event("late").as_bytes()) > 0).then_some(())
    });
    running.daemon.stop();
    let got = running.agent.end();
    let counted = got.events_by("a", 300);
    let passed_on = got.count(event("late").as_bytes()) as u64;
    assert_eq!((counted["a"], counted["b"]), (300, 100));
    assert_eq!(counted.values().sum::<u64>() + passed_on, sent);
    assert_eq!((got.own("counted"), got.own("received")), (sent - passed_on, sent));
}

#[test]
fn a_mistake_keeps_the_rules_and_is_said_with_its_place() {
    let running = Running::new();
    running.send("before", 10);
    let mistaken = schema("AddToCartEvent", "cartId").replace("({})", "({\"top\": -1})");
    running.project.write(CART, &mistaken);
    running.daemon.signal(Signal::SIGHUP);
    let said = running.daemon.says("The rules stay as they are");
    assert!(said.contains("cart.avdl:4") && said.contains("`bellwether check` says more"), "{said}");
    running.send("with the mistake".replace(' ', "-").as_str(), 20);
    // No signal: that the file has changed is seen.
    running.project.write(CART, &schema("AddToCartEvent", "cartId"));
    running.daemon.says("Read again: 1 rule.");
    running.send("after", 30);
    running.daemon.stop();
    let expected = [("before", 10), ("with-the-mistake", 20), ("after", 30), ("__other__", 0)];
    let got = running.agent.end();
    assert_eq!(got.events_by("before", 10), expected.map(|(id, n)| (id.to_owned(), n)).into());
}

#[test]
fn a_new_file_is_noticed_without_a_signal() {
    let running = Running::new();
    running.project.write("schemas/order.avdl", &schema("OrderEvent", "orderId"));
    running.daemon.says("Read again: 2 rules.");
    running.socket.send(b"events.received:5|c|#event:orderevent,orderId:4711").unwrap();
    running.agent.until("it is counted by the new rule", |got| {
        let point = b"order_event.order_id.top_rate.by_id:";
        let id = b"id:4711";
        let has = |line: &[u8]| line.starts_with(point) && line.windows(id.len()).any(|part| part == id);
        got.0.iter().any(|line| has(line)).then_some(())
    });
    running.daemon.stop();
    assert_eq!(running.agent.end().own("counted"), 1);
}
