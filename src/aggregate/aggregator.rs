//! The rules that are counted, and when their panes end.

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use super::counter::{Counter, Handle};
use super::counts::Counts;
use super::rule::Rule;
use super::window::Pane;

/// A moment by two clocks: one that never jumps, to measure with, and the wall's, to write down.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Since some fixed moment in this process.
    pub elapsed: Duration,
    /// Since 1970.
    pub unix: Duration,
}

/// Counts the ids of all rules.
///
/// Threads count through a [`Handle`] of each rule; one thread calls [`Aggregator::close_due`] whenever
/// [`Aggregator::next_end`] has come. It has no clock of its own.
#[derive(Debug, Default)]
pub struct Aggregator {
    active: Mutex<Vec<Active>>,
    /// How many panes have ended.
    ended: AtomicU64,
}

#[derive(Debug)]
struct Active {
    rule: Arc<Rule>,
    counter: Arc<Counter>,
    started: Duration,
    /// Seconds since 1970.
    due: Duration,
    /// No rule asks for it any more: it goes when nobody can count any more.
    retired: bool,
}

/// A pane that has ended, of a rule.
#[derive(Debug)]
pub struct Closed {
    /// The rule.
    pub rule: Arc<Rule>,
    /// What was counted.
    pub pane: Pane,
    counter: Weak<Counter>,
}

impl Closed {
    /// Takes the pane out; [`Recycler`] takes its memory back later.
    pub fn into_parts(self) -> (Arc<Rule>, Pane, Recycler) {
        (self.rule, self.pane, Recycler(self.counter))
    }
}

/// Takes back the memory of panes of one rule.
#[derive(Debug, Clone)]
pub struct Recycler(Weak<Counter>);

impl Recycler {
    /// Whether the other one's panes were counted by the same tables, one after the other.
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }

    /// Uses the memory of a pane again.
    pub fn recycle(&self, pane: Pane) {
        if let Some(counter) = self.0.upgrade() {
            counter.recycle(pane.counts);
        }
    }
}

impl Aggregator {
    /// Counts these rules from `now` on.
    pub fn new(rules: impl IntoIterator<Item = Rule>, now: Moment) -> Self {
        let aggregator = Self::default();
        aggregator.set_rules(rules, now);
        aggregator
    }

    fn active(&self) -> MutexGuard<'_, Vec<Active>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the rules. A rule that counts the same in the same panes as before goes on with what it has
    /// counted; what others have counted is told when their pane ends.
    pub fn set_rules(&self, rules: impl IntoIterator<Item = Rule>, now: Moment) {
        let mut active = self.active();
        active.iter_mut().for_each(|active| active.retired = true);
        for rule in rules {
            let pane = Duration::from_secs(rule.pane_seconds.max(1));
            match active.iter_mut().find(|active| active.retired && active.rule.counts_as(&rule)) {
                Some(same) => {
                    same.rule = Arc::new(rule);
                    same.retired = false;
                }
                None => active.push(Active {
                    counter: Arc::new(Counter::new(rule.capacity as usize)),
                    rule: Arc::new(rule),
                    started: now.elapsed,
                    due: next_multiple(now.unix, pane),
                    retired: false,
                }),
            }
        }
    }

    /// The rules that are counted now.
    pub fn rules(&self) -> Vec<Arc<Rule>> {
        self.active().iter().filter(|active| !active.retired).map(|active| active.rule.clone()).collect()
    }

    /// Counts for a rule: by its address, or by the metric that it publishes.
    pub fn handle(&self, name: &str) -> Option<Handle> {
        let active = self.active();
        let found = active
            .iter()
            .filter(|active| !active.retired)
            .find(|active| active.rule.address.as_str() == name || active.rule.metric == name);
        found.map(|active| Handle(active.counter.clone()))
    }

    /// Ends the panes that are due.
    pub fn close_due(&self, now: Moment) -> Vec<Closed> {
        self.close(now, |active| active.is_due(now), false)
    }

    /// Ends all panes, whatever their length: nothing that was counted before is left.
    pub fn close_all(&self, now: Moment) -> Vec<Closed> {
        self.close(now, |_| true, true)
    }

