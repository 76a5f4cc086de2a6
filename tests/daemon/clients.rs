//! Clients as services use them, unchanged: ids are counted, and everything else arrives byte for byte.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bellwether::dogstatsd::{Line, parse};
use cadence::prelude::*;
use cadence::{BufferedUdpMetricSink, BufferedUnixMetricSink, StatsdClient};
use metrics::{Key, Label, Level, Metadata, Recorder};
use metrics_exporter_dogstatsd::DogStatsDBuilder;

use crate::agent::{Agent, Got};
use crate::process::{Daemon, Project, until};
use crate::tap::Tap;

/// Ids as they are sent. The first is a GUID in large letters, which has to stay so.
const GUID: &str = "6F9619FF-8B86-D011-B42D-00C04FC964FF";
const NUMBER: &str = "11092";
const TEXT: &str = "spring-sale/ü";
/// How many events each of them has, and how many all have together.
const EVENTS: [(&str, u64); 3] = [(GUID, 6), (NUMBER, 3), (TEXT, 1)];
const ALL_EVENTS: u64 = 10;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Transport {
    Udp,
    Datagrams,
    Frames,
}

/// A daemon with an Agent behind it and a tap before it.
struct Way {
    project: Project,
    agent: Agent,
    daemon: Daemon,
    tap: Tap,
    /// The tap's: `host:port`, or a path.
    address: String,
}

impl Way {
    fn new(transport: Transport) -> Self {
        let project = Project::new();
        let agent = Agent::unix(&project.path("agent.socket"));
        let (socket, before) = (project.path("daemon.socket"), project.path("tap.socket"));
        let listen = match transport {
            Transport::Udp => "udp://127.0.0.1:0".to_owned(),
            Transport::Datagrams => project.socket("unixgram", "daemon.socket"),
            Transport::Frames => project.socket("unixstream", "daemon.socket"),
        };
        let daemon = project.listen(&[&listen], &agent.url);
        let path = before.display().to_string();
        let (tap, address) = match transport {
            Transport::Udp => {
                let (tap, address) = Tap::udp(daemon.udp());
                (tap, address.to_string())
            }
            Transport::Datagrams => (Tap::datagrams(&before, &socket), path),
            Transport::Frames => (Tap::frames(&before, &socket), path),
        };
        Self { project, agent, daemon, tap, address }
    }

    /// Waits until all events are through, ends, and compares what was sent with what the Agent got.
    fn holds(self) {
        let sent = until("all events are sent", || {
            (events(self.tap.lines().iter().map(Vec::as_slice)) == ALL_EVENTS).then(|| self.tap.close())
        });
        self.daemon.stop();
        let got = self.agent.end();
        arrive_byte_for_byte(&sent, &got);
        assert_eq!(got.events(), ALL_EVENTS);
        let expected: BTreeMap<String, u64> = EVENTS.iter().map(|(id, n)| ((*id).to_owned(), *n)).collect();
        let mut counted = got.events_by(GUID, EVENTS[0].1);
        assert_eq!(counted.remove("__other__"), Some(0));
        assert_eq!(counted, expected);
        drop(self.project);
    }
}

/// A line's events if it is the pipeline's count.
fn events_of(line: &[u8]) -> Option<u64> {
    match parse(line) {
        Ok(Line::Metric(metric))
            if metric.name == "events.received" && metric.tags.get("event") == Some("addtocartevent") =>
        {
            Some((metric.numbers().sum::<f64>() * metric.weight()).round() as u64)
        }
        _ => None,
    }
}

fn events<'l>(lines: impl Iterator<Item = &'l [u8]>) -> u64 {
    lines.filter_map(events_of).sum()
}

/// A count without its id tag and its value, as text.
fn without_id(line: &[u8]) -> String {
    let text = std::str::from_utf8(line).unwrap();
    let (name, rest) = text.split_once(':').unwrap();
    let (_, rest) = rest.split_once('|').unwrap();
    let fields = rest.split('|').map(|field| match field.strip_prefix('#') {
        Some(tags) => {
            let kept: Vec<&str> = tags.split(',').filter(|tag| !tag.starts_with("cartId:")).collect();
            format!("#{}", kept.join(","))
        }
        None => field.to_owned(),
    });
    format!("{name}|{}", fields.collect::<Vec<_>>().join("|"))
}

/// Lines that are no counts of events as they are, in order of their bytes, and the counts of events by what they are
/// without their id.
fn sorted<'l>(lines: impl Iterator<Item = &'l [u8]>) -> (Vec<String>, BTreeMap<String, u64>) {
    let (mut others, mut counts) = (Vec::new(), BTreeMap::new());
    for line in lines {
        match events_of(line) {
            Some(n) => *counts.entry(without_id(line)).or_default() += n,
            None => others.push(String::from_utf8_lossy(line).into_owned()),
        }
    }
    others.sort();
    (others, counts)
}

