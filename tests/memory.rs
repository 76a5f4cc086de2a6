//! Memory is flat and bounded, however many different ids come.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

#[path = "counting/support.rs"]
#[allow(dead_code, reason = "other tests need the rest")]
mod support;

use std::fmt::Write as _;
use std::fs;

use bellwether::aggregate::{Aggregator, Batch, Board, Counts, Rule, most_bytes};
use support::{at, rule};

const IDS: u64 = 4_000_000;
const PANES: u64 = 40;
/// After so many, each table has come back to be used again, more than once.
const GROWTH: u64 = 10;
/// What the allocator may keep for itself: where each table comes to lie, and when, is its own affair. A table that was not given
/// back in each pane would be many times this.
const TOLERANCE: u64 = 4 << 20;

#[test]
fn memory_stays_flat_and_within_its_bound_under_four_million_ids() {
    check(|batch, id| batch.mark(id));
    // One test for both: another thread's memory would be counted too.
    let mut text = String::new();
    check(|batch, id| {
        text.clear();
        write!(text, "{id:08x}-8b86-d011-b42d-00c04fc964ff").unwrap();
        batch.mark(text.as_str());
    });
}

/// Marks four million different ids, and looks at the memory at the end of each pane.
fn check(mut mark: impl FnMut(&mut Batch<'_>, u64)) {
    let rule = Rule { window_seconds: 90, ..rule() };
    let most = most_bytes(&rule, 1) as u64;
    let start = resident();
    let aggregator = Aggregator::new([rule.clone()], at(0.0));
    let handle = aggregator.handle(&rule.metric).unwrap();
    let mut board = Board::default();
    let mut grown = 0;
    for pane in 0..PANES {
        let mut batch = handle.batch();
        (pane * IDS / PANES..(pane + 1) * IDS / PANES).for_each(|id| mark(&mut batch, id));
        drop(batch);
        for closed in aggregator.close_due(at((pane + 1) as f64 * 30.0)) {
            assert_eq!(closed.pane.counts.total(), IDS / PANES);
            assert!(closed.pane.counts.offset() > 0, "more ids than fit");
            assert!(closed.pane.counts.bytes() <= Counts::most_bytes(rule.capacity as usize));
            board.take(closed);
        }
        let taken = resident().saturating_sub(start);
        if pane < GROWTH {
            grown = grown.max(taken);
        }
        assert!(taken <= grown + TOLERANCE, "{taken} bytes after pane {pane}, {grown} in the first {GROWTH}");
        assert!(taken <= most, "{taken} bytes, {most} at most");
    }
    assert!(grown > 4 << 20, "{grown} bytes: what is measured is something else");
}

/// The memory of this process that is in use, in bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
    kilobytes * 1024
}