    fn close(&self, now: Moment, which: impl Fn(&Active) -> bool, early: bool) -> Vec<Closed> {
        let mut closed = Vec::new();
        self.active().retain_mut(|active| {
            if !which(active) {
                return true;
            }
            // A thread that still holds a handle of a rule that is gone may count until it hears of it. Without any,
            // this pane is the last.
            let is_last = active.retired && Arc::strong_count(&active.counter) == 1;
            // What the thread that dropped the last handle has counted is seen from here on.
            fence(Ordering::Acquire);
            let sequence = self.ended.fetch_add(1, Ordering::Relaxed) + 1;
            closed.push((active.retired, active.end_pane(now, early, sequence)));
            !is_last
        });
        joined(closed)
    }

    /// How long until a pane may be due; none without rules.
    pub fn next_end(&self, now: Moment) -> Option<Duration> {
        self.active().iter().map(|active| active.wait(now)).min()
    }
}

/// The most memory, in bytes, that a rule's counts take with so many threads: each has a table and a spare one, each pane
/// of the window is kept, and their sum is made at the end of a pane.
pub fn most_bytes(rule: &Rule, threads: usize) -> usize {
    (2 * threads + 2 * rule.panes() + 1) * Counts::most_bytes(rule.capacity as usize)
}

impl Active {
    fn pane(&self) -> Duration {
        Duration::from_secs(self.rule.pane_seconds.max(1))
    }

    /// A pane ends at a multiple of its length by the wall's clock, so that all instances agree. One that began
    /// just before goes on to the next; and where the clock has jumped back, none becomes longer than half as
    /// much again.
    fn is_due(&self, now: Moment) -> bool {
        let length = now.elapsed.saturating_sub(self.started);
        (now.unix >= self.due && length >= self.pane() / 2) || length >= self.pane() * 3 / 2
    }

    fn wait(&self, now: Moment) -> Duration {
        let length = now.elapsed.saturating_sub(self.started);
        let longest = (self.pane() * 3 / 2).saturating_sub(length);
        let shortest = (self.pane() / 2).saturating_sub(length);
        self.due.saturating_sub(now.unix).max(shortest).min(longest)
    }

    fn end_pane(&mut self, now: Moment, early: bool, sequence: u64) -> Closed {
        let counts = self.counter.take();
        let seconds = now.elapsed.saturating_sub(self.started).as_secs_f64();
        let next = next_multiple(now.unix, self.pane());
        let shared_end = if early { next } else { next.saturating_sub(self.pane()) }.as_secs();
        self.started = now.elapsed;
        self.due = next;
        let pane = Pane {
            ended_at: shared_end.min(now.unix.as_secs()),
            shared_end,
            seconds,
            counts,
            instances: 1,
            sequence,
        };
        Closed { rule: self.rule.clone(), pane, counter: Arc::downgrade(&self.counter) }
    }
}

/// What a rule has counted that was replaced by one of the same address, as with another capacity, goes to that one where
/// both end together: they publish the same series.
fn joined(closed: Vec<(bool, Closed)>) -> Vec<Closed> {
    let (retired, present): (Vec<_>, Vec<_>) = closed.into_iter().partition(|(is_retired, _)| *is_retired);
    let mut present: Vec<Closed> = present.into_iter().map(|(_, closed)| closed).collect();
    let mut gone = Vec::new();
    for (_, old) in retired {
        let is_next = |new: &&mut Closed| {
            (&new.rule.address, new.pane.shared_end) == (&old.rule.address, old.pane.shared_end)
        };
        let Some(new) = present.iter_mut().find(is_next) else {
            gone.push(old);
            continue;
        };
        new.pane.counts.merge(&old.pane.counts);
        new.pane.seconds = new.pane.seconds.max(old.pane.seconds);
    }
    gone.append(&mut present);
    gone
}

fn next_multiple(unix: Duration, pane: Duration) -> Duration {
    let seconds = pane.as_secs();
    Duration::from_secs((unix.as_secs() / seconds + 1) * seconds)
}
