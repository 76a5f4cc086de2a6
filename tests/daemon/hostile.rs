//! What nobody should send: it is passed on, or refused and said, and the daemon lives.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use bellwether::dogstatsd::{Line, parse};

use crate::agent::Agent;
use crate::process::{Daemon, Project, datagrams_to, event, until};

/// No more lines of one cause than time allows.
fn says_it_rarely(said: &[String], since: Instant) {
    let causes = said.iter().filter_map(|line| Some(line.split_once(": ")?.0)).collect::<Vec<_>>();
    let most = 1 + since.elapsed().as_secs() / 10;
    for cause in &causes {
        let lines = causes.iter().filter(|other| *other == cause).count() as u64;
        assert!(lines <= most, "{lines} lines in {:?} of: {cause}\n{said:#?}", since.elapsed());
    }
}

/// A daemon that listens on a port, for datagrams and for frames, with an Agent that loses nothing.
struct Running {
    project: Project,
    agent: Agent,
    daemon: Daemon,
    since: Instant,
}

impl Running {
    fn new() -> Self {
        Self::of(Project::new())
    }

    fn of(project: Project) -> Self {
        let agent = Agent::unix(&project.path("agent.socket"));
        let (datagrams, frames) =
            (project.socket("unixgram", "daemon.socket"), project.socket("unixstream", "daemon.stream"));
        let daemon = project.listen(&[&datagrams, &frames, "udp://127.0.0.1:0"], &agent.url);
        Self { project, agent, daemon, since: Instant::now() }
    }

    fn send(&self, payload: &[u8]) {
        datagrams_to(&self.project.path("daemon.socket")).send(payload).unwrap();
    }

    fn stream(&self) -> UnixStream {
        UnixStream::connect(self.project.path("daemon.stream")).unwrap()
    }

    /// It counts and forwards as ever.
    fn lives(&self) {
        let before = self.agent.got().events();
        self.send(event("alive").as_bytes());
        self.agent.until("an event arrives", |got| (got.events() > before).then_some(()));
    }
}

const MALFORMED: &[&[u8]] = &[
    b"no value",
    b"a:1",
    b"a:1|",
    b"a:1|x",
    b"a:x|c",
    b"a:1|c|@2",
    b"a:1|c|@x",
    b"a:1|c|Tsoon",
    b":1|c",
    b"\xff\xfe:1|c",
    b"a:1|c|#\xc3(",
    b"\0:1|c",
    b"_e{5,5}:a|b",
    b"_sc|name",
    b"_sc||9",
    b"a:nan|g",
    b"a:inf|c",
    b"a:1|g|#",
    b"a::|c",
    b"|||||",
    b":::::",
    b"\r",
];

#[test]
fn malformed_lines_go_on_to_the_agent_as_they_are() {
    let running = Running::new();
    const TIMES: usize = 300;
    let payload = MALFORMED.join(&b'\n');
    for _ in 0..TIMES {
        running.send(&payload);
    }
    let Running { agent, daemon, since, .. } = running;
    let said = daemon.stop();
    let got = agent.end();
    for line in MALFORMED {
        assert_eq!(got.count(line), TIMES, "{}", String::from_utf8_lossy(line));
    }
    assert_eq!(got.own("forwarded"), (TIMES * MALFORMED.len()) as u64);
    assert!(said.iter().any(|line| line.starts_with("lines of an unknown type")), "{said:#?}");
    says_it_rarely(&said, since);
}

#[test]
fn counts_that_are_no_counts_are_not_counted_and_harm_no_other() {
    let running = Running::new();
    let line = |value: &str| event("bad").replace(":1|c", &format!(":{value}|c"));
    let values = ["-1", "nan", "-inf", "inf", "1e400", "-0.4", "0", "x", "1:x"];
    running.send(values.map(line).join("\n").as_bytes());
    running.send([event("good"), event("good")].join("\n").as_bytes());
    let Running { agent, daemon, .. } = running;
    daemon.stop();
    let got = agent.end();
    let counted = got.events_by("good", 2);
    assert_eq!(counted.get("bad"), None, "{counted:?}");
    assert_eq!(counted["__other__"], 0);
    assert_eq!(got.own("problems"), 8, "all but zero");
    for value in ["x", "1:x"] {
        assert_eq!(got.count(line(value).as_bytes()), 1, "{value} cannot be read and goes on as it is");
    }
    let negative = line("-1").replace("cartId:bad,", "");
    assert_eq!(got.count(negative.as_bytes()), 1, "what can be read goes on without its id");
}

#[test]
fn what_is_too_long_is_refused_by_its_size() {
    let running = Running::new();
    // An id of 60 kB in a datagram, and one of a megabyte in a frame, which costs the connection.
    running.send(event(&"x".repeat(60_000)).as_bytes());
    running.daemon.send(&[event(&"y".repeat(60_000))]);
    let mut stream = running.stream();
    let payload = event(&"z".repeat(1 << 20));
    let mut frame = (payload.len() as u32).to_le_bytes().to_vec();
    frame.extend(payload.bytes());
    // It may be closed while this is still being written.
    let _ = stream.write_all(&frame);
    let mut lies = running.stream();
    let _ = lies.write_all(&u32::MAX.to_le_bytes());
    // One that ends before it is whole.
    let mut cut = running.stream();
    cut.write_all(&100_u32.to_le_bytes()).unwrap();
    cut.write_all(b"half").unwrap();
    drop(cut);
    for said in ["datagrams that are longer", "frames that are longer", "frames whose connection ended"] {
        running.daemon.says(said);
    }
    running.lives();
    let Running { agent, daemon, since, .. } = running;
    says_it_rarely(&daemon.stop(), since);
    let got = agent.end();
    assert_eq!((got.own("counted"), got.own("problems")), (1, 5));
}

