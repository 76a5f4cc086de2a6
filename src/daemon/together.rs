//! Publishing as one of several instances: panes are merged through Redis, and one instance publishes each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::causes::{Cause, Causes};
use super::status::ShownFleet;
use crate::aggregate::publish::{Announcements, Publication, reserved_of};
use crate::aggregate::{Board, Ledger, Pane, Rule, Series, Window};
use crate::fleet::{Claim, Fleet, FleetError};

/// How this instance takes part.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its name.
    pub instance: String,
    /// How many there are at most.
    pub instances: u32,
    /// How long to wait for the panes of others.
    pub grace: Duration,
}

/// This instance among others.
#[derive(Debug)]
pub(super) struct Together {
    fleet: Fleet,
    place: Place,
    causes: Arc<Causes>,
    /// The most distinct series of all instances in a clock hour, and what each is to have of it for itself.
    budget: u64,
    wanted_part: u64,
    /// The merged series that always have their place.
    reserved: Vec<Series>,
    pending: Vec<Pending>,
    /// After a failure, Redis is not asked again before.
    retry_at: Option<Instant>,
    /// Whether there are panes that Redis may not have.
    has_gaps: bool,
    /// Whether this instance is being stopped.
    is_leaving: bool,
    seen: u32,
}

/// A pane that is merged and not published yet.
#[derive(Debug)]
struct Pending {
    rule: Arc<Rule>,
    shared_end: u64,
    /// When to ask who publishes it.
    due: Instant,
}

/// What is known of a rule, and published if it is this instance's turn.
#[derive(Debug)]
pub(super) struct Outcome {
    pub publication: Publication,
    /// Whether it is of this instance alone.
    pub is_unmerged: bool,
    /// What to say once it was sent.
    turn: Option<Turn>,
}

impl Outcome {
    /// What an instance without others publishes.
    pub fn alone(publication: Publication) -> Self {
        Self { publication, is_unmerged: false, turn: None }
    }
}

/// This instance's turn to publish a pane.
#[derive(Debug)]
struct Turn {
    shared_end: u64,
    told: Announcements,
}

/// The least time between two questions who publishes a pane.
const SHORTEST: Duration = Duration::from_millis(50);

/// How long Redis is left alone after a failure.
const REST: Duration = Duration::from_secs(2);

impl Together {
    pub fn new(fleet: Fleet, place: Place, causes: Arc<Causes>) -> Self {
        Self {
            fleet,
            place,
            causes,
            budget: 0,
            wanted_part: 0,
            reserved: Vec::new(),
            pending: Vec::new(),
            retry_at: None,
            has_gaps: false,
            is_leaving: false,
            seen: 0,
        }
    }

    /// The tags of what this instance publishes alone.
    pub fn own_tags(&self) -> Vec<String> {
        vec!["merged:false".to_owned(), format!("instance:{}", self.place.instance)]
    }

    /// Divides the budget of the hours to come: first what all instances publish together, then equal parts of half of
    /// the rest for what each publishes alone. The other half is for rules that are added in mid-hour.
    pub fn take_rules(&mut self, rules: &[Rule], budget: u64) {
        let of_rules: u64 = rules.iter().map(|rule| rule.series_per_hour).sum();
        self.budget = budget;
        self.wanted_part = budget.saturating_sub(of_rules) / 2 / self.instances();
        self.reserved = reserved_of(rules, &[]);
        let longest = rules.iter().map(|rule| rule.pane_seconds).max().unwrap_or_default();
        self.fleet.set_settle(Duration::from_secs(longest) + self.place.grace);
    }

    /// What this instance may publish alone in the clock hour of `unix`. All instances divide an hour alike, as the first
    /// of them that asks Redis, and other rules change that from the next hour on: what was spent by one division would
    /// exceed the budget of another.
    pub fn part(&mut self, unix: u64) -> u64 {
        let (hour, wanted) = (unix / 3600, self.wanted_part);
        if let Some(part) = self.fleet.known_part(hour) {
            return part;
        }
        self.ask(|fleet| fleet.part(hour, wanted)).unwrap_or_else(|| {
            self.fleet.keep_part(hour, wanted);
            wanted
        })
    }

