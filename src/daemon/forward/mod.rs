//! Sending lines to the Agent, byte for byte as they came, without ever holding up those who receive.
//!
//! Each receiving thread has its own [`Forwarder`]; they share the [`Agent`], which says where to and counts.

mod forwarder;
mod link;
mod outlet;
mod queue;

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use self::forwarder::Forwarder;
use super::address::Address;
use super::causes::Causes;

/// The most that fits into one packet of an ordinary network.
const UDP_PAYLOAD: usize = 1432;
/// What the Agent reads at once.
const AGENT_BUFFER: usize = 8192;

/// How to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Bytes of a payload that lines are joined to.
    pub payload: usize,
    /// The longest line that is sent; one that is longer than a payload goes alone.
    pub max_line: usize,
    /// Bytes that one forwarder keeps while the Agent does not take them.
    pub queue: usize,
    /// How long a forwarder waits for a slow Agent, at most once between two flushes, before it drops something.
    pub patience: Duration,
}

impl Settings {
    /// Those for the address: 8192 bytes on the same machine, where no network has a smaller limit, else 1432.
    pub fn of(address: &Address) -> Self {
        let payload = if address.is_local() { AGENT_BUFFER } else { UDP_PAYLOAD };
        Self { payload, max_line: AGENT_BUFFER, queue: 1 << 20, patience: Duration::from_millis(5) }
    }
}

/// The Agent, as all forwarders of a process see it.
#[derive(Debug)]
pub struct Agent {
    address: Address,
    settings: Settings,
    causes: Arc<Causes>,
    resolved: Mutex<Option<SocketAddr>>,
    /// Grows when a name gets another address.
    generation: AtomicU64,
    sent_payloads: AtomicU64,
    sent_bytes: AtomicU64,
}

/// What was sent since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// Payloads.
    pub payloads: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Agent {
    /// The Agent at the address. A name has none before [`Agent::resolve`].
    pub fn new(address: Address, settings: Settings, causes: Arc<Causes>) -> Arc<Self> {
        Arc::new(Self {
            address,
            settings,
            causes,
            resolved: Mutex::new(None),
            generation: AtomicU64::new(0),
            sent_payloads: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
        })
    }

    /// Looks its name up; forwarders then send to what was found. It may take seconds, and so is not done on their threads.
    /// To be called at the start and now and then, since names move.
    pub fn resolve(&self) -> io::Result<()> {
        let Address::Udp { host, port } = &self.address else { return Ok(()) };
        let found: Vec<SocketAddr> = (host.as_str(), *port).to_socket_addrs()?.collect();
        let mut resolved = self.resolved.lock().unwrap_or_else(PoisonError::into_inner);
        // The order of the answers may change every time, the address that is in use need not.
        if resolved.is_none_or(|known| !found.contains(&known)) {
            *resolved = found.first().copied();
            self.generation.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// One more forwarder.
    pub fn forwarder(self: &Arc<Self>) -> Forwarder {
        Forwarder::new(Arc::clone(self))
    }

    /// What all forwarders have sent.
    pub fn sent(&self) -> Sent {
        Sent {
            payloads: self.sent_payloads.load(Ordering::Relaxed),
            bytes: self.sent_bytes.load(Ordering::Relaxed),
        }
    }

    fn count_sent(&self, bytes: usize) {
        self.sent_payloads.fetch_add(1, Ordering::Relaxed);
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    fn resolved(&self) -> Option<SocketAddr> {
        *self.resolved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
