//! Marks allocate nothing once their ids are known, not even while a pane ends.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

#[path = "counting/support.rs"]
#[allow(dead_code, reason = "other tests need the rest")]
mod support;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use allocation_counter::measure;
use bellwether::aggregate::{Aggregator, Board, Handle, Id, Rule};
use support::{at, rule};

/// How many ids there are of each kind.
const IDS: u64 = 2_000;

struct Ids {
    numbers: Vec<u64>,
    decimals: Vec<String>,
    guids: Vec<u128>,
    texts: Vec<String>,
    long: String,
}

impl Ids {
    fn new() -> Self {
        let guids: Vec<u128> = (0..IDS).map(|n| u128::from(n) << 70 | u128::from(n)).collect();
        let as_text = guids.iter().map(|guid| Id::Guid(*guid).to_string());
        Self {
            numbers: (0..IDS).map(|n| n * 1_000_003).collect(),
            decimals: (0..IDS).map(|n| (n * 1_000_003).to_string()).collect(),
            texts: (0..IDS).map(|n| format!("cart-{n}")).chain(as_text).collect(),
            guids,
            long: "long".repeat(500),
        }
    }

    /// Counts each id, in each way in which it can be.
    fn mark(&self, handle: &Handle) {
        for number in &self.numbers {
            handle.mark(*number);
            handle.add(*number, 3);
            handle.mark(-1 - *number as i64);
        }
        for text in self.decimals.iter().chain(&self.texts) {
            handle.mark(text.as_str());
            handle.add(text.as_str(), 3);
        }
        self.guids.iter().for_each(|guid| handle.mark(Id::Guid(*guid)));
        handle.mark(self.long.as_str());
        let mut batch = handle.batch();
        self.numbers.iter().for_each(|number| batch.mark(*number));
        self.texts.iter().for_each(|text| batch.add(text.as_str(), 2));
    }
}

#[test]
fn a_mark_of_a_known_id_allocates_nothing() {
    let rule = rule();
    let handle = Aggregator::new([rule.clone()], at(0.0)).handle(&rule.metric).unwrap();
    let ids = Ids::new();
    let first = measure(|| ids.mark(&handle));
    assert!(first.count_total > 0, "the counter counts");
    assert_eq!(measure(|| ids.mark(&handle)).count_total, 0);
}

#[test]
fn a_thread_that_marks_while_panes_end_allocates_nothing() {
    // Four panes fill the window and give their memory back, before it counts.
    const WARM: usize = 8;
    const MEASURED: usize = 12;
    let rule = Rule { window_seconds: 120, ..rule() };
    let aggregator = Aggregator::new([rule.clone()], at(0.0));
    let handle = aggregator.handle(&rule.metric).unwrap();
    let (ids, is_warm, is_over) = (Ids::new(), AtomicBool::new(false), AtomicBool::new(false));
    let rounds = [AtomicUsize::new(0), AtomicUsize::new(0)];
    let mark_until = |end: &AtomicBool, rounds: &AtomicUsize| {
        while !end.load(Ordering::Acquire) {
            ids.mark(&handle);
            rounds.fetch_add(1, Ordering::AcqRel);
        }
    };
    thread::scope(|scope| {
        let (mark_until, is_warm, is_over) = (&mark_until, &is_warm, &is_over);
        let workers = rounds.each_ref().map(|rounds| {
            scope.spawn(move || {
                mark_until(is_warm, rounds);
                measure(|| mark_until(is_over, rounds)).count_total
            })
        });
        let mut board = Board::default();
        for pane in 1..=WARM + MEASURED {
            // In each pane, both have marked all ids.
            let before = rounds.each_ref().map(|rounds| rounds.load(Ordering::Acquire));
            while rounds.iter().zip(before).any(|(now, before)| now.load(Ordering::Acquire) < before + 2) {
                thread::yield_now();
            }
            for closed in aggregator.close_due(at(pane as f64 * 30.0)) {
                board.take(closed);
            }
            is_warm.store(pane >= WARM, Ordering::Release);
        }
        is_over.store(true, Ordering::Release);
        assert_eq!(workers.map(|worker| worker.join().unwrap()), [0, 0]);
    });
}
