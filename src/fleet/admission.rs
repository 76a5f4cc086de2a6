//! One hour's budget for all instances: which series may be published is decided inside Redis, in one step.

use std::collections::{BTreeMap, BTreeSet};

use redis::RedisResult;

use crate::aggregate::{Admission, Series};

use super::error::FleetError;
use super::link::{ADMIT, Deadline, PART, SPEND};
use super::{Fleet, number};

/// How many hours are remembered in this process.
const HOURS: usize = 3;

/// How long an hour is kept in Redis, in milliseconds.
const HOUR_LIVES: u64 = 3 * 3_600_000;

/// How long Redis remembers a namespace that publishes nothing, in milliseconds.
const SEEN_LIVES: u64 = 24 * 3_600_000;

/// How many series are told in one step.
const AT_ONCE: usize = 1_000;

/// What is known to be published, by hour: it is paid for, also if Redis has lost it.
#[derive(Debug, Default)]
pub(super) struct Spent {
    /// With each series, whether it is reserved.
    hours: BTreeMap<u64, BTreeMap<Series, bool>>,
    /// What each instance may publish alone in an hour, as Redis has said or this one has taken while it was away.
    parts: BTreeMap<u64, u64>,
    /// The hour that Redis is being told of, where that has taken longer than a call may. Nothing is added meanwhile, so
    /// that the order stays as it is.
    telling: Option<u64>,
}

/// The hours that were next to this one stay, and not the latest: a clock may have been ahead.
fn keep_nearest<T>(hours: &mut BTreeMap<u64, T>, hour: u64) {
    let farthest = |hours: &BTreeMap<u64, T>| hours.keys().copied().max_by_key(|other| other.abs_diff(hour));
    while hours.len() > HOURS
        && let Some(other) = farthest(hours)
    {
        hours.remove(&other);
    }
}

impl Spent {
    fn insert(&mut self, hour: u64, series: Series, is_reserved: bool) {
        self.hours.entry(hour).or_default().insert(series, is_reserved);
        keep_nearest(&mut self.hours, hour);
    }

    fn contains(&self, hour: u64, series: &Series) -> bool {
        self.hours.get(&hour).is_some_and(|hour| hour.contains_key(series))
    }

    pub fn len(&self, hour: u64) -> usize {
        self.hours.get(&hour).map_or(0, BTreeMap::len)
    }
}

/// A candidate as the scripts read it.
fn marked(series: &Series, is_reserved: bool) -> Vec<u8> {
    let mark = if is_reserved { '+' } else { '-' };
    format!("{mark}{}", series.as_str()).into_bytes()
}

/// Admits series for all instances together, while one pane of one rule is published.
///
/// What this process knows to be published is admitted without asking. While Redis is away, only that is: other rules may
/// have spent what was left of the hour before this instance has read them. Where Redis has lost the hour and may be
/// told of it yet by another instance, what is reserved is admitted, too.
#[derive(Debug)]
pub struct FleetAdmission<'f> {
    fleet: &'f mut Fleet,
    limit: u64,
    reserved: BTreeSet<&'f Series>,
    refused: u64,
    /// Why Redis could not be asked. It is not asked again then, so that publishing goes on.
    error: Option<FleetError>,
    has_failed: bool,
}

impl<'f> FleetAdmission<'f> {
    pub(super) fn new(fleet: &'f mut Fleet, limit: u64, reserved: &'f [Series]) -> Self {
        let mut kept = BTreeSet::new();
        for series in reserved {
            if (kept.len() as u64) < limit {
                kept.insert(series);
            }
        }
        Self { fleet, limit, reserved: kept, refused: 0, error: None, has_failed: false }
    }

    /// How many series were refused.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Why Redis could not be asked, told once.
    pub fn take_error(&mut self) -> Option<FleetError> {
        self.error.take()
    }

    /// Asks for those that are not known to be published.
    fn ask(&mut self, hour: u64, most: u64, open: &[&Series]) -> Result<Vec<bool>, FleetError> {
        let deadline = self.fleet.deadline();
        let keys = [self.fleet.hour_key(hour), self.fleet.key("seen")];
        // Redis lost the hour without closing the connection: it is told first.
        for _ in 0..2 {
            let args = self.arguments(hour, most, open);
            let answer: Vec<i64> = self.fleet.call(deadline, &ADMIT, &keys, &args)?;
            match answer.split_first() {
                Some((-1, _)) => {
                    self.fleet.may_have_lost = true;
                    self.fleet.spend_again(deadline)?;
                }
                Some((_, flags)) if flags.len() == open.len() => {
                    return Ok(flags.iter().map(|flag| *flag == 1).collect());
                }
                _ => break,
            }
        }
        Err(self.fleet.strange())
    }

    fn arguments(&self, hour: u64, most: u64, open: &[&Series]) -> Vec<Vec<u8>> {
        let known = self.fleet.spent.len(hour) as u64;
        let settle = self.fleet.options.settle.as_millis() as u64;
        let mut args = vec![number(self.limit), number(most), self.fleet.run.clone().into_bytes()];
        args.extend([known, settle, HOUR_LIVES, SEEN_LIVES, open.len() as u64].map(number));
        args.extend(open.iter().map(|series| marked(series, self.reserved.contains(series))));
        // What is reserved matters to what is not.
        if open.iter().any(|series| !self.reserved.contains(series)) {
            args.extend(self.reserved.iter().map(|series| series.as_str().as_bytes().to_vec()));
        }
        args
    }

