//! Distinct series in a clock hour never exceed the budget.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use bellwether::aggregate::publish::{gauges, reserved, reserved_of};
use bellwether::aggregate::{Admission, Aggregator, Ledger, LedgerError, LedgerStore, Rule, Series, Window};

use crate::support::{Random, at, rule};

/// A disk that outlives the aggregator, and that may be full.
#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<DiskState>>);

#[derive(Debug, Default)]
struct DiskState {
    hours: BTreeMap<u64, Vec<Series>>,
    full: bool,
    unreadable: bool,
    /// How many times something was kept.
    kept: u64,
}

impl LedgerStore for Disk {
    fn load(&mut self, hour: u64) -> Result<Vec<Series>, LedgerError> {
        let state = self.0.lock().unwrap();
        match state.unreadable {
            true => Err(LedgerError("unreadable".into())),
            false => Ok(state.hours.get(&hour).cloned().unwrap_or_default()),
        }
    }

    fn keep(&mut self, hour: u64, series: &[&Series]) -> Result<(), LedgerError> {
        let mut state = self.0.lock().unwrap();
        if state.full {
            return Err(LedgerError("full".into()));
        }
        state.kept += 1;
        state.hours.entry(hour).or_default().extend(series.iter().map(|series| (*series).clone()));
        Ok(())
    }
}

fn ledger(limit: u64, rule: &Rule, disk: &Disk) -> Ledger {
    let mut ledger = Ledger::with_store(limit, Box::new(disk.clone()));
    ledger.reserve(limit, reserved(rule, &[]));
    ledger
}

#[test]
fn ten_million_random_ids_over_two_hours_and_restarts_stay_within_the_budget() {
    const PANE: u64 = 30;
    let rule = Rule { capacity: 4_096, ..rule() };
    let disk = Disk::default();
    let limit = rule.series_per_hour;
    let mut hours: BTreeMap<u64, BTreeSet<Series>> = BTreeMap::new();
    let mut random = Random(7);
    let (mut events, mut told) = (0_u64, 0_u64);
    let panes = 2 * 3600 / PANE;
    for restart in 0..8 {
        let first = restart * panes / 8;
        let aggregator = Aggregator::new([rule.clone()], at((first * PANE) as f64));
        let handle = aggregator.handle(&rule.metric).unwrap();
        let mut ledger = ledger(limit, &rule, &disk);
        let mut window = Window::default();
        for pane in first..first + panes / 8 {
            let mut batch = handle.batch();
            for _ in 0..10_000_000 / panes + 1 {
                batch.mark(random.below(10_000_000));
                events += 1;
            }
            drop(batch);
            for closed in aggregator.close_due(at(((pane + 1) * PANE) as f64)) {
                let (rule, pane, _) = closed.into_parts();
                told += pane.counts.total();
                window.push(&rule, pane);
                let report = window.report(&rule).unwrap();
                let published = hours.entry(report.ended_at / 3600).or_default();
                for gauge in gauges(&rule, &report, &[], &mut ledger) {
                    published.insert(Series::new(&gauge.name, &gauge.tags));
                }
            }
        }
        assert!(ledger.refused() > 0, "there were more ids than room");
    }
    assert!(events >= 10_000_000);
    assert_eq!(told, events);
    // The last pane ends with the second hour, at the beginning of the third.
    assert_eq!(hours.len(), 3);
    for (hour, published) in hours {
        assert!(published.len() as u64 <= limit, "{} in hour {hour}", published.len());
    }
}

#[test]
fn a_series_is_the_same_whatever_the_order_of_its_tags() {
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    let series = Series::new("a", &tags(&["x:1", "b", "x:1"]));
    assert_eq!(series, Series::new("a", &tags(&["b", "x:1"])));
    assert_eq!(series.name(), "a");
}

fn series(id: u64) -> Series {
    Series::new("other", &[format!("id:{id}")])
}

#[test]
fn reserved_series_have_their_place_however_many_others_come_first() {
    let mut ledger = Ledger::new(3);
    ledger.reserve(3, [series(100)]);
    assert_eq!(ledger.admit(0, 9, &[series(1), series(2), series(3), series(1)]), [true, true, false, true]);
    assert_eq!(ledger.admit(0, 9, &[series(100), series(4)]), [true, false]);
    assert_eq!((ledger.published(), ledger.refused()), (3, 2));
    assert_eq!(ledger.admit(3600, 9, &[series(4)]), [true], "a new hour");
}