    /// What all instances may publish together in that hour.
    fn merged_limit(&mut self, unix: u64) -> u64 {
        self.budget.saturating_sub(self.part(unix).saturating_mul(self.instances()))
    }

    fn instances(&self) -> u64 {
        u64::from(self.place.instances.max(1))
    }

    /// Merges the newest pane of a rule. Where Redis is away, this instance's own is given to be published instead.
    pub fn merge(&mut self, rule: &Arc<Rule>, board: &mut Board, ledger: &mut Ledger) -> Option<Outcome> {
        let pane = board.newest(rule)?;
        let shared_end = pane.shared_end;
        let merged = self.ask(|fleet| fleet.merge(rule, pane, pane.sequence));
        // A Redis that came back at once may have come back empty.
        self.has_gaps |= merged.is_none() | self.fleet.may_have_lost();
        let Some(merged) = merged else { return self.alone(rule, board, ledger) };
        let waits = !merged.is_complete() && !self.is_leaving;
        let grace = if waits { self.place.grace } else { Duration::ZERO };
        self.pending.push(Pending { rule: rule.clone(), shared_end, due: Instant::now() + grace });
        if self.has_gaps {
            // What was merged before stays as it is, so that no pane is counted twice.
            let again = |(rule, pane): (&Arc<Rule>, &Pane)| {
                self.ask(|fleet| fleet.merge(rule, pane, pane.sequence)).is_some()
            };
            self.has_gaps = !board.panes().all(again);
        }
        None
    }