fn arrive_byte_for_byte(sent: &[Vec<u8>], got: &Got) {
    let sent = sorted(sent.iter().map(Vec::as_slice));
    assert!(!sent.0.is_empty() && !sent.1.is_empty());
    assert_eq!(sorted(got.forwarded()), sent);
}

fn cadence_sends(client: &StatsdClient) {
    for (id, n) in EVENTS {
        for turn in 0..n {
            let count = client.count_with_tags("events.received", 1);
            let count = count.with_tag("event", "addtocartevent").with_tag("cartId", id);
            // Not all of them look the same.
            if turn % 2 == 0 { count.with_tag_value("even").send() } else { count.send() }
        }
    }
    client
        .count_with_tags("events.received", 0)
        .with_tag("event", "unknownevent")
        .with_tag("cartId", "7")
        .send();
    client.count_with_tags("checkouts", 5).with_tag("cartId", GUID).with_sampling_rate(0.5).send();
    client.count_with_tags("checkouts", -5).with_container_id("ci-0123").with_timestamp(1_700_000_000).send();
    client.gauge_with_tags("carts.open", 17_u64).with_tag("shop", "ü").send();
    client.gauge_with_tags("carts.value", 17.25).send();
    client.time_with_tags("latency", 320_u64).with_tag_value("slow").send();
    client.histogram_with_tags("sizes", vec![1.5, 2.5, 3.5]).send();
    client.distribution_with_tags("sizes.all", 27_u64).with_tag("shop", "a").send();
    client.set_with_tags("visitors", 4711).send();
    // DogStatsD does not know this type; the Agent is to decide.
    client.meter_with_tags("requests", 1_u64).send();
    client.flush().unwrap();
}

#[test]
fn cadence_over_udp() {
    let way = Way::new(Transport::Udp);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let sink = BufferedUdpMetricSink::from(way.address.as_str(), socket).unwrap();
    cadence_sends(&StatsdClient::from_sink("", sink));
    way.holds();
}

#[test]
fn cadence_over_a_unix_socket() {
    let way = Way::new(Transport::Datagrams);
    let sink = BufferedUnixMetricSink::from(&way.address, UnixDatagram::unbound().unwrap());
    cadence_sends(&StatsdClient::from_sink("", sink));
    way.holds();
}

fn exporter_sends(address: &str) {
    let builder = DogStatsDBuilder::default().with_remote_address(address).unwrap();
    let recorder =
        builder.with_flush_interval(Duration::from_millis(50)).with_telemetry(true).build().unwrap();
    let metadata = Metadata::new("shop", Level::INFO, None);
    let key = |name: &'static str, labels: &[(&'static str, &'static str)]| {
        Key::from_parts(name, labels.iter().map(|(key, value)| Label::new(*key, *value)).collect::<Vec<_>>())
    };
    recorder.register_gauge(&key("carts.open", &[("shop", "ü")]), &metadata).set(17.5);
    recorder.register_counter(&key("checkouts", &[("cartId", GUID)]), &metadata).increment(5);
    let histogram = recorder.register_histogram(&key("sizes", &[("shop", "a")]), &metadata);
    [1.5, 2.5, 3.5].into_iter().for_each(|size| histogram.record(size));
    for (id, n) in EVENTS {
        let key = key("events.received", &[("event", "addtocartevent"), ("cartId", id)]);
        recorder.register_counter(&key, &metadata).increment(n);
    }
}

#[test]
fn metrics_exporter_dogstatsd_over_udp() {
    let way = Way::new(Transport::Udp);
    exporter_sends(&format!("udp://{}", way.address));
    way.holds();
}

#[test]
fn metrics_exporter_dogstatsd_over_unix_datagrams() {
    let way = Way::new(Transport::Datagrams);
    exporter_sends(&format!("unixgram://{}", way.address));
    way.holds();
}

#[test]
fn metrics_exporter_dogstatsd_over_a_unix_stream() {
    let way = Way::new(Transport::Frames);
    exporter_sends(&format!("unix://{}", way.address));
    way.holds();
}

/// Datadog's own client, where it is installed.
fn datadog_sends(transport: Transport) {
    let probe = Command::new("python3").args(["-c", "import datadog"]).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        println!("skipped: python3 with datadog is not here");
        return;
    }
    let way = Way::new(transport);
    let address = match transport {
        Transport::Udp => way.address.clone(),
        Transport::Datagrams => format!("unixgram://{}", way.address),
        Transport::Frames => format!("unixstream://{}", way.address),
    };
    let mut command = Command::new("python3");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/dogstatsd.py")).arg(address);
    EVENTS.iter().for_each(|(id, n)| {
        command.arg(format!("{id}={n}"));
    });
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    way.holds();
}

#[test]
fn datadog_over_udp() {
    datadog_sends(Transport::Udp);
}

#[test]
fn datadog_over_unix_datagrams() {
    datadog_sends(Transport::Datagrams);
}

#[test]
fn datadog_over_a_unix_stream() {
    datadog_sends(Transport::Frames);
}
