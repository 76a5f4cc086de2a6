//! One forwarder's connection to the Agent: made, lost, and made again, a little later each time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Agent;
use super::link::{Link, Sending};
use crate::daemon::address::Address;
use crate::daemon::causes::Cause;
use crate::dogstatsd::lines;

/// How long after a failure it tries again, at first and at most.
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(1);

/// The connection, and what to do without one.
#[derive(Debug)]
pub(super) struct Outlet {
    agent: Arc<Agent>,
    generation: u64,
    state: State,
    retry: Duration,
}

#[derive(Debug)]
enum State {
    /// To be made at once.
    New,
    /// Made.
    Up {
        link: Link,
        /// Whether more than one payload went out. The first one always does over UDP, even to nobody.
        proven: bool,
    },
    /// Lost since anyone looked at the clock.
    Lost,
    /// To be made again.
    Away(Instant),
}

impl Outlet {
    pub(super) fn new(agent: Arc<Agent>) -> Self {
        Self { agent, generation: 0, state: State::New, retry: FIRST_RETRY }
    }

    /// Connects, if it has to and may.
    pub(super) fn connect(&mut self, now: Instant) {
        let generation = self.agent.generation.load(Ordering::Acquire);
        if generation != self.generation {
            (self.generation, self.state) = (generation, State::New);
        }
        match &self.state {
            // One that takes nothing keeps its connection: what is out of a frame can still be followed by the rest.
            State::Up { .. } => {}
            State::Lost => self.put_off(now),
            State::Away(until) if now < *until => {}
            State::New | State::Away(_) => match Link::connect(&self.agent.address, self.agent.resolved()) {
                Ok(link) => self.state = State::Up { link, proven: false },
                Err(_) => self.put_off(now),
            },
        }
    }

    fn put_off(&mut self, now: Instant) {
        self.state = State::Away(now + self.retry);
        self.retry = (self.retry * 2).min(LAST_RETRY);
    }

    /// Sends a payload. False if it has to be kept and sent again.
    pub(super) fn send(&mut self, payload: &[u8]) -> bool {
        let State::Up { link, proven } = &mut self.state else { return false };
        match link.send(payload) {
            Sending::Done => {
                if std::mem::replace(proven, true) {
                    self.retry = FIRST_RETRY;
                }
                self.agent.count_sent(payload.len());
                true
            }
            Sending::TooLong => {
                self.lose(Cause::LineTooLong, payload);
                true
            }
            Sending::Blocked => false,
            Sending::Refused => {
                let is_udp = matches!(self.agent.address, Address::Udp { .. });
                self.agent.causes.add(Cause::AgentRefused, u64::from(is_udp));
                self.state = State::Lost;
                false
            }
            Sending::Broken => {
                self.state = State::Lost;
                false
            }
        }
    }

    /// Waits until something can be sent, if that is all that is missing. Whether it was.
    pub(super) fn wait(&self, patience: Duration) -> bool {
        let State::Up { link, .. } = &self.state else { return false };
        link.wait(patience);
        true
    }

    /// Counts the lines of a payload that is not sent.
    pub(super) fn lose(&self, cause: Cause, payload: &[u8]) {
        self.agent.causes.add(cause, lines(payload).count() as u64);
    }

    /// Why a payload is not sent now.
    pub(super) fn hindrance(&self) -> Cause {
        match self.state {
            State::Up { .. } => Cause::AgentQueueFull,
            State::New | State::Lost | State::Away(_) => Cause::AgentAway,
        }
    }
}
