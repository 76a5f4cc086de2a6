//! The panes of all instances together, as far as this one has read them.

use std::collections::{BTreeMap, BTreeSet};

use crate::aggregate::{Counts, Pane, Rule};

use super::part;

/// Names a part of a pane: the run of a process, a number that the run gives once, and the instance. The number of a part
/// that ended before the pane, as that of a process that was stopped, has a mark.
pub(super) fn part_name(run: &str, sequence: u64, instance: &str, is_early: bool) -> String {
    let mark = if is_early { "-" } else { "" };
    format!("{run}:{sequence}{mark}:{instance}")
}

/// Whether a part ended with its pane.
pub(super) fn is_last(name: &str) -> bool {
    !name.split(':').nth(1).is_some_and(|number| number.ends_with('-'))
}

/// The run of a process that a part is of.
pub(super) fn run_of(name: &str) -> &str {
    name.split_once(':').map_or(name, |(run, _)| run)
}

/// The instance that a part is of.
pub(super) fn instance_of(name: &str) -> &str {
    name.splitn(3, ':').nth(2).unwrap_or(name)
}

/// One pane, merged from the parts that were read so far.
#[derive(Debug)]
struct Shared {
    /// The parts that are in it. Each is read once: it never changes.
    names: BTreeSet<String>,
    /// Seconds and events of each instance; one that was restarted has several parts.
    instances: BTreeMap<String, (f64, u64)>,
    ended_at: u64,
    counts: Counts,
}

impl Shared {
    fn new(capacity: usize) -> Self {
        let (names, instances) = (BTreeSet::new(), BTreeMap::new());
        Self { names, instances, ended_at: 0, counts: Counts::new(capacity) }
    }

    /// Merges a part; says whether it was understood.
    fn add(&mut self, name: String, bytes: &[u8]) -> bool {
        let part = part::decode(bytes);
        if let Some(part) = &part {
            let (seconds, events) = self.instances.entry(instance_of(&name).to_owned()).or_default();
            *seconds += part.seconds;
            *events = events.saturating_add(part.total);
            self.ended_at = self.ended_at.max(part.ended_at);
            part.add_to(&mut self.counts);
        }
        self.names.insert(name);
        part.is_some()
    }

    fn pane(&self, shared_end: u64, pane_seconds: u64) -> Pane {
        Pane {
            ended_at: self.ended_at.min(shared_end),
            shared_end,
            seconds: shared_seconds(self.instances.values().copied(), pane_seconds as f64),
            counts: self.counts.clone(),
            instances: self.instances.len() as u32,
            sequence: 0,
        }
    }
}

/// How long a pane was for all instances together, of each one's seconds and events.
///
/// The sum of the counts divided by it is to be the rate of all. An instance whose pane was longer or shorter by its
/// own clock has its own rate, and the rates add up: that makes the mean of the lengths, weighted by events. But who
/// was there for a part of the pane only has no events in the rest of it, and its rate is over the whole pane, as far
/// as any instance saw it.
fn shared_seconds(instances: impl Iterator<Item = (f64, u64)> + Clone, pane: f64) -> f64 {
    let longest = instances.clone().map(|(seconds, _)| seconds).fold(0.0, f64::max);
    let common = longest.min(pane);
    if common <= 0.0 {
        return longest;
    }
    let events: f64 = instances.clone().map(|(_, events)| events as f64).sum();
    let rate: f64 = instances.map(|(seconds, events)| events as f64 / seconds.max(common)).sum();
    if rate > 0.0 { events / rate } else { longest }
}

/// The panes of one rule, by their ends.
#[derive(Debug, Default)]
struct Panes {
    shared: BTreeMap<u64, Shared>,
    /// How long they are needed, in seconds.
    lives: u64,
}

/// The last panes of the rules that this instance has published, so that each part is read once.
#[derive(Debug, Default)]
pub(super) struct Cache {
    /// By the rules' keys and capacities.
    rules: BTreeMap<(String, u64), Panes>,
    /// Parts that were not understood.
    strange: u64,
}

