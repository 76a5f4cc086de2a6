//! Forwarding: every byte arrives over every transport, and what cannot is counted.

use std::io::Read;
use std::net::UdpSocket;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bellwether::daemon::address::Address;
use bellwether::daemon::causes::{Cause, Causes};
use bellwether::daemon::forward::{Agent, Forwarder, Settings};

use crate::support::{Addresses, LONG, Server, some_lines};

/// Longer than any pause between two attempts to connect.
const PAUSE: Duration = Duration::from_secs(2);

fn forwarder(address: &Address) -> (Forwarder, Arc<Causes>, Arc<Agent>) {
    with(address, Settings::of(address))
}

fn with(address: &Address, settings: Settings) -> (Forwarder, Arc<Causes>, Arc<Agent>) {
    let causes = Arc::new(Causes::default());
    let agent = Agent::new(address.clone(), settings, Arc::clone(&causes));
    agent.resolve().expect("an IP address or a path");
    (agent.forwarder(), causes, agent)
}

fn send(forwarder: &mut Forwarder, lines: &[String]) {
    lines.iter().for_each(|line| forwarder.line(line.as_bytes()));
}

/// Finds out that the connection is gone, waits, and connects.
fn reconnect(forwarder: &mut Forwarder) {
    for turn in 0..3 {
        forwarder.flush(Instant::now() + PAUSE * turn);
    }
}

fn total(causes: &Causes) -> u64 {
    causes.snapshot().iter().map(|(_, count)| count).sum()
}

#[test]
fn every_transport_delivers_every_line_in_order() {
    for turn in 0..4 {
        let addresses = Addresses::new();
        let (listen, target) = match turn {
            0 => (Addresses::udp(), None),
            1 => (addresses.datagram(), Some(addresses.datagram())),
            2 => (addresses.datagram(), Some(addresses.unix())),
            _ => (addresses.stream(), Some(addresses.unix())),
        };
        let server = Server::start(&listen);
        let target = target.unwrap_or_else(|| server.address());
        let (mut forwarder, causes, agent) = forwarder(&target);
        let lines = some_lines(5_000);
        forwarder.flush(Instant::now());
        for part in lines.chunks(100) {
            send(&mut forwarder, part);
            forwarder.flush(Instant::now());
        }
        forwarder.finish(LONG);
        assert_eq!(server.lines(), lines, "{target}");
        assert_eq!(total(&causes), 0, "{target}");
        assert!(agent.sent().bytes as usize > lines.len() * 40);
    }
}

#[test]
fn payloads_are_filled_and_no_longer_than_they_may_be() {
    for most in [1_432, 8_192] {
        let server = Server::start(&Addresses::udp());
        let address = server.address();
        let (mut forwarder, ..) = with(&address, Settings { payload: most, ..Settings::of(&address) });
        send(&mut forwarder, &some_lines(800));
        forwarder.finish(LONG);
        let payloads = server.stop();
        let (last, full) = payloads.split_last().expect("payloads");
        assert!(full.len() > 1);
        assert!(full.iter().all(|payload| (most - 132..=most).contains(&payload.len())));
        assert!(last.len() <= most);
    }
}

#[test]
fn a_payload_fits_into_one_packet_of_the_way_to_the_agent() {
    let most = |address: &str| Settings::of(&address.parse().expect("an address")).payload;
    for network in ["udp://10.0.0.1", "udp://agent", "udp://localhost.example.com", "udp://[fd00::1]"] {
        assert_eq!(most(network), 1_432, "{network}");
    }
    for machine in [
        "udp://localhost",
        "udp://127.0.0.2:8126",
        "udp://[::1]:8126",
        "unixgram:///a",
        "unixstream:///a",
        "unix:///a",
    ] {
        assert_eq!(most(machine), 8_192, "{machine}");
    }
}

#[test]
fn bytes_are_forwarded_as_they_are() {
    let addresses = Addresses::new();
    let server = Server::start(&addresses.datagram());
    let (mut forwarder, causes, _) = forwarder(&addresses.datagram());
    forwarder.payload(b"\xff\0\r\n\nwhat is|this\n");
    forwarder.line(b"a:1|c|#\xc3\xa9");
    forwarder.payload(&[]);
    forwarder.finish(LONG);
    assert_eq!(server.stop(), [b"\xff\0\r\n\nwhat is|this\na:1|c|#\xc3\xa9"]);
    assert_eq!(total(&causes), 0);
}

