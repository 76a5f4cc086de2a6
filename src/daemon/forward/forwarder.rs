//! One thread's way to the Agent: lines are joined to payloads, which wait in a bounded queue while it does not take them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::outlet::Outlet;
use super::queue::Queue;
use super::{Agent, Settings};
use crate::daemon::causes::{Cause, Causes};
use crate::dogstatsd::lines;

/// Sends lines to the Agent, never blocking for longer than its patience between two flushes.
#[derive(Debug)]
pub struct Forwarder {
    settings: Settings,
    causes: Arc<Causes>,
    outlet: Outlet,
    /// Lines, joined, that are not a payload yet.
    open: Vec<u8>,
    queue: Queue,
    may_wait: bool,
}

impl Forwarder {
    pub(super) fn new(agent: Arc<Agent>) -> Self {
        Self {
            settings: agent.settings.clone(),
            causes: Arc::clone(&agent.causes),
            open: Vec::new(),
            queue: Queue::new(agent.settings.queue),
            outlet: Outlet::new(agent),
            may_wait: true,
        }
    }

    /// Sends a line, which has no line break.
    pub fn line(&mut self, line: &[u8]) {
        if line.len() > self.settings.max_line {
            self.causes.add_text(Cause::LineTooLong, line);
        } else {
            self.join(line);
        }
    }

    /// Sends all lines of a payload.
    pub fn payload(&mut self, payload: &[u8]) {
        let payload = payload.strip_suffix(b"\n").unwrap_or(payload);
        if payload.len() <= self.settings.payload {
            self.join(payload);
        } else {
            lines(payload).for_each(|line| self.line(line));
        }
    }

    fn join(&mut self, text: &[u8]) {
        if self.open.len() + 1 + text.len() > self.settings.payload {
            self.close();
        }
        if !self.open.is_empty() && !text.is_empty() {
            self.open.push(b'\n');
        }
        self.open.extend_from_slice(text);
    }

    /// Sends what there is, connecting first if it has to and may. To be called after every batch of payloads, and now
    /// and then without one.
    pub fn flush(&mut self, now: Instant) {
        self.outlet.connect(now);
        self.send_queued();
        self.close();
        self.may_wait = true;
    }

    /// Sends what is left, waiting up to `patience` for an Agent that is away or slow; what it then has not taken is lost.
    pub fn finish(&mut self, patience: Duration) {
        const STEP: Duration = Duration::from_millis(10);
        let until = Instant::now() + patience;
        self.flush(Instant::now());
        while !self.queue.is_empty() && Instant::now() < until {
            if !self.outlet.wait(STEP) {
                std::thread::sleep(STEP);
            }
            self.flush(Instant::now());
        }
        while let Some(payload) = self.queue.pop() {
            self.outlet.lose(self.outlet.hindrance(), &payload);
        }
    }

    /// Makes a payload of the lines so far: sent if nothing waits before it, else queued, else dropped.
    fn close(&mut self) {
        if self.open.is_empty() {
            return;
        }
        if !self.queue.is_empty() || !self.outlet.send(&self.open) {
            self.keep();
        }
        self.open.clear();
    }

    fn keep(&mut self) {
        // Once between two flushes: long enough for an Agent that is only a little slower, and for one that hangs not so
        // long that what others send is lost too.
        let is_full = !self.queue.has_room(self.open.len());
        if is_full && self.may_wait && self.outlet.wait(self.settings.patience) {
            self.may_wait = false;
            self.send_queued();
        }
        if self.queue.has_room(self.open.len()) {
            self.queue.push(self.open.clone());
        } else {
            self.outlet.lose(self.outlet.hindrance(), &self.open);
        }
    }

    fn send_queued(&mut self) {
        while self.queue.front().is_some_and(|payload| self.outlet.send(payload)) {
            self.queue.pop();
        }
    }
}
