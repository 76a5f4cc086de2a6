//! Datagrams: none is lost, too long ones are counted, and the files of sockets are handled with care.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::sync::Arc;

use bellwether::daemon::address::Address;
use bellwether::daemon::causes::{Cause, Causes};
use bellwether::daemon::receive::{Intake, ReceiveError, Receivers, Settings};
use bellwether::dogstatsd::{lines, parse};

use crate::support::{Addresses, Server};

fn sender(address: &Address) -> UdpSocket {
    let Address::Udp { host, port } = address else { panic!("{address}") };
    let socket = UdpSocket::bind((host.as_str(), 0)).expect("a socket");
    socket.connect((host.as_str(), *port)).expect("a server");
    socket
}

#[test]
fn ten_thousand_datagrams_are_received_or_counted_as_dropped_by_the_kernel() {
    let settings = Settings { udp_threads: 3, receive_buffer: 64 << 20, ..Settings::default() };
    let server = Server::with(&Addresses::udp(), &settings);
    let senders: Vec<UdpSocket> = (0..5).map(|_| sender(&server.address())).collect();
    for turn in 0..10_000_usize {
        senders[turn % 5].send(format!("a:{turn}|c").as_bytes()).expect("sent");
    }
    let (causes, buffer) = (Arc::clone(&server.causes), server.receive_buffer().expect("UDP"));
    let mut received = server.lines();
    received.sort_unstable();
    received.dedup();
    let drops = causes.count(Cause::KernelDrops);
    assert_eq!(received.len() as u64 + drops, 10_000, "each came once");
    // As the kernel counts, each takes less than 2 KiB. A system may grant too little for all of them.
    if buffer > 10_000 * 2048 {
        assert_eq!(drops, 0);
    }
}

#[test]
fn what_the_kernel_drops_is_counted() {
    let settings = Settings { receive_buffer: 1, ..Settings::default() };
    struct Stuck(std::sync::mpsc::Receiver<()>, u64, std::sync::mpsc::Sender<u64>);
    impl Intake for Stuck {
        fn payload(&mut self, _: &[u8]) {
            self.1 += 1;
            // Until the test lets go.
            let _ = self.0.recv();
        }
        fn idle(&mut self) {}
    }
    impl Drop for Stuck {
        fn drop(&mut self) {
            let _ = self.2.send(self.1);
        }
    }
    let (hold, held) = std::sync::mpsc::channel();
    let (told, tell) = std::sync::mpsc::channel();
    let stuck = std::sync::Mutex::new(Some(Stuck(held, 0, told)));
    let causes = Arc::new(Causes::default());
    let make = move || stuck.lock().unwrap().take().expect("one thread");
    let mut receivers = Receivers::start(&[Addresses::udp()], &settings, &causes, make).expect("a server");
    let socket = sender(&receivers.addresses()[0]);
    for _ in 0..1_000 {
        socket.send(&[b'x'; 1_000]).expect("sent");
    }
    if !receivers.count_kernel_drops() {
        return; // This system does not tell.
    }
    assert!(causes.count(Cause::KernelDrops) > 0);
    drop(hold);
    receivers.stop().expect("no thread broke down");
    let received = tell.recv().expect("the intake is dropped");
    assert_eq!(received + causes.count(Cause::KernelDrops), 1_000);
}

#[test]
fn unix_datagrams_sent_before_the_stop_are_received() {
    let addresses = Addresses::new();
    let server = Server::start(&addresses.unix());
    assert_eq!(server.address(), addresses.datagram());
    let socket = UnixDatagram::unbound().expect("a socket");
    for turn in 0..10_000 {
        socket.send_to(format!("a:{turn}|c").as_bytes(), addresses.path()).expect("sent");
    }
    assert_eq!(server.lines(), (0..10_000).map(|turn| format!("a:{turn}|c")).collect::<Vec<_>>());
    assert!(!addresses.path().exists(), "the file is removed");
}

#[test]
fn oversized_datagrams_are_counted_and_the_next_one_arrives() {
    let addresses = Addresses::new();
    let settings = Settings { max_payload: 100, ..Settings::default() };
    let (udp, unix) =
        (Server::with(&Addresses::udp(), &settings), Server::with(&addresses.datagram(), &settings));
    let over_udp = sender(&udp.address());
    let over_unix = UnixDatagram::unbound().expect("a socket");
    over_unix.connect(addresses.path()).expect("a server");
    for length in [101, 100, 60_000, 1, 0, 99] {
        over_udp.send(&vec![b'x'; length]).expect("sent");
        over_unix.send(&vec![b'x'; length]).expect("sent");
    }
    for server in [udp, unix] {
        let causes = Arc::clone(&server.causes);
        let lengths: Vec<usize> = server.stop().iter().map(Vec::len).filter(|length| *length > 0).collect();
        assert_eq!(lengths, [100, 1, 99]);
        assert_eq!(causes.count(Cause::OversizedDatagram), 2);
    }
}

