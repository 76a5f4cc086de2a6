//! The thread that ends panes and publishes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::causes::{Cause, CauseLog, Causes};
use super::forward::Forwarder;
use super::intake::{CurrentRoutes, Traffic};
use super::own::Own;
use super::routes::Routes;
use super::status::{ShownBudget, Status};
use crate::aggregate::publish::{Publication, reserved};
use crate::aggregate::{Admission, Aggregator, Board, Closed, Ledger, Moment, Rule, Series};
use crate::dogstatsd::write::Refused;
use crate::publisher::Clock;

/// What is counted and within which budget.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The rules.
    pub rules: Vec<Rule>,
    /// The most distinct series in a clock hour.
    pub limit: u64,
    /// The pipeline's count of received events.
    pub received: String,
}

/// What the publishing thread is asked to do.
#[derive(Debug)]
pub enum Order {
    /// To count by other rules from now on.
    Rules(Box<Rules>),
    /// To say that the rules could not be read again, and go on with those there are.
    ReloadFailed(String),
    /// To publish what there is and end.
    Stop,
}

/// How a line for the log is said.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// What the publishing thread shares with others.
#[derive(Clone)]
pub struct Shared {
    /// The counts.
    pub aggregator: Arc<Aggregator>,
    /// The routes in force.
    pub routes: Arc<CurrentRoutes>,
    /// What was lost, and why.
    pub causes: Arc<Causes>,
    /// What has come in.
    pub traffic: Arc<Traffic>,
    /// What is shown.
    pub status: Arc<Status>,
    /// Seconds since 1970 at which the thread was last alive.
    pub alive: Arc<AtomicU64>,
    /// Says a line.
    pub say: Say,
}

/// The publishing thread's own things.
pub struct Publishing {
    shared: Shared,
    clock: Clock,
    board: Board,
    ledger: Ledger,
    own: Own,
    forwarder: Forwarder,
    log: CauseLog,
}

/// How long the thread sleeps at most, so that the log and the forwarder have their turn.
const PULSE: Duration = Duration::from_secs(1);

/// How long the end waits for an Agent that is away.
const PATIENCE: Duration = Duration::from_secs(2);

impl Publishing {
    /// Publishes through `forwarder`, as far as `ledger` has room.
    pub fn new(shared: Shared, clock: Clock, ledger: Ledger, own: Own, forwarder: Forwarder) -> Self {
        let log = CauseLog::default();
        Self { shared, clock, board: Board::default(), ledger, own, forwarder, log }
    }

    /// Ends panes when they are due, until it is told to stop.
    pub fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let now = self.clock.now();
            self.shared.alive.store(now.unix.as_secs(), Ordering::Relaxed);
            let closed = self.shared.aggregator.close_due(now);
            self.publish(closed);
            self.forwarder.flush(Instant::now());
            self.write_log();
            let wait =
                self.shared.aggregator.next_end(self.clock.now()).map_or(PULSE, |wait| wait.min(PULSE));
            match orders.recv_timeout(wait) {
                Ok(Order::Rules(rules)) => self.take_rules(*rules),
                Ok(Order::ReloadFailed(reason)) => self.shared.status.lock().reload_error = Some(reason),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let last = self.shared.aggregator.close_all(self.clock.now());
        self.publish(last);
        self.forwarder.finish(PATIENCE);
        self.write_log();
    }

    /// Counts by these rules from now on. What others have counted is published when their pane ends.
    pub fn take_rules(&mut self, rules: Rules) {
        let now: Moment = self.clock.now();
        let of_rules = rules.rules.iter().flat_map(|rule| reserved(rule, &[]));
        self.ledger.reserve(rules.limit, self.own.reserved().chain(of_rules));
        let mut shown = self.shared.status.lock();
        shown.set_rules(&rules.rules);
        shown.reload_error = None;
        drop(shown);
        self.shared.aggregator.set_rules(rules.rules, now);
        self.shared.routes.set(Routes::new(&self.shared.aggregator, &rules.received));
    }

    fn publish(&mut self, closed: Vec<Closed>) {
        if closed.is_empty() {
            return;
        }
        let mut lag: f64 = 0.0;
        for closed in closed {
            let rule = self.board.take(closed);
            let Some(publication) = self.board.publication(&rule, &[], &mut self.ledger) else { continue };
            self.send(publication.lines());
            let late = self.clock.now().unix.as_secs_f64() - publication.report.ended_at as f64;
            self.show(&publication, late.max(0.0));
            lag = lag.max(late);
        }
        if let Some(error) = self.ledger.take_error() {
            self.shared.causes.add_text(Cause::LedgerFailed, error.0.as_bytes());
        }
        let reserved: Vec<Series> = self.own.reserved().collect();
        self.ledger.admit(self.clock.now().unix.as_secs(), u64::MAX, &reserved);
        let own = self.own.lines(&self.ledger, &self.shared.traffic, &self.shared.causes, lag);
        self.send(own.into_iter());
    }

    fn send(&mut self, lines: impl Iterator<Item = Result<String, Refused>>) {
        for line in lines {
            match line {
                Ok(line) => self.forwarder.line(line.as_bytes()),
                Err(refused) => {
                    self.shared.causes.add_text(Cause::NotWritten, refused.to_string().as_bytes())
                }
            }
        }
    }

    fn show(&self, publication: &Publication, lag: f64) {
        let mut shown = self.shared.status.lock();
        shown.published(publication, false, lag);
        shown.budget = ShownBudget {
            limit: self.ledger.limit(),
            used: self.ledger.used(),
            published: self.ledger.published(),
            refused: self.ledger.refused(),
        };
    }

    fn write_log(&mut self) {
        let say = &self.shared.say;
        self.log.write(&self.shared.causes, Instant::now(), &mut |line| say(line));
    }
}