    fn decide(&mut self, hour: u64, most: u64, open: &[&Series]) -> Vec<bool> {
        if !self.has_failed {
            match self.ask(hour, most, open) {
                Ok(flags) => return flags,
                Err(error) => {
                    self.has_failed = true;
                    self.error = Some(error);
                }
            }
        }
        vec![false; open.len()]
    }
}

impl Admission for FleetAdmission<'_> {
    fn admit(&mut self, unix: u64, most: u64, series: &[Series]) -> Vec<bool> {
        let hour = unix / 3600;
        let open: Vec<&Series> =
            series.iter().filter(|series| !self.fleet.spent.contains(hour, series)).collect();
        if !open.is_empty() {
            let flags = self.decide(hour, most, &open);
            for (series, _) in open.iter().zip(flags).filter(|(_, admitted)| *admitted) {
                let is_reserved = self.reserved.contains(series);
                self.fleet.spent.insert(hour, (*series).clone(), is_reserved);
            }
        }
        let admitted: Vec<bool> =
            series.iter().map(|series| self.fleet.spent.contains(hour, series)).collect();
        self.refused += admitted.iter().filter(|admitted| !**admitted).count() as u64;
        admitted
    }
}

impl Fleet {
    /// Admits series for all instances together: at most `limit` in a clock hour, in which those that are `reserved`
    /// have their place. All instances have to give the same.
    pub fn admission<'f>(&'f mut self, limit: u64, reserved: &'f [Series]) -> FleetAdmission<'f> {
        FleetAdmission::new(self, limit, reserved)
    }

    /// What each instance may publish alone in a clock hour, counted from 1970: as many series as the first of them said
    /// that asked. `wanted` is what this one would say.
    ///
    /// # Errors
    ///
    /// When Redis is away, or refuses.
    pub fn part(&mut self, hour: u64, wanted: u64) -> Result<u64, FleetError> {
        let args = [number(wanted), number(HOUR_LIVES)];
        let part = self.call(self.deadline(), &PART, &[self.part_key(hour)], &args)?;
        self.keep_part(hour, part);
        Ok(part)
    }

    /// What was said of that hour before, which holds until its end.
    pub fn known_part(&self, hour: u64) -> Option<u64> {
        self.spent.parts.get(&hour).copied()
    }

    /// Keeps to this part in that hour: nobody could be asked. Redis is told when it is there.
    pub fn keep_part(&mut self, hour: u64, part: u64) {
        self.spent.parts.insert(hour, part);
        keep_nearest(&mut self.spent.parts, hour);
    }

    pub(super) fn hour_key(&self, hour: u64) -> String {
        self.key(&format!("hour:{hour}"))
    }

    fn part_key(&self, hour: u64) -> String {
        self.key(&format!("part:{hour}"))
    }

    /// Tells Redis what is known to be published, as far as it does not know.
    fn spend_again(&mut self, deadline: Deadline) -> Result<(), FleetError> {
        let told = self.spend(deadline);
        told.map_err(|error| FleetError::of_redis(&self.link.server(), &error))
    }

    /// The same, over a connection that is open.
    pub(super) fn spend(&mut self, deadline: Deadline) -> RedisResult<()> {
        for (hour, series) in &self.spent.hours {
            let keys = [self.hour_key(*hour), self.key("seen")];
            let mut args = vec![number(HOUR_LIVES), self.run.clone().into_bytes(), Vec::new()];
            let told = self.link.run(deadline, &SPEND, &keys, &args)?;
            let mut told: usize = redis::from_redis_value(told)?;
            if told >= series.len() {
                continue;
            }
            // What Redis has lost is told from the beginning, and what a call had no time for by the next one.
            if self.spent.telling.replace(*hour) != Some(*hour) {
                told = 0;
            }
            let mut rest = series.iter().skip(told).peekable();
            while rest.peek().is_some() {
                args.truncate(2);
                args.push(number(told as u64));
                args.extend(
                    rest.by_ref().take(AT_ONCE).map(|(series, is_reserved)| marked(series, *is_reserved)),
                );
                self.link.run(deadline, &SPEND, &keys, &args)?;
                told += args.len() - 3;
            }
            self.spent.telling = None;
        }
        for (hour, part) in &self.spent.parts {
            let key = self.part_key(*hour);
            self.link.run(deadline, &PART, &[key], &[number(*part), number(HOUR_LIVES)])?;
        }
        self.untold = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_ahead_for_hours_does_not_hide_the_present_one() {
        let (mut spent, series) = (Spent::default(), Series::new("m", &[]));
        for hour in [100, 500, 501, 502, 100] {
            spent.insert(hour, series.clone(), true);
            assert!(spent.contains(hour, &series) && spent.hours.len() <= HOURS, "{hour}");
        }
    }
}
