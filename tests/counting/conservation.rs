//! Everything that is marked is told: over pane ends, thread exits, changes of the rules, and the end.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bellwether::aggregate::publish::gauges;
use bellwether::aggregate::{Aggregator, Closed, Ledger, Rule, Window};
use proptest::prelude::*;

use crate::support::{Random, at, rule};

fn total(closed: &[Closed]) -> u64 {
    closed.iter().map(|closed| closed.pane.counts.total()).sum()
}

#[test]
fn nothing_is_lost_while_panes_end_threads_come_and_go_and_rules_change() {
    let aggregator = Aggregator::new([rule()], at(0.0));
    let (marked, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let mut told = 0;
    let finished = std::thread::scope(|scope| {
        let marker = |seed: u64| {
            let (aggregator, marked) = (&aggregator, &marked);
            move || {
                let mut random = Random(seed);
                // Each of these threads lives shortly, as in a pool that comes and goes.
                for round in 0..40 {
                    std::thread::scope(|inner| {
                        let seed = random.next();
                        inner.spawn(move || {
                            let mut random = Random(seed);
                            let handle = aggregator.handle(&rule().metric).unwrap();
                            for _ in 0..2_000 {
                                match random.below(3) {
                                    0 => handle.mark(random.below(500)),
                                    1 => handle.mark(format!("cart-{}", random.below(500)).as_str()),
                                    _ => handle.batch().mark(random.below(500)),
                                }
                            }
                            marked.fetch_add(2_000, Ordering::Relaxed);
                        });
                    });
                    assert!(round < 40);
                }
            }
        };
        let threads = [scope.spawn(marker(1)), scope.spawn(marker(2))];
        let closer = scope.spawn(|| {
            let (mut told, mut pane) = (0, 0);
            while !done.load(Ordering::Acquire) {
                pane += 1;
                // Every third time another capacity, so that what is counted is another rule.
                let capacity = if pane % 3 == 0 { 1_024 } else { 65_536 };
                let moment = at(30.0 * f64::from(pane));
                aggregator.set_rules([Rule { capacity, ..rule() }], moment);
                told += total(&aggregator.close_due(moment));
            }
            (told, pane)
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        done.store(true, Ordering::Release);
        closer.join().unwrap()
    });
    told += finished.0;
    let end = at(30.0 * f64::from(finished.1) + 7.0);
    told += total(&aggregator.close_all(end));
    assert_eq!(told, marked.load(Ordering::Relaxed));
    assert_eq!(total(&aggregator.close_all(end)), 0, "nothing is told twice");
}

#[test]
fn a_handle_of_a_rule_that_is_gone_still_counts_until_it_is_dropped() {
    let aggregator = Aggregator::new([rule()], at(0.0));
    let handle = aggregator.handle(rule().address.as_str()).unwrap();
    handle.mark(1_u64);
    aggregator.set_rules([], at(10.0));
    assert!(aggregator.handle(&rule().metric).is_none() && aggregator.rules().is_empty());
    assert_eq!(total(&aggregator.close_due(at(30.0))), 1);
    handle.mark(2_u64);
    drop(handle);
    assert_eq!(total(&aggregator.close_due(at(60.0))), 1);
    assert_eq!(aggregator.next_end(at(60.0)), None, "then the rule is forgotten");
}

#[test]
fn a_rule_that_changes_what_it_publishes_goes_on_with_what_it_has_counted() {
    let aggregator = Aggregator::new([rule()], at(0.0));
    let handle = aggregator.handle(&rule().metric).unwrap();
    handle.mark("a");
    aggregator.set_rules([Rule { top: 3, metric: "renamed".into(), ..rule() }], at(10.0));
    handle.mark("a");
    let closed = aggregator.close_due(at(30.0));
    assert_eq!((closed.len(), total(&closed), closed[0].rule.top), (1, 2, 3));
}

#[test]
fn panes_of_a_rule_that_was_changed_have_other_numbers_than_those_before() {
    // Instances merge each pane under its number: two with the same would count once.
    let aggregator = Aggregator::new([rule()], at(0.0));
    aggregator.set_rules([Rule { pane_seconds: 60, ..rule() }], at(5.0));
    let mut closed = aggregator.close_due(at(30.0));
    closed.extend(aggregator.close_due(at(60.0)));
    assert_eq!(closed.len(), 2);
    assert_ne!(closed[0].pane.sequence, closed[1].pane.sequence);
}

#[test]
fn a_rule_with_another_capacity_tells_one_pane_with_what_was_counted_before() {
    for (before, after) in [(65_536, 2_048), (2_048, 65_536)] {
        let aggregator = Aggregator::new([Rule { capacity: before, ..rule() }], at(0.0));
        aggregator.handle(&rule().metric).unwrap().add("a", 20);
        aggregator.set_rules([Rule { capacity: after, ..rule() }], at(5.0));
        aggregator.handle(&rule().metric).unwrap().add("a", 10);
        let closed = aggregator.close_due(at(30.0));
        assert_eq!((closed.len(), total(&closed)), (1, 30), "two would be two values of the same series");
        assert_eq!((closed[0].pane.seconds, closed[0].rule.capacity), (30.0, after));
        // One that goes on to the next pane does not take what ends before.
        aggregator.handle(&rule().metric).unwrap().add("a", 7);
        aggregator.set_rules([Rule { capacity: before, ..rule() }], at(50.0));
        assert_eq!(total(&aggregator.close_due(at(60.0))), 7);
        assert!(aggregator.close_due(at(90.0)).iter().all(|closed| closed.rule.capacity == before));
    }
}

#[test]
fn a_pane_that_began_just_before_its_end_goes_on_to_the_next() {
    let aggregator = Aggregator::new([rule()], at(25.0));
    let handle = aggregator.handle(&rule().metric).unwrap();
    handle.mark("a");
    assert!(aggregator.close_due(at(30.0)).is_empty());
    let closed = aggregator.close_due(at(60.0));
    assert_eq!((closed[0].pane.seconds, total(&closed)), (35.0, 1));
}

#[test]
fn a_clock_that_jumps_neither_stops_panes_nor_changes_rates() {
    let aggregator = Aggregator::new([rule()], at(0.0));
    let handle = aggregator.handle(&rule().metric).unwrap();
    handle.mark("a");
    // Back by an hour: the pane ends after one and a half times its length.
    let mut moment = at(44.0);
    moment.unix = at(-0.0).unix - std::time::Duration::from_secs(3_600);
    assert!(aggregator.close_due(moment).is_empty());
    let wait = aggregator.next_end(moment).unwrap();
    assert_eq!(wait.as_secs(), 1);
    moment.elapsed += wait;
    assert_eq!(aggregator.close_due(moment)[0].pane.seconds, 45.0);
    // Forward by a day: it ends at once if it is at least half as long as it should be.
    moment.elapsed += std::time::Duration::from_secs(16);
    moment.unix += std::time::Duration::from_secs(86_400);
    handle.mark("a");
    let closed = aggregator.close_due(moment);
    assert_eq!((closed[0].pane.seconds, total(&closed)), (16.0, 1));
}

proptest! {
    #[test]
    fn published_ids_and_others_add_up_to_all_events(
        marks in prop::collection::vec((0u64..200, 1u64..100), 0..400),
        capacity in 1u64..100,
        top in 0u64..20,
        ids_per_hour in 0u64..20,
        limit in 10u64..60,
    ) {
        let rule = Rule { capacity, top, ids_per_hour, ..rule() };
        let aggregator = Aggregator::new([rule.clone()], at(0.0));
        let handle = aggregator.handle(&rule.metric).unwrap();
        marks.iter().for_each(|(id, n)| handle.add(*id, *n));
        let mut window = Window::default();
        window.push(&rule, aggregator.close_due(at(30.0)).pop().unwrap().into_parts().1);
        let report = window.report(&rule).unwrap();
        let mut ledger = Ledger::new(limit);
        ledger.reserve(limit, bellwether::aggregate::publish::reserved(&rule, &[]));
        let gauges = gauges(&rule, &report, &[], &mut ledger);
        let sum: f64 =
            gauges.iter().filter(|gauge| gauge.name.ends_with(".by_id")).map(|gauge| gauge.value).sum();
        let events: u64 = marks.iter().map(|(_, n)| n).sum();
        prop_assert!((sum - events as f64 * 120.0).abs() < 1e-6 * sum.max(1.0), "{} for {}", sum, events);
        prop_assert!(ledger.published() <= limit);
    }
}