impl Cache {
    /// Forgets the panes of this rule that ended before `first`, and rules that nobody asks for any more.
    pub fn forget(&mut self, key: &str, rule: &Rule, first: u64, newest: u64) {
        if let Some(panes) = self.rules.get_mut(&(key.to_owned(), rule.capacity)) {
            panes.shared.retain(|end, _| *end >= first);
        }
        let is_needed = |lives: u64, end: &u64| end.saturating_add(lives) >= newest;
        self.rules.retain(|_, panes| panes.shared.keys().any(|end| is_needed(panes.lives, end)));
    }

    /// Of the parts that are there, those that were not read yet.
    pub fn missing(&self, key: &str, rule: &Rule, end: u64, names: Vec<String>) -> Vec<String> {
        let read = self.rules.get(&(key.to_owned(), rule.capacity)).and_then(|panes| panes.shared.get(&end));
        names.into_iter().filter(|name| !read.is_some_and(|pane| pane.names.contains(name))).collect()
    }

    /// Merges a part.
    pub fn add(&mut self, key: &str, rule: &Rule, end: u64, name: String, bytes: &[u8]) {
        let panes = self.rules.entry((key.to_owned(), rule.capacity)).or_default();
        panes.lives = lives(rule);
        let pane = panes.shared.entry(end).or_insert_with(|| Shared::new(rule.capacity as usize));
        self.strange += u64::from(!pane.add(name, bytes));
    }

    /// The panes that anybody has counted in, oldest first.
    pub fn panes(&self, key: &str, rule: &Rule, ends: &[u64]) -> Vec<Pane> {
        let Some(panes) = self.rules.get(&(key.to_owned(), rule.capacity)) else { return Vec::new() };
        let found = ends.iter().filter_map(|end| panes.shared.get(end).map(|pane| (*end, pane)));
        let counted = found.filter(|(_, pane)| !pane.instances.is_empty());
        counted.map(|(end, pane)| pane.pane(end, rule.pane_seconds)).collect()
    }

    /// How many parts were not understood since the process began.
    pub fn strange(&self) -> u64 {
        self.strange
    }
}

/// How long a rule's panes are needed, in seconds.
fn lives(rule: &Rule) -> u64 {
    rule.window_seconds.saturating_add(rule.pane_seconds.saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(instances: &[(f64, u64)]) -> f64 {
        shared_seconds(instances.iter().copied(), 30.0)
    }

    #[test]
    fn one_instance_alone_is_as_long_as_it_says() {
        for length in [0.0, 7.5, 30.0, 44.0] {
            assert_eq!(seconds(&[(length, 900)]), length);
        }
        assert_eq!(seconds(&[(30.0, 0), (31.0, 0)]), 31.0);
        assert_eq!(seconds(&[]), 0.0);
    }

    #[test]
    fn rates_of_whole_panes_add_up_whatever_their_length() {
        // 50 and 100 a second.
        let shared = seconds(&[(30.0, 1_500), (45.0, 4_500)]);
        assert!((6_000.0 / shared - 150.0).abs() < 1e-9, "{shared}");
    }

    #[test]
    fn who_was_there_for_a_part_has_no_events_in_the_rest() {
        // The second one came after 20 seconds: 3,000 and 500 events happened in 30 seconds.
        assert!((seconds(&[(30.0, 3_000), (10.0, 500)]) - 30.0).abs() < 1e-9);
        // All came after 20 seconds: nobody knows of the rest.
        assert!((seconds(&[(10.0, 3_000), (10.0, 500)]) - 10.0).abs() < 1e-9);
    }

    #[test]
    fn an_instance_may_have_any_name() {
        for is_early in [false, true] {
            let name = part_name("5f", 7, "a-:b-:c", is_early);
            assert_eq!((instance_of(&name), is_last(&name)), ("a-:b-:c", !is_early));
        }
    }
}
