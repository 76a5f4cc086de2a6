//! A socket to the Agent, which never blocks.

use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, SockAddr, Socket, Type};

use crate::daemon::address::Address;

/// A connected socket.
#[derive(Debug)]
pub(super) enum Link {
    Datagrams(Socket),
    /// Each payload goes behind its length; of the first one, so many bytes are out.
    Frames(Socket, usize),
}

/// What became of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sending {
    /// The system has it.
    Done,
    /// The Agent has to take something first.
    Blocked,
    /// No payload of this length can be sent.
    TooLong,
    /// Nobody listens on the port: an earlier datagram came back. This one did not go out.
    Refused,
    /// The connection is gone.
    Broken,
}

impl Link {
    pub(super) fn connect(address: &Address, resolved: Option<SocketAddr>) -> io::Result<Self> {
        match address {
            Address::Udp { .. } => {
                let address = resolved.ok_or(ErrorKind::NotFound)?;
                connected(Domain::for_address(address), Type::DGRAM, &address.into()).map(Self::Datagrams)
            }
            Address::UnixDatagram(path) => datagrams(path),
            Address::UnixStream(path) => frames(path),
            Address::Unix(path) => match datagrams(path) {
                Err(error) if error.raw_os_error() == Some(Errno::EPROTOTYPE as i32) => frames(path),
                link => link,
            },
        }
    }

    /// Sends a payload, or what is left of it.
    pub(super) fn send(&mut self, payload: &[u8]) -> Sending {
        let sent = match self {
            Self::Datagrams(socket) => socket.send(payload).map(drop),
            Self::Frames(socket, out) => send_frame(socket, payload, out),
        };
        sent.map_or_else(outcome, |()| Sending::Done)
    }

    /// Waits until something can be sent, but not for long.
    pub(super) fn wait(&self, patience: Duration) {
        let (Self::Datagrams(socket) | Self::Frames(socket, _)) = self;
        let mut waiting = [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)];
        // Whatever comes of it, sending will tell.
        let _ = poll(&mut waiting, PollTimeout::try_from(patience).unwrap_or(PollTimeout::ZERO));
    }
}

fn connected(domain: Domain, kind: Type, address: &SockAddr) -> io::Result<Socket> {
    let socket = Socket::new(domain, kind, None)?;
    // First of all, so that a listener whose queue is full cannot hold up the thread.
    socket.set_nonblocking(true)?;
    socket.connect(address)?;
    Ok(socket)
}

fn datagrams(path: &Path) -> io::Result<Link> {
    connected(Domain::UNIX, Type::DGRAM, &SockAddr::unix(path)?).map(Link::Datagrams)
}

fn frames(path: &Path) -> io::Result<Link> {
    connected(Domain::UNIX, Type::STREAM, &SockAddr::unix(path)?).map(|socket| Link::Frames(socket, 0))
}

/// Sends on from byte `out` of the frame to its end.
fn send_frame(socket: &Socket, payload: &[u8], out: &mut usize) -> io::Result<()> {
    let length = u32::try_from(payload.len()).map_err(|_| Errno::EMSGSIZE)?.to_le_bytes();
    let whole = length.len() + payload.len();
    while *out < whole {
        let header = length.get(*out..).unwrap_or_default();
        let body = &payload[out.saturating_sub(length.len())..];
        *out += socket.send_vectored(&[IoSlice::new(header), IoSlice::new(body)])?;
    }
    *out = 0;
    Ok(())
}

fn outcome(error: io::Error) -> Sending {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EAGAIN | Errno::ENOBUFS | Errno::EINTR) => Sending::Blocked,
        Some(Errno::EMSGSIZE) => Sending::TooLong,
        Some(Errno::ECONNREFUSED) => Sending::Refused,
        _ => Sending::Broken,
    }
}
