//! The threads that receive, and how they end.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use socket2::Socket;

use super::batch::{Batch, Datagram};
use super::stream::Listener;
use super::{Intake, PULSE, ReceiveError, Settings};
use crate::daemon::causes::{Cause, Causes};

/// How long a thread goes on after it is told to stop, if senders never pause.
const LONGEST_DRAIN: Duration = Duration::from_secs(2);

/// A request to stop, as one thread sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending {
    stopping: Arc<AtomicBool>,
    until: Option<Instant>,
}

impl Ending {
    /// To be asked before receiving: if so, and then nothing came for a pulse, all that was sent before the request
    /// has been taken.
    pub(super) fn has_begun(&mut self) -> bool {
        let has_begun = self.stopping.load(Ordering::Acquire);
        if has_begun && self.until.is_none() {
            self.until = Some(Instant::now() + LONGEST_DRAIN);
        }
        has_begun
    }

    /// Whether it is over even though there is more to receive.
    pub(super) fn is_overdue(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// Threads that receive.
#[derive(Debug, Default)]
pub(super) struct Threads {
    ending: Ending,
    handles: Vec<JoinHandle<()>>,
}

impl Threads {
    /// Starts one that takes the datagrams of a socket.
    pub(super) fn datagrams(
        &mut self,
        socket: Arc<Socket>,
        max_payload: usize,
        causes: &Arc<Causes>,
        intake: impl Intake + 'static,
    ) -> Result<(), ReceiveError> {
        Batch::set_timeout(&socket, PULSE).map_err(ReceiveError::Thread)?;
        let (ending, causes) = (self.ending.clone(), Arc::clone(causes));
        self.start(move || take_datagrams(&socket, Batch::new(max_payload), &causes, intake, ending))
    }

    /// Starts one that takes connections, with more threads for these.
    pub(super) fn streams<I: Intake + 'static>(
        &mut self,
        socket: Socket,
        settings: &Settings,
        causes: &Arc<Causes>,
        make: Arc<dyn Fn() -> I + Send + Sync>,
    ) -> Result<(), ReceiveError> {
        let listener = Listener::new(socket, settings, Arc::clone(causes), make);
        let ending = self.ending.clone();
        self.start(move || listener.run(ending))
    }

    fn start(&mut self, run: impl FnOnce() + Send + 'static) -> Result<(), ReceiveError> {
        let name = format!("receive-{}", self.handles.len());
        let handle = Builder::new().name(name).spawn(run).map_err(ReceiveError::Thread)?;
        self.handles.push(handle);
        Ok(())
    }

    /// Ends them all; the answer is how many had panicked.
    pub(super) fn stop(&mut self) -> usize {
        self.ending.stopping.store(true, Ordering::Release);
        self.handles.drain(..).map(JoinHandle::join).filter(Result::is_err).count()
    }
}

impl Drop for Threads {
    /// A start that fails half-way leaves nothing running.
    fn drop(&mut self) {
        self.stop();
    }
}

fn take_datagrams(
    socket: &Socket,
    mut batch: Batch,
    causes: &Causes,
    mut intake: impl Intake,
    mut ending: Ending,
) {
    loop {
        let is_last = ending.has_begun();
        let received = batch.receive(socket, |datagram| match datagram {
            Datagram::Whole(payload) => intake.payload(payload),
            Datagram::Oversized(start) => causes.add_text(Cause::OversizedDatagram, start),
        });
        intake.idle();
        match received {
            Ok(()) if ending.is_overdue() => return,
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) if is_last => return,
            Err(error) if is_timeout(error.kind()) => {}
            Err(_) => {
                causes.add(Cause::ReceiveFailed, 1);
                // What fails at once would fail a million times a second.
                std::thread::sleep(PULSE);
            }
        }
    }
}

/// Whether nothing came in time.
pub(super) fn is_timeout(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}