    /// How long until a pane is to be published.
    pub fn wait(&self) -> Option<Duration> {
        let next = self.pending.iter().map(|one| one.due).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Begins to stop: what is merged from now on are the last panes, and nothing waits for panes of others.
    pub fn leave(&mut self) {
        self.is_leaving = true;
        let now = Instant::now();
        self.pending.iter_mut().for_each(|one| one.due = now);
    }

    /// Forgets the panes that other instances will publish.
    fn leave_to_others(&mut self) {
        let mut last: BTreeMap<_, (Arc<Rule>, u64)> = BTreeMap::new();
        let key = |rule: &Rule| (rule.address.clone(), rule.pane_seconds);
        for one in &self.pending {
            let (_, end) = last.entry(key(&one.rule)).or_insert_with(|| (one.rule.clone(), 0));
            *end = one.shared_end.max(*end);
        }
        last.retain(|_, (rule, end)| self.ask(|fleet| fleet.has_others(rule, *end)) == Some(true));
        self.pending.retain(|one| !last.contains_key(&key(&one.rule)));
    }

    /// What is due to be published, by this instance or by another.
    pub fn due(&mut self, board: &mut Board, ledger: &mut Ledger) -> Vec<Outcome> {
        if self.is_leaving {
            self.leave_to_others();
        }
        let now = Instant::now();
        let (due, later): (Vec<Pending>, _) =
            std::mem::take(&mut self.pending).into_iter().partition(|one| one.due <= now);
        self.pending = later;
        due.into_iter().filter_map(|one| self.one_due(one, board, ledger)).collect()
    }

    fn one_due(&mut self, mut one: Pending, board: &mut Board, ledger: &mut Ledger) -> Option<Outcome> {
        let outcome = match self.ask(|fleet| fleet.claim(&one.rule, one.shared_end)) {
            Some(Claim::Held { retry }) => {
                // Who stops at the same time may have begun before this one's pane was merged.
                one.due = Instant::now() + if self.is_leaving { SHORTEST } else { retry.max(SHORTEST) };
                self.pending.push(one);
                return None;
            }
            Some(Claim::Done) => self.shown(&one),
            Some(Claim::Yours { state }) => {
                let told = state.and_then(|state| serde_json::from_str(&state).ok()).unwrap_or_default();
                self.published(&one, told, ledger)
            }
            None => None,
        };
        // Of its own, an instance publishes the newest window, once: what it has of earlier panes is in it.
        let is_newest = |pane: &Pane| pane.shared_end == one.shared_end;
        outcome.or_else(|| {
            board.newest(&one.rule).is_some_and(is_newest).then(|| self.alone(&one.rule, board, ledger))?
        })
    }

    /// Says that what was given has been sent.
    pub fn sent(&mut self, outcome: &Outcome) {
        let Some(turn) = &outcome.turn else { return };
        // A map of text and numbers always serialises.
        let state = serde_json::to_string(&turn.told).unwrap_or_default();
        // If it is not heard, another instance publishes the same points again.
        let (rule, end, is_leaving) = (&outcome.publication.rule, turn.shared_end, self.is_leaving);
        let _ = self.ask(|fleet| match is_leaving {
            true => fleet.finish_early(rule, end, &state),
            false => fleet.finish(rule, end, &state),
        });
    }

    /// How things are, for the page.
    pub fn shown_fleet(&self) -> ShownFleet {
        ShownFleet {
            instance: self.place.instance.clone(),
            expected: self.place.instances,
            seen: self.seen,
            connected: self.retry_at.is_none(),
        }
    }

    fn window(&mut self, one: &Pending) -> Option<Window> {
        let before = self.fleet.not_understood();
        let panes = self.ask(|fleet| fleet.panes(&one.rule, one.shared_end))?;
        self.causes.add(Cause::PartNotUnderstood, self.fleet.not_understood() - before);
        self.seen = panes.last().map_or(0, |pane| pane.instances);
        Some(Window::of(panes))
    }

    /// What another instance has published.
    fn shown(&mut self, one: &Pending) -> Option<Outcome> {
        let report = self.window(one)?.report(&one.rule)?;
        let publication =
            Publication { rule: one.rule.clone(), report, gauges: Vec::new(), events: Vec::new() };
        Some(Outcome { publication, is_unmerged: false, turn: None })
    }

    fn published(&mut self, one: &Pending, mut told: Announcements, ledger: &mut Ledger) -> Option<Outcome> {
        let window = self.window(one)?;
        let limit = self.merged_limit(window.panes().last()?.ended_at);
        let mut admission = self.fleet.admission(limit, &self.reserved);
        let publication = Publication::of(&one.rule, &window, &[], Some(&mut told), &mut admission)?;
        ledger.add_refused(admission.refused());
        if let Some(error) = admission.take_error() {
            self.failed(&error);
            // Redis left before it said whether there is room for these rules: another one publishes, or each for itself.
            if !publication.gauges.iter().any(|gauge| gauge.name == one.rule.metric) {
                return None;
            }
        }
        Some(Outcome {
            publication,
            is_unmerged: false,
            turn: Some(Turn { shared_end: one.shared_end, told }),
        })
    }

    fn alone(&mut self, rule: &Arc<Rule>, board: &mut Board, ledger: &mut Ledger) -> Option<Outcome> {
        ledger.set_limit(self.part(board.newest(rule)?.ended_at));
        let publication = board.publication(rule, &self.own_tags(), ledger)?;
        Some(Outcome { publication, is_unmerged: true, turn: None })
    }

    /// Asks Redis, unless it has just failed.
    fn ask<T>(&mut self, call: impl FnOnce(&mut Fleet) -> Result<T, FleetError>) -> Option<T> {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return None;
        }
        match call(&mut self.fleet) {
            Ok(answer) => {
                self.retry_at = None;
                Some(answer)
            }
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    fn failed(&mut self, error: &FleetError) {
        self.causes.add_text(Cause::RedisFailed, error.to_string().as_bytes());
        self.retry_at = Some(Instant::now() + REST);
    }
}

/// The name of this machine, by which an instance is known that was given none.
pub fn host_name() -> String {
    let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    name.unwrap_or_else(|| "unnamed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{Aggregator, Moment, Per};
    use crate::fleet::FleetOptions;

    const BUDGET: u64 = 100;
    const INSTANCES: u64 = 4;

    fn without_redis() -> Together {
        let options = FleetOptions::new("redis+unix:///nowhere/redis.sock", "test", "a", INSTANCES as u32);
        let place =
            Place { instance: "a".to_owned(), instances: INSTANCES as u32, grace: Duration::from_secs(5) };
        Together::new(Fleet::new(options).unwrap(), place, Arc::default())
    }

    fn rule(series_per_hour: u64) -> Rule {
        Rule {
            address: "n.E.id/aggregate_metric".parse().unwrap(),
            record: "n.E".into(),
            field: "id".into(),
            metric: "e.id".into(),
            per: Per::Hour,
            window_seconds: 300,
            pane_seconds: 30,
            top: 3,
            ids_per_hour: 5,
            capacity: 10,
            tags: Vec::new(),
            threshold: None,
            series_per_hour,
        }
    }

    #[test]
    fn other_rules_divide_the_next_hour_and_not_the_present_one() {
        let mut together = without_redis();
        let (present, next) = (3600 * 500_000, 3600 * 500_001);
        together.take_rules(&[rule(20)], BUDGET);
        assert_eq!((together.part(present), together.merged_limit(present)), (10, 60));
        together.take_rules(&[rule(60)], BUDGET);
        assert_eq!(
            (together.part(present + 3599), together.merged_limit(present)),
            (10, 60),
            "room for both"
        );
        assert_eq!((together.part(next), together.merged_limit(next)), (5, 80));
        assert_eq!(together.part(present), 10, "a pane that is late");
    }

    #[test]
    fn longer_panes_take_longer_to_tell_what_redis_has_lost() {
        let mut together = without_redis();
        for (pane_seconds, settle) in [(30, "settle: 35s"), (600, "settle: 605s")] {
            together.take_rules(&[rule(20), Rule { pane_seconds, ..rule(20) }], BUDGET);
            assert!(format!("{:?}", together.fleet).contains(settle), "{:?}", together.fleet);
        }
    }

    #[test]
    fn without_redis_a_pane_is_published_once() {
        let at =
            |seconds| Moment { elapsed: Duration::from_secs(seconds), unix: Duration::from_secs(seconds) };
        let (mut together, mut board, mut ledger) = (without_redis(), Board::default(), Ledger::new(BUDGET));
        let aggregator = Aggregator::new([rule(20)], at(0));
        let mut published = Vec::new();
        for end in [30, 60, 90] {
            let closed = aggregator.close_due(at(end)).pop().unwrap();
            let rule = board.take(closed);
            // The second one was merged in time, and waits for others when the third ends.
            if end == 60 {
                together.pending.push(Pending { rule, shared_end: end, due: Instant::now() });
                continue;
            }
            published.extend(together.merge(&rule, &mut board, &mut ledger));
            published.extend(together.due(&mut board, &mut ledger));
        }
        let ends = published.iter().map(|outcome| outcome.publication.report.ended_at);
        assert_eq!(ends.collect::<Vec<_>>(), [30, 90]);
        let rule = Arc::new(rule(20));
        together.pending.push(Pending { rule, shared_end: 90, due: Instant::now() });
        assert_eq!(together.due(&mut board, &mut ledger).len(), 1, "one that was merged before Redis left");
    }

    #[test]
    fn no_rules_and_no_budget_exceed_it() {
        for (series, budget) in [(0, 0), (0, 3), (200, BUDGET), (99, BUDGET), (BUDGET, BUDGET), (1, u64::MAX)]
        {
            let mut together = without_redis();
            together.take_rules(&[rule(series)], budget);
            let (part, merged) = (together.part(0), together.merged_limit(0));
            assert!(part.checked_mul(INSTANCES).unwrap().checked_add(merged).unwrap() <= budget);
            assert!(merged >= series.min(budget), "what all publish comes first");
        }
    }
}
