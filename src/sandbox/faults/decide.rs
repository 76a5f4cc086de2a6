//! Which fault a request meets. No effects: the time is an argument, and what seems to be chance is a function
//! of the seed, the rule and the number of the request.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use serde::Serialize;

use super::check::is_about;
use super::settings::{Faults, FaultsError, Limit, Rule};

/// What a rule does to a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    pub(super) answer: Answer,
    /// Whether the request is carried out.
    pub(super) carried_out: bool,
    /// From how many requests for the list a created monitor is hidden.
    pub(super) hold: u32,
    pub(super) delay: Duration,
}

/// What is sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// The sandbox's own answer.
    Own,
    /// Another answer.
    Instead { status: StatusCode, headers: HeaderMap, body: Vec<u8> },
    /// None: the connection is closed.
    Closed,
    /// So many bytes of the sandbox's own, then the connection is closed.
    BrokenOff(usize),
    /// So many bytes of the sandbox's own, as if they were all.
    Cut(usize),
    /// The sandbox's own list without so many of its last entries.
    Shortened(usize),
}

/// What rules and limits know of a request: its method, and its route as the router writes it.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct RequestKind<'a> {
    pub(in super::super) method: &'a str,
    pub(in super::super) route: &'a str,
}

impl RequestKind<'_> {
    fn is(&self, method: Option<&str>, route: Option<&str>) -> bool {
        method.is_none_or(|method| method == self.method)
            && route.is_none_or(|route| is_about(route, self.route))
    }
}

/// How often a rule's requests came and how often it fired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RuleCount {
    /// Requests that the rule is about.
    pub seen: u64,
    /// Requests that met its fault.
    pub fired: u64,
}

/// A window of a limit.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    number: i64,
    used: u64,
}

/// What a limit says of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) limit: Limit,
    pub(super) remaining: u64,
    /// Whole seconds until the window ends.
    pub(super) reset: i64,
    /// Whether the request was one too many.
    pub(super) exceeded: bool,
}

/// What is to happen to a request.
#[derive(Debug, Default)]
pub(super) struct Decision {
    pub(super) standing: Option<Standing>,
    pub(super) fault: Option<Fault>,
}

/// The faults in force, and what has been counted since they are.
#[derive(Debug, Default)]
pub(in super::super) struct Active {
    settings: Faults,
    faults: Vec<Fault>,
    counts: Vec<RuleCount>,
    windows: Vec<Window>,
    /// Monitors that are missing in the list, and how many more times.
    held: BTreeMap<u64, u32>,
}

impl Active {
    pub(in super::super) fn new(settings: Faults) -> Result<Self, FaultsError> {
        let faults = settings.check()?;
        let counts = vec![RuleCount::default(); settings.rules.len()];
        let windows = vec![Window::default(); settings.limits.len()];
        Ok(Self { settings, faults, counts, windows, held: BTreeMap::new() })
    }

    pub(in super::super) fn settings(&self) -> &Faults {
        &self.settings
    }

    pub(in super::super) fn counts(&self) -> &[RuleCount] {
        &self.counts
    }

    /// Decides about the next request. One beyond its limit comes to no rule.
    pub(super) fn decide(&mut self, request: RequestKind<'_>, now: Timestamp) -> Decision {
        let standing = self.standing(request, now);
        if standing.as_ref().is_some_and(|standing| standing.exceeded) {
            return Decision { standing, fault: None };
        }
        Decision { standing, fault: self.fault(request) }
    }

    fn standing(&mut self, request: RequestKind<'_>, now: Timestamp) -> Option<Standing> {
        let mut limits = self.settings.limits.iter().zip(&mut self.windows);
        let concerns = |(limit, _): &(&Limit, _)| request.is(limit.method.as_deref(), limit.route.as_deref());
        let (limit, window) = limits.find(concerns)?;
        Some(count(limit, window, now))
    }

    /// All rules count the request; the first that fires decides.
    fn fault(&mut self, request: RequestKind<'_>) -> Option<Fault> {
        let mut first = None;
        for (at, (rule, count)) in self.settings.rules.iter().zip(&mut self.counts).enumerate() {
            if !request.is(rule.method.as_deref(), rule.route.as_deref()) {
                continue;
            }
            count.seen += 1;
            let chance = draw(self.settings.seed, at as u64, count.seen);
            if first.is_none() && fires(rule, *count, chance) {
                count.fired += 1;
                first = Some(self.faults[at].clone());
            }
        }
        first
    }

    /// Hides a monitor from the next lists.
    pub(super) fn hold(&mut self, id: u64, lists: u32) {
        self.held.insert(id, lists);
    }

    /// The monitors that are missing in the list that is asked for now.
    pub(in super::super) fn hidden(&mut self) -> BTreeSet<u64> {
        let hidden = self.held.keys().copied().collect();
        self.held.retain(|_, lists| {
            *lists -= 1;
            *lists > 0
        });
        hidden
    }
}

/// Whether a rule fires on the request it has just seen; `chance` is from 0 to 1.
fn fires(rule: &Rule, count: RuleCount, chance: f64) -> bool {
    let number = count.seen.saturating_sub(rule.after);
    number > 0
        && rule.times.is_none_or(|times| count.fired < times)
        && rule.nth.is_none_or(|nth| number == nth)
        && rule.every.is_none_or(|every| number.is_multiple_of(every))
        && rule.probability.is_none_or(|probability| chance < probability)
}

/// A number from 0 to 1, the same for the same arguments. What other rules see does not change it.
fn draw(seed: u64, rule: u64, request: u64) -> f64 {
    let bits = mix(mix(mix(seed) ^ rule) ^ request);
    // A double holds 53 bits exactly.
    #[allow(clippy::cast_precision_loss)]
    let (high, all) = ((bits >> 11) as f64, (1_u64 << 53) as f64);
    high / all
}

