//! A thread that ends panes and sends them to the Agent: for a service that counts by itself, without a daemon.

use std::io;
use std::net::{ToSocketAddrs, UdpSocket};
#[cfg(unix)]
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::aggregate::publish::reserved_of;
use crate::aggregate::{Aggregator, Board, Closed, Handle, Ledger, LedgerStore, Moment, RuleSet};
use crate::dogstatsd::write::Packets;

/// The two clocks of this machine: one that never jumps, beside the wall's.
#[derive(Debug, Clone, Copy)]
pub struct Clock(Instant);

impl Default for Clock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock {
    /// Now. A wall clock before 1970 counts as 1970.
    pub fn now(&self) -> Moment {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Moment { elapsed: self.0.elapsed(), unix }
    }
}

/// Where the Agent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A host and a port, usually `127.0.0.1:8125`.
    Udp(String),
    /// The path of a Unix datagram socket.
    #[cfg(unix)]
    UnixDatagram(PathBuf),
}

/// Counts by a set of rules, and publishes what was counted at the end of each pane.
///
/// ```no_run
/// use bellwether::aggregate::RuleSet;
/// use bellwether::publisher::{Destination, Publisher};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // What `bellwether rules --format json` has printed at build time.
/// let rules = RuleSet::read(&std::fs::read_to_string("rules.json")?)?;
/// let publisher = Publisher::start(rules, Destination::Udp("127.0.0.1:8125".into()), None)?;
/// let exposures = publisher.handle("experiment_exposure_event.experiment_id.top_rate").ok_or("no such rule")?;
/// exposures.mark("6f9619ff-8b86-d011-b42d-00c04fc964ff");
/// publisher.stop();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Publisher {
    aggregator: Arc<Aggregator>,
    lost: Arc<AtomicU64>,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Publisher {
    /// Starts to count. Without a `store`, a restart in mid-hour may publish as many series again.
    ///
    /// # Errors
    ///
    /// When no socket or thread can be had. An Agent that is away is no error.
    pub fn start(
        rules: RuleSet,
        destination: Destination,
        store: Option<Box<dyn LedgerStore>>,
    ) -> io::Result<Self> {
        let clock = Clock::default();
        let limit = rules.budget.limit;
        let mut ledger = match store {
            Some(store) => Ledger::with_store(limit, store),
            None => Ledger::new(limit),
        };
        ledger.reserve(limit, reserved_of(&rules.rules, &[]));
        let aggregator = Arc::new(Aggregator::new(rules.rules, clock.now()));
        let (stop, stopped) = channel();
        let lost = Arc::new(AtomicU64::new(0));
        let mut thread = Thread {
            clock,
            aggregator: aggregator.clone(),
            board: Board::default(),
            ledger,
            link: Link::new(destination)?,
            lost: lost.clone(),
        };
        let thread =
            std::thread::Builder::new().name("publisher".to_owned()).spawn(move || thread.run(&stopped))?;
        Ok(Self { aggregator, lost, stop, thread })
    }

    /// Counts for a rule: by its address, or by the metric that it publishes.
    pub fn handle(&self, name: &str) -> Option<Handle> {
        self.aggregator.handle(name)
    }

    /// How many payloads could not be sent, or lines not be written, since the start.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Publishes the last pane and ends.
    pub fn stop(self) {
        // The thread ends by this alone.
        let _ = self.stop.send(());
        let _ = self.thread.join();
    }
}

/// The publishing thread's own things.
struct Thread {
    clock: Clock,
    aggregator: Arc<Aggregator>,
    board: Board,
    ledger: Ledger,
    link: Link,
    lost: Arc<AtomicU64>,
}

/// How long it sleeps at most.
const LONGEST: Duration = Duration::from_secs(3600);

impl Thread {
    fn run(&mut self, stopped: &Receiver<()>) {
        loop {
            let wait = self.aggregator.next_end(self.clock.now()).unwrap_or(LONGEST);
            let is_stopped = !matches!(stopped.recv_timeout(wait), Err(RecvTimeoutError::Timeout));
            let now = self.clock.now();
            let closed =
                if is_stopped { self.aggregator.close_all(now) } else { self.aggregator.close_due(now) };
            self.publish(closed);
            if is_stopped {
                return;
            }
        }
    }

    fn publish(&mut self, closed: Vec<Closed>) {
        let mut packets = Packets::new(self.link.payload());
        let mut lost = 0;
        for closed in closed {
            let rule = self.board.take(closed);
            let Some(publication) = self.board.publication(&rule, &[], &mut self.ledger) else { continue };
            for line in publication.lines() {
                lost += u64::from(line.and_then(|line| packets.push(line.as_bytes())).is_err());
            }
        }
        for payload in packets.finish() {
            lost += u64::from(self.link.send(&payload).is_err());
        }
        self.lost.fetch_add(lost, Ordering::Relaxed);
    }
}

/// A datagram socket to the Agent, wherever that is at the moment.
#[derive(Debug)]
enum Link {
    Udp(UdpSocket, String),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixDatagram, PathBuf),
}

impl Link {
    fn new(destination: Destination) -> io::Result<Self> {
        match destination {
            Destination::Udp(address) => {
                let found = address.to_socket_addrs().ok().and_then(|mut found| found.next());
                let any = if found.is_some_and(|found| found.is_ipv6()) { "[::]:0" } else { "0.0.0.0:0" };
                UdpSocket::bind(any).map(|socket| Self::Udp(socket, address))
            }
            #[cfg(unix)]
            Destination::UnixDatagram(path) => {
                let socket = std::os::unix::net::UnixDatagram::unbound()?;
                socket.set_write_timeout(Some(Duration::from_millis(100)))?;
                Ok(Self::Unix(socket, path))
            }
        }
    }

    /// Bytes of a payload: what fits into a packet of an ordinary network, or what the Agent reads at once.
    fn payload(&self) -> usize {
        match self {
            Self::Udp(..) => 1432,
            #[cfg(unix)]
            Self::Unix(..) => 8192,
        }
    }

    fn send(&self, payload: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(socket, address) => socket.send_to(payload, address),
            #[cfg(unix)]
            Self::Unix(socket, path) => socket.send_to(payload, path),
        }
        .map(drop)
    }
}
