//! Datagrams by the batch, where the system can, else one by one.

use std::io;
use std::time::Duration;

use socket2::Socket;

/// Datagrams of one call.
const BATCH: usize = 64;

/// What a datagram was.
pub(super) enum Datagram<'b> {
    /// All of it.
    Whole(&'b [u8]),
    /// Longer than is taken; this is its start.
    Oversized(&'b [u8]),
}

/// Room for the datagrams of one call.
pub(super) struct Batch {
    buffer: Vec<u8>,
    max_payload: usize,
    #[cfg(target_os = "linux")]
    headers: nix::sys::socket::MultiHeaders<()>,
}

impl Batch {
    pub(super) fn new(max_payload: usize) -> Self {
        Self {
            buffer: vec![0; BATCH * Self::room(max_payload)],
            max_payload,
            #[cfg(target_os = "linux")]
            headers: nix::sys::socket::MultiHeaders::preallocate(BATCH, None),
        }
    }

    /// One byte more than is taken shows which datagrams are longer, on every system.
    fn room(max_payload: usize) -> usize {
        max_payload + 1
    }

    /// Makes calls return when nothing comes for so long.
    pub(super) fn set_timeout(socket: &Socket, timeout: Duration) -> io::Result<()> {
        socket.set_read_timeout(Some(timeout))
    }

    /// Waits for datagrams and gives all that are there, up to the size of the batch.
    #[cfg(target_os = "linux")]
    pub(super) fn receive(&mut self, socket: &Socket, mut take: impl FnMut(Datagram<'_>)) -> io::Result<()> {
        use std::io::IoSliceMut;
        use std::os::fd::AsRawFd;

        use nix::sys::socket::{MsgFlags, recvmmsg};

        let Self { buffer, max_payload, headers } = self;
        let mut rooms = buffer.chunks_exact_mut(Self::room(*max_payload));
        // The slices borrow the buffer for this call alone, and so are made anew; they live on the stack.
        let mut slices: [[IoSliceMut<'_>; 1]; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(rooms.next().unwrap_or_default())]);
        let flags = MsgFlags::MSG_WAITFORONE;
        for message in recvmmsg(socket.as_raw_fd(), headers, slices.iter_mut(), flags, None)? {
            if let Some(datagram) = message.iovs().next() {
                take(Datagram::of(datagram, *max_payload));
            }
        }
        Ok(())
    }

    /// Waits for a datagram.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn receive(
        &mut self,
        mut socket: &Socket,
        mut take: impl FnMut(Datagram<'_>),
    ) -> io::Result<()> {
        use std::io::Read;

        let room = &mut self.buffer[..Self::room(self.max_payload)];
        let length = socket.read(room)?;
        take(Datagram::of(&room[..length], self.max_payload));
        Ok(())
    }
}

impl<'b> Datagram<'b> {
    fn of(datagram: &'b [u8], max_payload: usize) -> Self {
        match datagram.len() > max_payload {
            true => Self::Oversized(&datagram[..max_payload]),
            false => Self::Whole(datagram),
        }
    }
}
