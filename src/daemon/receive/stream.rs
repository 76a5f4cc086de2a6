//! Unix streams: a thread that accepts, and one for each connection.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::Socket;

use super::frames::Frames;
use super::threads::{Ending, is_timeout};
use super::{Intake, PULSE, Settings};
use crate::daemon::causes::{Cause, Causes};

/// Accepts connections.
pub(super) struct Listener<I> {
    socket: Socket,
    max_payload: usize,
    max_connections: usize,
    causes: Arc<Causes>,
    make: Arc<dyn Fn() -> I + Send + Sync>,
    /// Intakes whose connection ended, for the next one: connections come and go more often than tables should.
    spare: Arc<Mutex<Vec<I>>>,
}

impl<I: Intake + 'static> Listener<I> {
    pub(super) fn new(
        socket: Socket,
        settings: &Settings,
        causes: Arc<Causes>,
        make: Arc<dyn Fn() -> I + Send + Sync>,
    ) -> Self {
        let &Settings { max_payload, max_connections, .. } = settings;
        Self { socket, max_payload, max_connections, causes, make, spare: Arc::default() }
    }

    /// Accepts until it is told to stop, and waits for the connections' threads.
    pub(super) fn run(self, mut ending: Ending) {
        let mut connections: Vec<JoinHandle<()>> = Vec::new();
        loop {
            let is_last = ending.has_begun();
            let is_ready = is_ready(&self.socket);
            if is_ready {
                self.accept(&mut connections, &ending);
            }
            connections.retain(|connection| !connection.is_finished());
            if (is_last && !is_ready) || ending.is_overdue() {
                break;
            }
            for intake in lock(&self.spare).iter_mut().filter(|_| !is_ready) {
                intake.idle();
            }
        }
        for connection in connections {
            // A panic in one is a bug, but none that others should suffer from.
            let _ = connection.join();
        }
    }

    fn accept(&self, connections: &mut Vec<JoinHandle<()>>, ending: &Ending) {
        let socket = match self.socket.accept() {
            Ok((socket, _)) => socket,
            // Gone again.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            Err(_) => {
                self.causes.add(Cause::ReceiveFailed, 1);
                // Without descriptors it would fail at once again.
                std::thread::sleep(PULSE);
                return;
            }
        };
        connections.retain(|connection| !connection.is_finished());
        if connections.len() >= self.max_connections {
            self.causes.add(Cause::TooManyConnections, 1);
            return;
        }
        let mut intake = lock(&self.spare).pop().unwrap_or_else(|| (self.make)());
        let (spare, causes) = (Arc::clone(&self.spare), Arc::clone(&self.causes));
        let (frames, ending) = (Frames::new(self.max_payload), ending.clone());
        let serve = move || {
            take_frames(&socket, frames, &causes, &mut intake, ending);
            lock(&spare).push(intake);
        };
        match Builder::new().name("receive-stream".to_owned()).spawn(serve) {
            Ok(handle) => connections.push(handle),
            Err(_) => self.causes.add(Cause::ReceiveFailed, 1),
        }
    }
}

fn lock<I>(spare: &Mutex<Vec<I>>) -> std::sync::MutexGuard<'_, Vec<I>> {
    // Pushing and popping cannot leave it half done.
    spare.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a connection comes in within a pulse.
fn is_ready(socket: &Socket) -> bool {
    let mut waiting = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(PULSE).unwrap_or(PollTimeout::ZERO);
    // If that cannot be said, accepting will tell.
    poll(&mut waiting, timeout).map_or(true, |ready| ready > 0)
}

/// On some systems a connection inherits from its listener that it does not block.
fn prepare(socket: &Socket) -> io::Result<()> {
    socket.set_nonblocking(false)?;
    socket.set_read_timeout(Some(PULSE))
}

fn take_frames(
    socket: &Socket,
    mut frames: Frames,
    causes: &Causes,
    intake: &mut impl Intake,
    mut ending: Ending,
) {
    if prepare(socket).is_err() {
        causes.add(Cause::ReceiveFailed, 1);
        return;
    }
    loop {
        let is_last = ending.has_begun();
        let read = frames.fill(socket);
        let taken = frames.take(|payload| {
            if !payload.is_empty() {
                intake.payload(payload);
            }
        });
        intake.idle();
        if taken.is_err() {
            causes.add(Cause::OversizedFrame, 1);
            return;
        }
        let goes_on = match read {
            Ok(0) => false,
            Ok(_) => !ending.is_overdue(),
            Err(error) if error.kind() == ErrorKind::Interrupted => true,
            Err(error) => is_timeout(error.kind()) && !is_last,
        };
        if !goes_on {
            causes.add(Cause::CutFrame, u64::from(frames.is_partial()));
            return;
        }
    }
}