#[test]
fn a_long_payload_is_split_at_lines_and_a_long_line_goes_alone() {
    let server = Server::start(&Addresses::udp());
    let (mut forwarder, causes, _) = forwarder(&server.address());
    let lines = some_lines(100);
    let long = "x".repeat(3_000);
    forwarder.payload(
        [lines.join("\n"), long.clone(), "y".repeat(8_193), "a:1|c".to_owned()].join("\n").as_bytes(),
    );
    forwarder.finish(LONG);
    let received = server.lines();
    assert_eq!(received, [lines, vec![long, "a:1|c".to_owned()]].concat());
    assert_eq!(causes.count(Cause::LineTooLong), 1);
}

#[test]
fn lines_wait_for_an_agent_that_is_away() {
    for is_stream in [false, true] {
        let addresses = Addresses::new();
        let address = if is_stream { addresses.stream() } else { addresses.datagram() };
        let (mut forwarder, causes, _) = forwarder(&addresses.unix());
        let (lines, mut received) = (some_lines(900), Vec::new());
        for part in lines.chunks(300) {
            send(&mut forwarder, part);
            forwarder.flush(Instant::now());
            let server = Server::start(&address);
            reconnect(&mut forwarder);
            forwarder.finish(LONG);
            received.extend(server.lines());
        }
        assert_eq!(received, lines);
        assert_eq!(total(&causes), 0);
    }
}

#[test]
fn what_an_absent_agent_cannot_be_sent_is_bounded_and_counted() {
    let addresses = Addresses::new();
    let address = addresses.datagram();
    let (mut forwarder, causes, _) = with(&address, Settings { queue: 50_000, ..Settings::of(&address) });
    let lines = some_lines(10_000);
    for part in lines.chunks(100) {
        send(&mut forwarder, part);
        forwarder.flush(Instant::now());
    }
    let lost = causes.count(Cause::AgentAway) as usize;
    let bytes: usize = lines[..10_000 - lost].iter().map(String::len).sum();
    assert!((30_000..=50_000).contains(&bytes), "{bytes}");
    let server = Server::start(&address);
    forwarder.finish(LONG);
    assert_eq!(server.lines(), lines[..10_000 - lost]);
    assert_eq!(total(&causes) as usize, lost);
}

#[test]
fn an_agent_that_is_not_there_in_the_end_costs_what_is_left() {
    let addresses = Addresses::new();
    let (mut forwarder, causes, _) = forwarder(&addresses.stream());
    send(&mut forwarder, &some_lines(500));
    forwarder.finish(Duration::ZERO);
    assert_eq!(causes.count(Cause::AgentAway), 500);
}

#[test]
fn a_datagram_agent_that_hangs_holds_nothing_up_and_what_is_lost_is_counted() {
    let addresses = Addresses::new();
    let agent = UnixDatagram::bind(addresses.path()).expect("a socket");
    let address = addresses.datagram();
    let (mut forwarder, causes, _) = with(&address, Settings { queue: 50_000, ..Settings::of(&address) });
    let lines = some_lines(20_000);
    let now = Instant::now();
    forwarder.flush(now);
    send(&mut forwarder, &lines);
    forwarder.flush(now);
    assert!(causes.count(Cause::AgentQueueFull) > 0);
    // It wakes up, and gets what was kept.
    let reader = std::thread::spawn(move || {
        let (mut buffer, mut read) = (vec![0; 10_000], 0);
        loop {
            let length = agent.recv(&mut buffer).expect("a datagram");
            let lines = buffer[..length].split(|byte| *byte == b'\n').count();
            match &buffer[..length] {
                b"end" => return read,
                _ => read += lines,
            }
        }
    });
    forwarder.finish(LONG);
    let mut last = with(&address, Settings::of(&address)).0;
    last.line(b"end");
    last.finish(LONG);
    let read = reader.join().expect("a count") as u64;
    assert_eq!(read + causes.count(Cause::AgentQueueFull), 20_000);
}

