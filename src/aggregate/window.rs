//! Panes, and the window that slides over them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use serde::Serialize;

use super::counts::Counts;
use super::id::Id;
use super::rule::Rule;

/// What was counted between two moments.
#[derive(Debug, Clone)]
pub struct Pane {
    /// When it ended, in seconds since 1970.
    pub ended_at: u64,
    /// When it ends for all instances: a multiple of the rule's pane. Later than `ended_at` where an aggregator was
    /// stopped before.
    pub shared_end: u64,
    /// How long it was, in seconds, by a clock that never jumps.
    pub seconds: f64,
    /// What was counted.
    pub counts: Counts,
    /// How many instances have counted.
    pub instances: u32,
    /// Another number for each pane that this process has ended.
    pub sequence: u64,
}

/// What a rule says of its window at the end of a pane.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// When the pane ended, in seconds since 1970.
    pub ended_at: u64,
    /// How much time the window covers, in seconds; half a pane at least.
    pub seconds: f64,
    /// The length of each of its panes in seconds, oldest first.
    pub panes: Vec<f64>,
    /// The events in the last pane.
    pub pane_events: u64,
    /// The events in the window.
    pub events: u64,
    /// The ids with the highest rates, highest first.
    pub top: Vec<Ranked>,
    /// The id that held the highest rate in every pane of the window; none before there are so many panes.
    pub sustained: Option<Sustained>,
    /// How many different ids there were in the window; an estimate if `offset` is above 0.
    pub distinct: u64,
    /// The part of the events that `top` has, from 0 to 1.
    pub share: f64,
    /// The most events by which a count can be too low; 0 says that every count is exact.
    pub offset: u64,
    /// The same as a rate in the rule's unit.
    pub bound: f64,
    /// Whether the id at the top is the top for certain.
    pub certain: bool,
    /// How many instances have counted in the last pane.
    pub instances: u32,
}

/// An id at the top.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Ranked {
    /// The id as it was received.
    pub id: String,
    /// Its events in the window: at least these, and at most [`Report::offset`] more.
    pub events: u64,
    /// Its rate in the rule's unit.
    pub rate: f64,
    /// Its rate in each pane of the window, oldest first.
    pub panes: Vec<f64>,
}

/// An id and the rate that it held throughout the window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sustained {
    /// The id as it was received; none if no id was there in every pane.
    pub id: Option<String>,
    /// The lowest of its rates in the panes, in the rule's unit.
    pub rate: f64,
}

/// The last panes of one rule.
#[derive(Debug, Default)]
pub struct Window {
    panes: VecDeque<Pane>,
}

impl Window {
    /// The panes, oldest first.
    pub fn panes(&self) -> impl Iterator<Item = &Pane> {
        self.panes.iter()
    }

    /// A window of these panes, oldest first.
    pub fn of(panes: Vec<Pane>) -> Self {
        Self { panes: panes.into() }
    }

    /// Adds the newest pane, and gives those that have left the window.
    pub fn push(&mut self, rule: &Rule, pane: Pane) -> Vec<Pane> {
        self.panes.push_back(pane);
        let surplus = self.panes.len().saturating_sub(rule.panes());
        self.panes.drain(..surplus).collect()
    }

    /// What is to be said at the end of the last pane; none without panes.
    pub fn report(&self, rule: &Rule) -> Option<Report> {
        let last = self.panes.back()?;
        let sum = Counts::sum(self.panes.iter().map(|pane| &pane.counts));
        // A process that ends soon after it began has seen too little time for a rate: two events in a millisecond are
        // no millions an hour.
        let shortest = rule.pane_seconds as f64 / 2.0;
        let seconds = self.panes.iter().map(|pane| pane.seconds).sum::<f64>().max(shortest);
        let rate = |events: u64, seconds: f64| events as f64 / seconds.max(shortest) * rule.per.seconds();
        let is_full =
            self.panes.len() == rule.panes() && self.panes.iter().all(|pane| pane.seconds >= shortest);
        // One more than is published says whether the first is certain, even where only one is.
        let most = (rule.top as usize).max(1);
        let ids = sum.top(most + 1);
        let certain = match ids.as_slice() {
            [] => true,
            [(_, first), rest @ ..] => *first >= rest.first().map_or(0, |(_, n)| *n) + sum.offset(),
        };
        let top: Vec<Ranked> = ids
            .iter()
            .take(most)
            .map(|(id, events)| Ranked {
                id: id.to_string(),
                events: *events,
                rate: rate(*events, seconds),
                panes: self.panes.iter().map(|pane| rate(pane.counts.get(*id), pane.seconds)).collect(),
            })
            .collect();
        let of_top: u64 = top.iter().map(|ranked| ranked.events).sum();
        Some(Report {
            ended_at: last.ended_at,
            seconds,
            panes: self.panes.iter().map(|pane| pane.seconds).collect(),
            pane_events: last.counts.total(),
            events: sum.total(),
            share: if sum.total() > 0 { of_top as f64 / sum.total() as f64 } else { 0.0 },
            sustained: is_full.then(|| self.sustained(&sum, rate)),
            distinct: sum.distinct(),
            offset: sum.offset(),
            bound: rate(sum.offset(), seconds),
            certain,
            instances: last.instances,
            top,
        })
    }

    /// The highest rate that one and the same id had in every pane.
    fn sustained(&self, sum: &Counts, rate: impl Fn(u64, f64) -> f64) -> Sustained {
        let seconds: f64 = self.panes.iter().map(|pane| pane.seconds).sum();
        let mut best: Option<(f64, Id<'_>)> = None;
        // No id holds more than its mean rate: from the highest mean on, most need not be looked at.
        let mut by_mean: BinaryHeap<(u64, Reverse<Id<'_>>)> =
            sum.iter().map(|(id, events)| (events, Reverse(id))).collect();
        while let Some((events, Reverse(id))) = by_mean.pop() {
            let found = best.map_or(0.0, |(held, _)| held);
            if rate(events, seconds) <= found {
                break;
            }
            let mut held = f64::INFINITY;
            for pane in &self.panes {
                held = held.min(rate(pane.counts.get(id), pane.seconds));
                if held <= found {
                    break;
                }
            }
            if held > found {
                best = Some((held, id));
            }
        }
        Sustained { id: best.map(|(_, id)| id.to_string()), rate: best.map_or(0.0, |(held, _)| held) }
    }
}
