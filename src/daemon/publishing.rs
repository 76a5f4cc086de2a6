//! The thread that ends panes and publishes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::causes::{Cause, CauseLog, Causes};
use super::forward::Forwarder;
use super::http::{Counters, Pulse};
use super::intake::{CurrentRoutes, Traffic};
use super::own::Own;
use super::routes::Routes;
use super::status::{ShownBudget, Status};
use super::together::{Outcome, Together};
use crate::aggregate::publish::reserved_of;
use crate::aggregate::{Aggregator, Board, Closed, Ledger, Rule};
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
    /// The clocks.
    pub clock: Clock,
    /// Milliseconds on the clock that never jumps, at which the thread was last alive.
    pub alive: Arc<AtomicU64>,
    /// Says a line.
    pub say: Say,
}

impl Shared {
    /// What has gone through so far.
    pub fn counters(&self) -> Counters {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let drops = self.causes.snapshot().into_iter();
        Counters {
            received: read(&self.traffic.received),
            counted: read(&self.traffic.counted),
            forwarded: read(&self.traffic.forwarded),
            events: read(&self.traffic.events),
            drops: drops.map(|(cause, lost)| (cause.word().to_owned(), lost)).collect(),
        }
    }

    /// When the publishing thread was last alive.
    pub fn pulse(&self) -> Pulse {
        let now = self.clock.now().elapsed.as_millis() as u64;
        let silent_for = Duration::from_millis(now.saturating_sub(self.alive.load(Ordering::Relaxed)));
        Pulse { silent_for, pane: PULSE }
    }
}

/// The publishing thread's own things.
pub struct Publishing {
    shared: Shared,
    board: Board,
    ledger: Ledger,
    own: Own,
    forwarder: Forwarder,
    log: CauseLog,
    together: Option<Together>,
    /// The longest time from the end of a pane until it was published, since that was last told.
    lag: f64,
}

/// How long the thread sleeps at most, so that the log and the forwarder have their turn.
const PULSE: Duration = Duration::from_secs(1);

/// How long the end waits for an Agent that is away, and for another instance that publishes.
const PATIENCE: Duration = Duration::from_secs(2);

impl Publishing {
    /// Publishes through `forwarder`, as far as `ledger` has room: alone, or together with other instances.
    pub fn new(
        shared: Shared,
        ledger: Ledger,
        own: Own,
        forwarder: Forwarder,
        together: Option<Together>,
    ) -> Self {
        let (board, log) = (Board::default(), CauseLog::default());
        Self { shared, board, ledger, own, forwarder, log, together, lag: 0.0 }
    }

    /// Ends panes when they are due, until it is told to stop.
    pub fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let now = self.shared.clock.now();
            self.shared.alive.store(now.elapsed.as_millis() as u64, Ordering::Relaxed);
            let closed = self.shared.aggregator.close_due(now);
            self.publish(closed);
            self.forwarder.flush(Instant::now());
            self.write_log();
            match orders.recv_timeout(self.wait()) {
                Ok(Order::Rules(rules)) => {
                    let said = match rules.rules.len() {
                        0 => "Read again: there is no rule, so nothing is counted.".to_owned(),
                        1 => "Read again: 1 rule.".to_owned(),
                        rules => format!("Read again: {rules} rules."),
                    };
                    self.take_rules(*rules);
                    (self.shared.say)(&said);
                }
                Ok(Order::ReloadFailed(reason)) => self.shared.status.lock().reload_error = Some(reason),
                Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Some(together) = &mut self.together {
            together.leave();
        }
        let last = self.shared.aggregator.close_all(self.shared.clock.now());
        let end = Instant::now() + PATIENCE;
        self.publish(last);
        // Another instance that stops has begun to publish.
        while let Some(wait) = self.together.as_ref().and_then(Together::wait)
            && Instant::now() + wait < end
        {
            std::thread::sleep(wait);
            self.publish(Vec::new());
        }
        self.forwarder.finish(PATIENCE);
        self.write_log();
    }

    fn wait(&self) -> Duration {
        let next = self.shared.aggregator.next_end(self.shared.clock.now());
        let due = self.together.as_ref().and_then(Together::wait);
        next.into_iter().chain(due).fold(PULSE, Duration::min)
    }

    /// Counts by these rules from now on. What others have counted is published when their pane ends.
    pub fn take_rules(&mut self, rules: Rules) {
        let (limit, extra) = match &mut self.together {
            Some(together) => {
                together.take_rules(&rules.rules, rules.limit);
                (together.part(self.shared.clock.now().unix.as_secs()), together.own_tags())
            }
            None => (rules.limit, Vec::new()),
        };
        let of_rules = reserved_of(&rules.rules, &extra);
        self.ledger.reserve(limit, self.own.reserved().chain(of_rules));
        let mut shown = self.shared.status.lock();
        shown.set_rules(&rules.rules);
        shown.reload_error = None;
        drop(shown);
        self.shared.aggregator.set_rules(rules.rules, self.shared.clock.now());
        self.shared.routes.set(Routes::new(&self.shared.aggregator, &rules.received));
    }

    fn publish(&mut self, closed: Vec<Closed>) {
        let has_ended = !closed.is_empty();
        let mut outcomes = Vec::new();
        for closed in closed {
            let rule = self.board.take(closed);
            outcomes.extend(match &mut self.together {
                Some(together) => together.merge(&rule, &mut self.board, &mut self.ledger),
                None => self.board.publication(&rule, &[], &mut self.ledger).map(Outcome::alone),
            });
        }
        if let Some(together) = &mut self.together {
            outcomes.extend(together.due(&mut self.board, &mut self.ledger));
        }
        for outcome in outcomes {
            self.send(outcome.publication.lines());
            if let Some(together) = &mut self.together {
                together.sent(&outcome);
            }
            let ended_at = outcome.publication.report.ended_at as f64;
            let late = (self.shared.clock.now().unix.as_secs_f64() - ended_at).max(0.0);
            self.show(&outcome, late);
            // What another instance has published was not late because this one hears of it.
            if !outcome.publication.gauges.is_empty() {
                self.lag = self.lag.max(late);
            }
        }
        if let Some(error) = self.ledger.take_error() {
            self.shared.causes.add_text(Cause::LedgerFailed, error.0.as_bytes());
        }
        if has_ended {
            let Shared { clock, traffic, causes, .. } = &self.shared;
            let unix = clock.now().unix.as_secs();
            if let Some(together) = &mut self.together {
                self.ledger.set_limit(together.part(unix));
            }
            // Panes that are merged are published a while after others have ended.
            let lag = std::mem::take(&mut self.lag);
            let own = self.own.lines(unix, &mut self.ledger, traffic, causes, lag);
            self.send(own.into_iter());
        }
    }

    fn send(&mut self, lines: impl Iterator<Item = Result<String, Refused>>) {
        for line in lines {
            match line {
                Ok(line) => self.forwarder.line(line.as_bytes()),
                Err(refused) => {
                    self.shared.causes.add_text(Cause::NotWritten, refused.to_string().as_bytes());
                }
            }
        }
    }

    fn show(&self, outcome: &Outcome, lag: f64) {
        let mut shown = self.shared.status.lock();
        shown.published(&outcome.publication, outcome.is_unmerged, lag);
        shown.fleet = self.together.as_ref().map(Together::shown_fleet);
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
