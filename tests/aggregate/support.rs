//! Receivers that hand everything to the test.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use bellwether::daemon::address::Address;
use bellwether::daemon::causes::Causes;
use bellwether::daemon::receive::{Intake, Receivers, Settings};
use tempfile::TempDir;

/// Long enough for any machine; nothing waits for so long unless it fails.
pub const LONG: Duration = Duration::from_secs(60);

/// Hands payloads on.
pub struct Hand(Sender<Vec<u8>>);

impl Intake for Hand {
    fn payload(&mut self, payload: &[u8]) {
        self.0.send(payload.to_vec()).expect("the test listens");
    }

    fn idle(&mut self) {}
}

/// Receivers, and what they received.
pub struct Server {
    receivers: Receivers,
    payloads: Receiver<Vec<u8>>,
    pub causes: Arc<Causes>,
}

impl Server {
    pub fn start(address: &Address) -> Self {
        Self::with(address, &Settings::default())
    }

    pub fn with(address: &Address, settings: &Settings) -> Self {
        let (sender, payloads) = channel();
        let causes = Arc::new(Causes::default());
        let make = move || Hand(sender.clone());
        let receivers = Receivers::start(std::slice::from_ref(address), settings, &causes, make);
        Self { receivers: receivers.expect("an address to listen on"), payloads, causes }
    }

    pub fn address(&self) -> Address {
        self.receivers.addresses()[0].clone()
    }

    pub fn receive_buffer(&self) -> Option<usize> {
        self.receivers.receive_buffer()
    }

    /// The next payload.
    pub fn payload(&self) -> Vec<u8> {
        self.payloads.recv_timeout(LONG).expect("a payload")
    }

    /// Stops, and gives all payloads that were not taken yet.
    pub fn stop(self) -> Vec<Vec<u8>> {
        self.receivers.stop().expect("no thread broke down");
        self.payloads.try_iter().collect()
    }

    /// Stops, and gives all lines.
    pub fn lines(self) -> Vec<String> {
        let text = |line: &str| line.to_owned();
        let payloads = self.stop();
        payloads
            .iter()
            .flat_map(|payload| String::from_utf8_lossy(payload).lines().map(text).collect::<Vec<_>>())
            .collect()
    }
}

/// An address of each kind, and the directory of their files.
pub struct Addresses(TempDir);

impl Addresses {
    pub fn new() -> Self {
        Self(TempDir::new().expect("a directory"))
    }

    pub fn path(&self) -> PathBuf {
        self.0.path().join("dsd.socket")
    }

    pub fn udp() -> Address {
        "udp://127.0.0.1:0".parse().expect("an address")
    }

    pub fn datagram(&self) -> Address {
        Address::UnixDatagram(self.path())
    }

    pub fn stream(&self) -> Address {
        Address::UnixStream(self.path())
    }

    pub fn unix(&self) -> Address {
        Address::Unix(self.path())
    }
}

/// Different lines of a common length.
pub fn some_lines(count: usize) -> Vec<String> {
    (0..count)
        .map(|turn| format!("checkout.step:{turn}|c|#experiment:{:032x},env:prod", turn * 7_919))
        .collect()
}
