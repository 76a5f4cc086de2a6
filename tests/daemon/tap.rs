//! A tap between a client and the daemon: it keeps every payload and passes it on unchanged.

use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use bellwether::dogstatsd::lines;

/// What went through. Its threads end with the tests.
#[derive(Clone, Default)]
pub struct Tap(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    lines: Vec<Vec<u8>>,
    closed: bool,
}

impl Tap {
    /// All lines so far.
    pub fn lines(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().lines.clone()
    }

    /// Lets nothing through any more, and gives all that went through.
    pub fn close(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().closed = true;
        self.lines()
    }

    fn pass(&self, payload: &[u8], send: impl FnOnce()) {
        let mut kept = self.0.lock().unwrap();
        if !kept.closed {
            kept.lines.extend(lines(payload).map(<[u8]>::to_vec));
            send();
        }
    }

    /// From a port to another.
    pub fn udp(to: SocketAddr) -> (Self, SocketAddr) {
        let (tap, socket) = (Self::default(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let (kept, address) = (tap.clone(), socket.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut room = vec![0; 1 << 16];
            while let Ok(length) = socket.recv(&mut room) {
                kept.pass(&room[..length], || {
                    socket.send_to(&room[..length], to).unwrap();
                });
            }
        });
        (tap, address)
    }

    /// From a socket at a path to another.
    pub fn datagrams(at: &Path, to: &Path) -> Self {
        let (tap, from) = (Self::default(), UnixDatagram::bind(at).unwrap());
        let (kept, out) = (tap.clone(), crate::process::datagrams_to(to));
        std::thread::spawn(move || {
            let mut room = vec![0; 1 << 16];
            while let Ok(length) = from.recv(&mut room) {
                kept.pass(&room[..length], || {
                    out.send(&room[..length]).unwrap();
                });
            }
        });
        tap
    }

    /// From a stream of frames at a path to another.
    pub fn frames(at: &Path, to: &Path) -> Self {
        let (tap, listener) = (Self::default(), UnixListener::bind(at).unwrap());
        let (kept, to) = (tap.clone(), to.to_owned());
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                kept.pass_frames(connection.unwrap(), UnixStream::connect(&to).unwrap());
            }
        });
        tap
    }

    fn pass_frames(&self, mut from: UnixStream, mut to: UnixStream) {
        let mut length = [0; 4];
        while from.read_exact(&mut length).is_ok() {
            let mut payload = vec![0; u32::from_le_bytes(length) as usize];
            from.read_exact(&mut payload).unwrap();
            self.pass(&payload, || to.write_all(&[&length[..], &payload].concat()).unwrap());
        }
    }
}