/// One step of the generator SplitMix64.
fn mix(state: u64) -> u64 {
    let mut mixed = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Counts a request in the window that `now` is in.
fn count(limit: &Limit, window: &mut Window, now: Timestamp) -> Standing {
    let period = i64::from(limit.period);
    let second = now.as_nanosecond().div_euclid(1_000_000_000) as i64;
    let number = second.div_euclid(period);
    if window.number != number {
        *window = Window { number, used: 0 };
    }
    let exceeded = window.used >= limit.limit;
    window.used += u64::from(!exceeded);
    Standing {
        limit: limit.clone(),
        remaining: limit.limit - window.used,
        // The second has begun, so this is rounded up.
        reset: (number + 1) * period - second,
        exceeded,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POST: RequestKind<'_> = RequestKind { method: "POST", route: "/api/v1/monitor" };
    const LIST: RequestKind<'_> = RequestKind { method: "GET", route: "/api/v1/monitor" };

    fn rule() -> Rule {
        Rule { reset: true, ..Rule::default() }
    }

    fn active(seed: u64, rules: Vec<Rule>) -> Active {
        Active::new(Faults { seed, rules, limits: vec![] }).unwrap()
    }

    /// Which of the first requests meet a fault, counted from 1.
    fn fired(active: &mut Active, requests: u64) -> Vec<u64> {
        (1..=requests).filter(|_| active.decide(POST, Timestamp::UNIX_EPOCH).fault.is_some()).collect()
    }

    #[test]
    fn rules_fire_when_they_say() {
        let on = |rule: Rule| fired(&mut active(1, vec![rule]), 9);
        assert_eq!(on(rule()), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(on(Rule { nth: Some(3), ..rule() }), [3]);
        assert_eq!(on(Rule { every: Some(4), ..rule() }), [4, 8]);
        assert_eq!(on(Rule { times: Some(2), ..rule() }), [1, 2]);
        assert_eq!(on(Rule { after: 7, ..rule() }), [8, 9]);
        assert_eq!(on(Rule { after: 2, every: Some(3), times: Some(1), ..rule() }), [5]);
        assert_eq!(on(Rule { probability: Some(0.0), ..rule() }), [0; 0]);
        assert_eq!(on(Rule { probability: Some(1.0), ..rule() }).len(), 9);
        assert_eq!(on(Rule { method: Some("PUT".into()), ..rule() }), [0; 0]);
    }

    #[test]
    fn a_seed_gives_the_same_faults_whatever_others_ask() {
        let likely = || Rule { method: Some("POST".into()), route: None, probability: Some(0.25), ..rule() };
        let alone = fired(&mut active(7, vec![likely()]), 1000);
        assert!((200..300).contains(&alone.len()), "{}", alone.len());
        let mut mixed = active(7, vec![likely()]);
        let among_others: Vec<u64> = (1..=1000)
            .filter(|_| {
                assert!(mixed.decide(LIST, Timestamp::UNIX_EPOCH).fault.is_none());
                mixed.decide(POST, Timestamp::UNIX_EPOCH).fault.is_some()
            })
            .collect();
        assert_eq!(alone, among_others);
        assert_ne!(alone, fired(&mut active(8, vec![likely()]), 1000));
        // Two rules of the same probability draw differently.
        let second = fired(&mut active(7, vec![Rule { nth: Some(5000), ..rule() }, likely()]), 1000);
        assert_ne!(alone, second);
    }

    #[test]
    fn the_first_rule_that_fires_decides_and_all_count() {
        let slow = Rule { delay_ms: 1, nth: Some(2), ..Rule::default() };
        let mut active = active(1, vec![slow, rule()]);
        let closed = |decision: Decision| decision.fault.map(|fault| fault.answer == Answer::Closed);
        assert_eq!(closed(active.decide(POST, Timestamp::UNIX_EPOCH)), Some(true));
        assert_eq!(closed(active.decide(POST, Timestamp::UNIX_EPOCH)), Some(false));
        assert_eq!(active.counts(), [RuleCount { seen: 2, fired: 1 }; 2]);
    }

    #[test]
    fn windows_begin_at_multiples_of_the_period() {
        let limit = Limit { name: "n".into(), limit: 2, period: 10, ..Limit::default() };
        let mut active = Active::new(Faults { limits: vec![limit], ..Faults::default() }).unwrap();
        let mut at = |millisecond: i64| {
            let now = Timestamp::from_millisecond(millisecond).unwrap();
            let standing = active.decide(POST, now).standing.unwrap();
            (standing.remaining, standing.reset, standing.exceeded)
        };
        assert_eq!(at(100_000), (1, 10, false));
        assert_eq!(at(108_500), (0, 2, false));
        assert_eq!(at(109_999), (0, 1, true));
        assert_eq!(at(110_000), (1, 10, false));
        assert_eq!(at(990_001), (1, 10, false));
    }

    #[test]
    fn beyond_the_limit_no_rule_is_asked() {
        let limits = vec![Limit { name: "n".into(), period: 10, ..Limit::default() }];
        let mut active = Active::new(Faults { rules: vec![rule()], limits, seed: 0 }).unwrap();
        assert!(active.decide(POST, Timestamp::UNIX_EPOCH).fault.is_none());
        assert_eq!(active.counts(), [RuleCount::default()]);
    }

    #[test]
    fn held_monitors_come_back() {
        let mut active = Active::default();
        active.hold(1, 2);
        active.hold(2, 1);
        assert_eq!(active.hidden(), [1, 2].into());
        assert_eq!(active.hidden(), [1].into());
        assert_eq!(active.hidden(), [0; 0].into());
    }
}
