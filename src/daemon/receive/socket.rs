//! Sockets as they have to be.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::Settings;
use crate::daemon::address::Address;

/// The sockets of a UDP address, all bound to the same port, and that address with the port in place of 0.
pub(super) fn udp(host: &str, port: u16, settings: &Settings) -> io::Result<(Vec<Arc<Socket>>, Address)> {
    let wanted = (host, port).to_socket_addrs()?.next();
    let wanted = wanted.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the host has no address"))?;
    // Sockets that share a port would share it with another process of the same user too, which would then get a part
    // of the datagrams. Only one that does not share finds out.
    let alone = datagram(wanted)?;
    alone.bind(&wanted.into())?;
    let bound = alone.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    let sockets = match settings.udp_threads {
        0 | 1 => vec![alone],
        threads => {
            drop(alone);
            (0..threads).map(|_| sharing(bound)).collect::<io::Result<_>>()?
        }
    };
    for socket in &sockets {
        enlarge(socket, settings.receive_buffer);
    }
    let address = Address::Udp { host: bound.ip().to_string(), port: bound.port() };
    Ok((sockets.into_iter().map(Arc::new).collect(), address))
}

fn datagram(address: SocketAddr) -> io::Result<Socket> {
    Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))
}

fn sharing(address: SocketAddr) -> io::Result<Socket> {
    let socket = datagram(address)?;
    setsockopt(&socket, sockopt::ReusePort, &true)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

/// Asks for a buffer beyond the system's limit, which takes a privilege, else for one up to it. What came of it is told
/// by the socket.
fn enlarge(socket: &Socket, bytes: usize) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if setsockopt(socket, sockopt::RcvBufForce, &bytes).is_ok() {
        return;
    }
    let _ = socket.set_recv_buffer_size(bytes);
}

pub(super) fn unix_datagram() -> io::Result<Socket> {
    Socket::new(Domain::UNIX, Type::DGRAM, None)
}

pub(super) fn unix_stream() -> io::Result<Socket> {
    Socket::new(Domain::UNIX, Type::STREAM, None)
}
