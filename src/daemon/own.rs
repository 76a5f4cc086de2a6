//! What the aggregator tells Datadog of itself: eight series, which the budget counts like all others.

use std::sync::atomic::Ordering;

use super::causes::Causes;
use super::intake::Traffic;
use crate::aggregate::{Admission, Ledger, OWN_SERIES, Series};
use crate::dogstatsd::write::{Refused, Sample};

/// The names behind `bellwether.aggregate.`: three gauges, then counts since the last time.
const NAMES: [&str; OWN_SERIES as usize] =
    ["series", "budget", "lag", "refused", "problems", "received", "counted", "forwarded"];

/// How many of them are gauges.
const GAUGES: usize = 3;

/// Tells how the aggregator is doing.
#[derive(Debug)]
pub struct Own {
    tags: Vec<String>,
    told: [u64; NAMES.len() - GAUGES],
}

impl Own {
    /// Tells it with these tags.
    pub fn new(tags: Vec<String>) -> Self {
        Self { tags, told: [0; NAMES.len() - GAUGES] }
    }

    /// The series, which have their place in every hour.
    pub fn reserved(&self) -> impl Iterator<Item = Series> {
        NAMES.iter().map(|name| Series::new(&format!("bellwether.aggregate.{name}"), &self.tags))
    }

    /// The lines that say how things are now, as far as the budget has room; `lag` is in seconds, `unix` since 1970.
    pub fn lines(
        &mut self,
        unix: u64,
        ledger: &mut Ledger,
        traffic: &Traffic,
        causes: &Causes,
        lag: f64,
    ) -> Vec<Result<String, Refused>> {
        let series: Vec<Series> = self.reserved().collect();
        let admitted = ledger.admit(unix, u64::MAX, &series);
        let problems = causes.snapshot().into_iter().map(|(_, lost)| lost).sum();
        let [received, counted, forwarded] = [&traffic.received, &traffic.counted, &traffic.forwarded]
            .map(|counter| counter.load(Ordering::Relaxed));
        let counts = [ledger.refused(), problems, received, counted, forwarded];
        let gauges = [ledger.published() as f64, ledger.limit() as f64, lag];
        let since = counts.iter().zip(&self.told).map(|(count, told)| count.saturating_sub(*told) as f64);
        let values: Vec<f64> = gauges.into_iter().chain(since).collect();
        // What finds no room now is told when there is some.
        let room = admitted[GAUGES..].iter().zip(counts);
        let told = self.told.iter_mut().zip(room).filter(|(_, (admitted, _))| **admitted);
        told.for_each(|(told, (_, count))| *told = count);
        let named = NAMES.iter().zip(values).enumerate().zip(admitted).filter(|(_, admitted)| *admitted);
        named
            .map(|((at, (name, value)), _)| {
                let name = format!("bellwether.aggregate.{name}");
                let sample =
                    if at < GAUGES { Sample::gauge(&name, value) } else { Sample::count(&name, value) };
                Ok(sample?.tags(&self.tags).without_host().without_origin().line())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_told_when_there_is_some() {
        let (mut own, mut ledger) = (Own::new(Vec::new()), Ledger::new(0));
        let (traffic, causes) = (Traffic::default(), Causes::default());
        traffic.received.store(7, Ordering::Relaxed);
        assert!(own.lines(0, &mut ledger, &traffic, &causes, 0.0).is_empty());
        ledger.set_limit(OWN_SERIES);
        let mut received = |unix| {
            let lines = own.lines(unix, &mut ledger, &traffic, &causes, 0.0).into_iter().map(Result::unwrap);
            lines.filter(|line| line.starts_with("bellwether.aggregate.received:")).collect::<String>()
        };
        assert!(received(3600).contains(":7|c"));
        assert!(received(3600).contains(":0|c"));
    }
}
