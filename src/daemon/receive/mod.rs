//! Receiving payloads: UDP, Unix datagrams and Unix streams, on plain threads that block.
//!
//! A thread hands what it receives to its own [`Intake`], so that nothing is shared on the way. What payloads mean is not
//! known here.

mod batch;
mod drops;
mod file;
mod frames;
mod socket;
mod stream;
mod threads;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use self::drops::KernelDrops;
use self::threads::Threads;
use super::address::Address;
use super::causes::Causes;

/// Takes what one thread receives.
pub trait Intake: Send {
    /// A payload, which may hold several lines.
    fn payload(&mut self, payload: &[u8]);

    /// Called after every batch of payloads, and every 50 ms or so when none come.
    fn idle(&mut self);
}

/// How often a thread that receives nothing looks up.
const PULSE: Duration = Duration::from_millis(50);

/// How to receive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Threads, and sockets, of each UDP address. The kernel gives each sender to one of them.
    pub udp_threads: usize,
    /// The longest payload that is taken, in a datagram or a frame. The Agent's own limit is 8192.
    pub max_payload: usize,
    /// Bytes that the kernel is asked to hold for each UDP socket.
    pub receive_buffer: usize,
    /// Connections served at a time, of each stream address.
    pub max_connections: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { udp_threads: 1, max_payload: 8192, receive_buffer: 16 << 20, max_connections: 256 }
    }
}

/// Why nothing can be received, or not everything was.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// An address that cannot be listened on.
    #[error("cannot listen on {address}: {error}; choose another address with --listen")]
    Listen {
        /// The address.
        address: Address,
        /// What the system says.
        error: io::Error,
    },
    /// A path where something stands that is no socket.
    #[error("cannot listen on {}: it exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// A socket that another process listens on.
    #[error("cannot listen on {0}: another process does")]
    InUse(Address),
    /// A thread that cannot be started.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// Threads that ended by a panic, which is a bug.
    #[error("{0} receiving threads broke down")]
    Panicked(usize),
}

/// Threads that receive, until they are stopped.
#[derive(Debug)]
pub struct Receivers {
    threads: Threads,
    addresses: Vec<Address>,
    receive_buffer: Option<usize>,
    drops: KernelDrops,
    /// Those of the Unix sockets.
    files: Vec<file::SocketFile>,
}

impl Receivers {
    /// Listens on all addresses. `make` is called for every thread, also later, when a connection comes in.
    pub fn start<I: Intake + 'static>(
        addresses: &[Address],
        settings: &Settings,
        causes: &Arc<Causes>,
        make: impl Fn() -> I + Send + Sync + 'static,
    ) -> Result<Self, ReceiveError> {
        let make: Arc<dyn Fn() -> I + Send + Sync> = Arc::new(make);
        let mut receivers = Self {
            threads: Threads::default(),
            addresses: Vec::new(),
            receive_buffer: None,
            drops: KernelDrops::new(Arc::clone(causes)),
            files: Vec::new(),
        };
        for address in addresses {
            let listen = |error| ReceiveError::Listen { address: address.clone(), error };
            match address {
                Address::Udp { host, port } => {
                    let (sockets, bound) = socket::udp(host, *port, settings).map_err(listen)?;
                    receivers.addresses.push(bound);
                    for socket in sockets {
                        let got = socket.recv_buffer_size().map_err(listen)?;
                        receivers.receive_buffer =
                            receivers.receive_buffer.map(|least| least.min(got)).or(Some(got));
                        receivers.drops.watch(&socket);
                        receivers.threads.datagrams(socket, settings.max_payload, causes, make())?;
                    }
                }
                Address::UnixDatagram(path) | Address::Unix(path) => {
                    let (socket, file) = file::bind(address, path, socket::unix_datagram())?;
                    receivers.files.push(file);
                    receivers.addresses.push(Address::UnixDatagram(path.clone()));
                    receivers.threads.datagrams(Arc::new(socket), settings.max_payload, causes, make())?;
                }
                Address::UnixStream(path) => {
                    let (socket, file) = file::bind(address, path, socket::unix_stream())?;
                    socket.listen(128).and_then(|()| socket.set_nonblocking(true)).map_err(listen)?;
                    receivers.files.push(file);
                    receivers.addresses.push(address.clone());
                    let make = Arc::clone(&make);
                    receivers.threads.streams(socket, settings, causes, make)?;
                }
            }
        }
        Ok(receivers)
    }

    /// Where they listen, in order: the ports that were chosen, and what `unix://` became.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The smallest buffer that a UDP socket has, as the kernel counts it, which is about twice what payloads can use.
    pub fn receive_buffer(&self) -> Option<usize> {
        self.receive_buffer
    }

    /// Counts what the kernel dropped since the last call. Whether the kernel tells is the answer.
    pub fn count_kernel_drops(&mut self) -> bool {
        self.drops.count()
    }

    /// Ends all threads, once they have taken what the kernel holds already.
    pub fn stop(mut self) -> Result<(), ReceiveError> {
        // From here on a sender is refused, which it can see, instead of taken and then forgotten.
        self.files.clear();
        let panicked = self.threads.stop();
        self.drops.count();
        match panicked {
            0 => Ok(()),
            panicked => Err(ReceiveError::Panicked(panicked)),
        }
    }
}