#[test]
fn a_clock_that_jumps_back_finds_the_hour_as_it_was() {
    let mut ledger = Ledger::new(2);
    assert_eq!(ledger.admit(7200, 9, &[series(1), series(2)]), [true, true]);
    assert_eq!(ledger.admit(3600, 9, &[series(3)]), [true]);
    assert_eq!(ledger.admit(7200, 9, &[series(3), series(2)]), [false, true]);
    assert_eq!(ledger.admit(3600, 9, &[series(4), series(5)]), [true, false]);
}

#[test]
fn new_rules_do_not_spend_an_hour_twice() {
    let mut ledger = Ledger::new(3);
    assert_eq!(ledger.admit(0, 9, &[series(1), series(2), series(3)]), [true; 3]);
    ledger.reserve(3, [series(50), series(51)]);
    assert_eq!(ledger.admit(0, 9, &[series(50)]), [false]);
    assert_eq!(
        ledger.admit(3600, 9, &[series(50), series(51), series(1), series(2)]),
        [true, true, true, false]
    );
}

#[test]
fn what_cannot_be_kept_is_not_published_and_what_cannot_be_read_counts_as_spent() {
    let rule = rule();
    let disk = Disk::default();
    let mut ledger = ledger(500, &rule, &disk);
    disk.0.lock().unwrap().full = true;
    let fixed: Vec<Series> = reserved(&rule, &[]).collect();
    assert_eq!(ledger.admit(0, 9, &[series(1), fixed[0].clone()]), [false, true]);
    assert!(ledger.take_error().is_some() && ledger.take_error().is_none());
    *disk.0.lock().unwrap() = DiskState { unreadable: true, ..DiskState::default() };
    assert_eq!(ledger.admit(3600, 9, &[series(1), fixed[1].clone()]), [false, true]);
    *disk.0.lock().unwrap() = DiskState::default();
    assert_eq!(ledger.admit(7200, 9, &[series(1)]), [true]);
}

#[test]
fn a_publication_waits_for_the_disk_twice_an_hour_at_most() {
    let rule = rule();
    let disk = Disk::default();
    let mut ledger = ledger(500, &rule, &disk);
    let aggregator = Aggregator::new([rule.clone()], at(0.0));
    aggregator.handle(&rule.metric).unwrap().mark("a");
    let mut window = Window::default();
    window.push(&rule, aggregator.close_due(at(30.0)).pop().unwrap().into_parts().1);
    let report = window.report(&rule).unwrap();
    // All but `sustained`, with one id.
    assert_eq!(gauges(&rule, &report, &[], &mut ledger).len() as u64, Rule::series(10, 0));
    assert_eq!(disk.0.lock().unwrap().kept, 2, "the ids, then all else");
    gauges(&rule, &report, &[], &mut ledger);
    assert_eq!(disk.0.lock().unwrap().kept, 2);
}

#[test]
fn an_hour_with_more_room_reserves_more_places() {
    let mut ledger = Ledger::new(0);
    ledger.reserve(1, [series(50), series(51)]);
    ledger.set_limit(2);
    assert_eq!(ledger.admit(3600, 9, &[series(1)]), [false]);
    assert_eq!(ledger.admit(3600, 9, &[series(51), series(50)]), [true, true]);
    // And one with less, fewer: those that matter most.
    ledger.set_limit(1);
    assert_eq!(ledger.admit(7200, 9, &[series(51), series(50)]), [false, true]);
}

#[test]
fn where_not_all_fit_each_rule_has_its_most_important_series() {
    let rules = ["a", "b"].map(|name| Rule { metric: name.to_owned(), tags: Vec::new(), ..rule() });
    let mut ledger = Ledger::new(0);
    ledger.reserve(6, reserved_of(&rules, &[]));
    let of = |rule: &Rule| reserved(rule, &[]).take(4).collect::<Vec<_>>();
    // Top, sustained and bound.
    assert_eq!(ledger.admit(0, 99, &of(&rules[0])), [true, true, true, false]);
    assert_eq!(ledger.admit(0, 99, &of(&rules[1])), [true, true, true, false]);
}
