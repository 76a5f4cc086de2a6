//! The end of a pane: taking what the threads have counted, and saying what there is to say of the window.

use std::time::{Duration, Instant};

use bellwether::aggregate::{Aggregator, Counts, Handle, Id, Moment, Pane, Window};

use crate::stream::{END, IDS, Streams};
use crate::{rule, workers};

/// How often each is measured in a round.
const RUNS: usize = 5;

pub fn print(streams: &Streams, rounds: usize) {
    println!("\n| the end of a pane, 100,000 ids | ids | best | median |\n|---|---|---|---|");
    let runs = rounds * RUNS;
    print_of("`u64`", streams.numbers, runs);
    print_of("GUID text", streams.guids, runs);
}

fn print_of<T: Copy + Sync + Into<Id<'static>>>(name: &str, ids: &'static [T], runs: usize) {
    workers::pin(0);
    print_row("the counts of two threads, merged", name, close(ids, runs));
    print_row("the report of a window of ten panes", name, report(ids, runs));
    let counts = count(ids);
    print_row("the top ten of a table", name, repeat(runs, || counts.top(10).len()));
}

fn print_row(what: &str, ids: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let (best, median) = (milliseconds(times[0]), milliseconds(times[times.len() / 2]));
    println!("| {what} | {ids} | {best:.2} ms | {median:.2} ms |");
}

fn repeat<R>(runs: usize, run: impl Fn() -> R) -> Vec<Duration> {
    let time = |_| {
        let start = Instant::now();
        let result = std::hint::black_box(run());
        let time = start.elapsed();
        drop(result);
        time
    };
    (0..runs).map(time).collect()
}

/// Both threads have marked all ids.
fn close<T: Copy + Sync + Into<Id<'static>>>(ids: &'static [T], runs: usize) -> Vec<Duration> {
    let rule = rule();
    let aggregator = Aggregator::new([rule.clone()], at(0));
    let handle = aggregator.handle(&rule.metric).unwrap();
    let times = (0..runs as u64).map(|pane| {
        mark_all(&handle, ids);
        std::thread::scope(|scope| scope.spawn(|| mark_all(&handle, ids)).join().unwrap());
        let start = Instant::now();
        let closed = aggregator.close_due(at(30 * (pane + 1)));
        let time = start.elapsed();
        for closed in closed {
            let (_, pane, recycler) = closed.into_parts();
            assert_eq!((pane.counts.len(), pane.counts.total()), (IDS, 2 * END as u64));
            recycler.recycle(pane);
        }
        time
    });
    times.collect()
}

fn mark_all<T: Copy + Into<Id<'static>>>(handle: &Handle, ids: &'static [T]) {
    ids.iter().for_each(|id| handle.mark(*id));
}

fn report<T: Copy + Into<Id<'static>>>(ids: &'static [T], runs: usize) -> Vec<Duration> {
    let rule = rule();
    let mut window = Window::default();
    for pane in 1..=rule.panes() as u64 {
        let ended_at = pane * 30;
        let counts = count(ids);
        window.push(
            &rule,
            Pane { ended_at, shared_end: ended_at, seconds: 30.0, counts, instances: 1, sequence: 0 },
        );
    }
    assert_eq!(window.report(&rule).map(|report| report.distinct), Some(IDS as u64));
    repeat(runs, || window.report(&rule))
}

fn count<T: Copy + Into<Id<'static>>>(ids: &'static [T]) -> Counts {
    let mut counts = Counts::new(IDS);
    ids.iter().for_each(|id| counts.add((*id).into(), 1));
    counts
}

fn at(seconds: u64) -> Moment {
    let elapsed = Duration::from_secs(seconds);
    Moment { elapsed, unix: Duration::from_secs(1_700_000_000 / 3600 * 3600) + elapsed }
}