#[test]
fn malformed_bytes_are_counted_and_harm_nothing() {
    let (server, causes) = (Server::start(&Addresses::udp()), Arc::new(Causes::default()));
    sender(&server.address())
        .send(b"a:1|c\n\xff\xfe\n\0\n_e{9,9}:x|y\na:1|q\n\n\nb:x|g\nc:2|g|@7\n_sc|a|0\n|\n:\nd:3|c")
        .expect("sent");
    let payload = server.payload();
    let (good, bad): (Vec<_>, Vec<_>) = lines(&payload).partition(|line| parse(line).is_ok());
    assert_eq!(good, [b"a:1|c".as_slice(), b"_sc|a|0", b"d:3|c"]);
    bad.iter().for_each(|line| causes.add_text(parse(line).expect_err("malformed").into(), line));
    let counted: Vec<_> = causes.snapshot().into_iter().filter(|(_, count)| *count > 0).collect();
    let expected = [
        (Cause::NotUtf8, 1),
        (Cause::BadName, 1),
        (Cause::NoValue, 2),
        (Cause::UnknownType, 1),
        (Cause::BadValue, 1),
        (Cause::BadRate, 1),
        (Cause::BadEvent, 1),
    ];
    assert_eq!(counted, expected);
    assert_eq!(server.stop(), [b""; 0]);
}

fn refusal(address: &Address, settings: &Settings) -> ReceiveError {
    let causes = Arc::new(Causes::default());
    struct Nothing;
    impl Intake for Nothing {
        fn payload(&mut self, _: &[u8]) {}
        fn idle(&mut self) {}
    }
    Receivers::start(std::slice::from_ref(address), settings, &causes, || Nothing).expect_err("refused")
}

#[test]
fn a_port_is_not_shared_with_another_process() {
    for udp_threads in [1, 2] {
        let settings = Settings { udp_threads, ..Settings::default() };
        let server = Server::with(&Addresses::udp(), &settings);
        for udp_threads in [1, 2] {
            let error = refusal(&server.address(), &Settings { udp_threads, ..Settings::default() });
            assert!(matches!(error, ReceiveError::Listen { .. }), "{error}");
        }
        server.stop();
    }
}

#[test]
fn a_file_left_behind_is_replaced_and_one_in_use_is_not() {
    let addresses = Addresses::new();
    drop(UnixDatagram::bind(addresses.path()).expect("a socket"));
    assert!(addresses.path().exists());
    let server = Server::start(&addresses.datagram());
    let mode = fs::metadata(addresses.path()).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o722);
    for address in [addresses.datagram(), addresses.stream()] {
        let error = refusal(&address, &Settings::default());
        assert!(matches!(error, ReceiveError::InUse(_)), "{error}");
    }
    // Another has taken its place: that one's file stays.
    fs::remove_file(addresses.path()).expect("removed");
    fs::write(addresses.path(), "not a socket").expect("written");
    server.stop();
    let error = refusal(&addresses.stream(), &Settings::default());
    assert!(matches!(error, ReceiveError::NotASocket(_)), "{error}");
    assert!(addresses.path().exists());
}

#[test]
fn a_start_that_fails_leaves_nothing_behind() {
    let addresses = Addresses::new();
    let causes = Arc::new(Causes::default());
    let (sender, _payloads) = std::sync::mpsc::channel::<()>();
    struct Nothing(#[expect(dead_code, reason = "held, so that its end shows")] std::sync::mpsc::Sender<()>);
    impl Intake for Nothing {
        fn payload(&mut self, _: &[u8]) {}
        fn idle(&mut self) {}
    }
    let wanted = [addresses.datagram(), "unixgram:///nowhere/at/all".parse().expect("an address")];
    let error = Receivers::start(&wanted, &Settings::default(), &causes, move || Nothing(sender.clone()));
    let error = error.expect_err("no such directory").to_string();
    assert!(error.starts_with("cannot listen on unixgram:///nowhere/at/all: "), "{error}");
    assert!(!addresses.path().exists());
    assert!(_payloads.recv().is_err(), "all threads are gone");
}
