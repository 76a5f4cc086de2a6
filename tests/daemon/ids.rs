//! Ids are counted by each rule that counts them, and never become tags by passing through.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::agent::{Agent, Got, Point};
use crate::process::{Daemon, METRIC, Project};

/// The last rate of an id that a rule has published.
fn rate(got: &Got, metric: &str, id: &str) -> Option<f64> {
    let (name, id) = (format!("{metric}.by_id"), format!("id:{id}"));
    let of_id = |point: &&Point| point.name == name && point.tags.contains(&id);
    got.points().iter().rfind(of_id).map(|point| point.value)
}

/// Posts events, of which so many are taken.
fn post(daemon: &Daemon, body: &str, accepted: u64) {
    let page = daemon.addresses[1].strip_prefix("http://").unwrap().trim_end_matches('/');
    let mut stream = TcpStream::connect(page).unwrap();
    let head = format!("POST /events/AddToCartEvent HTTP/1.1\r\nhost: {page}\r\nconnection: close\r\n");
    write!(stream, "{head}content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.contains(&format!("{{\"accepted\":{accepted}}}")), "{reply}");
}

#[test]
fn an_event_over_http_is_told_as_soon_as_the_agent_is_there() {
    let project = Project::new();
    let daemon = project.serve(&project.socket("unixgram", "agent.sock"));
    post(&daemon, r#"{"cartId": "x"}"#, 1);
    // Nothing else is posted.
    let agent = Agent::unix(&project.path("agent.sock"));
    agent.until("the event is told", |got| (got.events() == 1).then_some(()));
    daemon.stop();
    assert_eq!(agent.end().events(), 1);
}

#[test]
fn an_event_over_http_counts_once_for_each_rule_of_its_field() {
    let project = Project::new();
    project.write(
        "schemas/cart.avdl",
        &format!(
            "@namespace(\"com.example\")\nprotocol Carts {{\n  record AddToCartEvent {{\n    string \
             @aggregate_metric([{{\"id\": \"a\", \"metric\": \"{METRIC}_a\"}}, \
             {{\"id\": \"b\", \"metric\": \"{METRIC}_b\"}}]) cartId;\n  }}\n}}\n"
        ),
    );
    let agent = Agent::unix(&project.path("agent.sock"));
    let daemon = project.serve(&agent.url);
    post(&daemon, r#"[{"cartId": "x"}, {"cartId": "x"}, {"cartId": "7"}]"#, 3);
    daemon.stop();
    let got = agent.end();
    for metric in [format!("{METRIC}_a"), format!("{METRIC}_b")] {
        let (x, seven) = (rate(&got, &metric, "x").unwrap(), rate(&got, &metric, "7").unwrap());
        assert!((x / seven - 2.0).abs() < 1e-9, "{metric}: {x} {seven}");
        assert_eq!(rate(&got, &metric, "__other__"), Some(0.0), "{metric}");
    }
    let a = rate(&got, &format!("{METRIC}_a"), "x").unwrap();
    let b = rate(&got, &format!("{METRIC}_b"), "x").unwrap();
    // Both panes have the same length, but for the moment between two looks at the clock.
    assert!((a / b - 1.0).abs() < 0.2, "{a} {b}");
}

#[test]
fn a_count_that_cannot_be_counted_goes_on_without_its_id() {
    let project = Project::new();
    let agent = Agent::unix(&project.path("agent.sock"));
    let daemon = project.start(&agent.url);
    daemon.send(&["events.received:-3|c|#event:addtocartevent,cartId:11092,env:test"]);
    agent.until("the line comes", |got| {
        (got.count(b"events.received:-3|c|#event:addtocartevent,env:test") == 1).then_some(())
    });
    daemon.stop();
    assert!(!agent.end().0.iter().any(|line| line.windows(5).any(|part| part == b"11092")));
}