#[test]
fn an_id_as_long_as_a_payload_is_counted_by_a_short_name() {
    let running = Running::new();
    let (one, other) = ("x".repeat(8_000), "x".repeat(7_999) + "y");
    for id in [&one, &one, &other] {
        running.send(event(id).as_bytes());
    }
    running.send(event("short").as_bytes());
    let Running { agent, daemon, .. } = running;
    daemon.stop();
    let got = agent.end();
    let counted = got.events_by("short", 1);
    assert_eq!(counted.values().sum::<u64>(), 4);
    assert!(counted.len() == 4 && counted.keys().all(|id| id.len() <= 200), "{counted:?}");
    assert_eq!(got.events(), 4);
}

#[test]
fn a_million_new_ids_are_counted_in_bounded_memory() {
    const IDS: u64 = 1_000_000;
    let project = Project::new();
    let settings = std::fs::read_to_string(project.path("bellwether.toml")).unwrap();
    project.write("bellwether.toml", &(settings + "capacity = 4096\n"));
    let running = Running::of(project);
    let socket = datagrams_to(&running.project.path("daemon.socket"));
    let before = running.daemon.memory();
    let mut most = before;
    for first in (0..IDS).step_by(100) {
        let lines: Vec<String> = (first..first + 100).map(|id| event(&format!("cart-{id}"))).collect();
        socket.send(lines.join("\n").as_bytes()).unwrap();
        if first % 50_000 == 0 {
            most = most.max(running.daemon.memory());
        }
    }
    let grown = most.max(running.daemon.memory()).zip(before).map(|(now, before)| now.saturating_sub(before));
    // At most, each of 60 panes holds 4,096 ids of 48 bytes and as many slots.
    assert!(grown.is_none_or(|bytes| bytes < 64 << 20), "{grown:?}");
    let known = vec![event("known"); 100].join("\n");
    for _ in 0..500 {
        socket.send(known.as_bytes()).unwrap();
    }
    let Running { agent, daemon, .. } = running;
    daemon.stop();
    let got = agent.end();
    assert_eq!((got.own("counted"), got.events()), (IDS + 50_000, IDS + 50_000));
    let bound = got.points().into_iter().rfind(|point| point.name.ends_with(".bound")).unwrap().value;
    let by_id = got.by_id();
    let all = by_id.values().sum::<f64>() / (IDS + 50_000) as f64;
    // The count is exact up to the bound, which is published and not 0 any more.
    let (lower, upper) = (by_id["known"] / all, (by_id["known"] + bound) / all);
    assert!(bound > 0.0 && lower.round() <= 50_000.0 && upper.round() >= 50_000.0, "{lower} to {upper}");
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let running = Running::new();
    let payload = event("brief");
    let frame = [&(payload.len() as u32).to_le_bytes(), payload.as_bytes()].concat();
    for _ in 0..300 {
        running.stream().write_all(&frame).unwrap();
    }
    running.agent.until("all are forwarded", |got| (got.events() == 300).then_some(()));
    // A connection's thread ends when it finds that the other side has gone.
    until("the threads are gone", || {
        let threads = std::fs::read_dir(format!("/proc/{}/task", running.daemon.pid()));
        threads.map_or(Some(()), |threads| (threads.count() < 30).then_some(()))
    });
    let Running { agent, daemon, .. } = running;
    daemon.stop();
    assert_eq!(agent.end().own("counted"), 300);
}

#[test]
fn events_arrive_with_their_sum_however_they_are_written() {
    let running = Running::new();
    let line = |value: &str, rest: &str| format!("events.received:{value}|c{rest}");
    let mut all = Vec::new();
    // More kinds than are summed at a time, in turns.
    for turn in 0..200 {
        let tags = format!("|#event:addtocartevent,shop:{},cartId:a", turn % 40);
        all.extend(
            [("2", ""), ("1:2", ""), ("2.5", ""), ("1", "|@0.5"), ("3", "|T1700000000")]
                .map(|(value, rest)| line(value, &format!("{rest}{tags}"))),
        );
    }
    for lines in all.chunks(50) {
        running.send(lines.join("\n").as_bytes());
    }
    let Running { agent, daemon, .. } = running;
    daemon.stop();
    let got = agent.end();
    // For counting 2.5 is 3; what is passed on is as it was written.
    assert_eq!((got.own("counted"), got.own("problems")), (1_000, 0));
    let as_written: f64 = got.forwarded().filter_map(value).sum();
    assert_eq!(as_written, 200.0 * (2.0 + 3.0 + 2.5 + 2.0 + 3.0));
    assert!(got.forwarded().count() < 1_000, "some are summed");
}

/// What a count's line stands for.
fn value(line: &[u8]) -> Option<f64> {
    match parse(line) {
        Ok(Line::Metric(metric)) => Some(metric.numbers().sum::<f64>() * metric.weight()),
        _ => None,
    }
}