/// Reads frames until the connection ends, and gives the lines they hold.
fn lines_of_frames(mut stream: impl Read) -> Vec<String> {
    let mut lines = Vec::new();
    let mut header = [0; 4];
    while stream.read_exact(&mut header).is_ok() {
        let mut payload = vec![0; u32::from_le_bytes(header) as usize];
        stream.read_exact(&mut payload).expect("a whole frame");
        let text = String::from_utf8(payload).expect("UTF-8");
        lines.extend(text.lines().map(str::to_owned));
    }
    lines
}

/// A listener, and a forwarder with lines for it in frames that no system takes at once.
fn with_large_frames(addresses: &Addresses) -> (UnixListener, Forwarder, Arc<Causes>, Vec<String>) {
    let listener = UnixListener::bind(addresses.path()).expect("a listener");
    let settings = Settings {
        payload: 20 << 20,
        max_line: 20_000,
        queue: 100 << 20,
        ..Settings::of(&addresses.stream())
    };
    let (mut forwarder, causes, _) = with(&addresses.stream(), settings);
    let lines: Vec<String> = (0..3_000).map(|turn| format!("{turn}{}", "x".repeat(10_000))).collect();
    forwarder.flush(Instant::now());
    send(&mut forwarder, &lines);
    forwarder.flush(Instant::now());
    (listener, forwarder, causes, lines)
}

#[test]
fn a_frame_that_went_out_in_part_is_finished() {
    let addresses = Addresses::new();
    let (listener, mut forwarder, causes, lines) = with_large_frames(&addresses);
    let reader = std::thread::spawn(move || lines_of_frames(listener.accept().expect("a connection").0));
    forwarder.finish(LONG);
    drop(forwarder);
    assert!(reader.join().expect("frames") == lines);
    assert_eq!(total(&causes), 0);
}

#[test]
fn a_frame_whose_connection_ended_is_sent_again_whole() {
    let addresses = Addresses::new();
    let (listener, mut forwarder, causes, lines) = with_large_frames(&addresses);
    let (mut first, _) = listener.accept().expect("a connection");
    first.read_exact(&mut [0; 100_000]).expect("a part");
    forwarder.flush(Instant::now());
    drop(first);
    let reader = std::thread::spawn(move || lines_of_frames(listener.accept().expect("a connection").0));
    reconnect(&mut forwarder);
    forwarder.finish(LONG);
    drop(forwarder);
    assert!(reader.join().expect("frames") == lines);
    assert_eq!(total(&causes), 0);
}

#[test]
fn datagrams_to_a_port_where_nobody_listens_are_counted() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("an address").port();
    let (mut forwarder, causes, _) = forwarder(&Address::Udp { host: "127.0.0.1".to_owned(), port });
    let mut now = Instant::now();
    forwarder.line(b"a:1|c");
    forwarder.flush(now);
    drop(socket);
    for _ in 0..6 {
        now += PAUSE;
        forwarder.line(b"b:1|c");
        forwarder.flush(now);
    }
    // Back at the same port, it gets what follows.
    let refused = causes.count(Cause::AgentRefused);
    assert!(refused > 0);
    let socket = UdpSocket::bind(("127.0.0.1", port)).expect("the port");
    socket.set_read_timeout(Some(LONG)).expect("a socket");
    forwarder.line(b"c:1|c");
    forwarder.finish(LONG);
    let (mut buffer, mut text) = ([0; 2_000], String::new());
    while !text.contains("c:1|c") {
        let length = socket.recv(&mut buffer).expect("a datagram");
        text.push_str(&String::from_utf8_lossy(&buffer[..length]));
        text.push('\n');
    }
    assert_eq!(text.matches("b:1|c").count() as u64 + refused, 6, "{text}");
}

#[test]
fn a_name_that_nobody_has_resolved_yet_is_an_agent_that_is_away() {
    let server = Server::start(&Addresses::udp());
    let causes = Arc::new(Causes::default());
    let agent = Agent::new(server.address(), Settings::of(&server.address()), Arc::clone(&causes));
    let mut forwarder = agent.forwarder();
    forwarder.line(b"a:1|c");
    forwarder.flush(Instant::now());
    agent.resolve().expect("an IP address");
    forwarder.finish(LONG);
    assert_eq!(server.lines(), ["a:1|c"]);
    assert_eq!(total(&causes), 0);
}
