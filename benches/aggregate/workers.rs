//! Threads that mark at the same time, each on a core of its own.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::stream::{END, WARM};
use crate::subject::Subject;

/// How long a mark takes each of so many threads.
///
/// Each worker takes its own times: a thread that takes them for all has to share a core with one of them.
pub fn nanoseconds_per_mark(subject: &Subject, threads: usize) -> f64 {
    let ready = AtomicUsize::new(0);
    let (subject, ready) = (&subject, &ready);
    let times: Vec<(Instant, Instant)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    pin(worker);
                    (subject.run)(0..END);
                    wait_for_all(ready, threads);
                    let start = Instant::now();
                    parts(worker).into_iter().for_each(|part| (subject.run)(part));
                    (start, Instant::now())
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let start = times.iter().map(|(start, _)| *start).min().unwrap();
    let end = times.iter().map(|(_, end)| *end).max().unwrap();
    (end - start).as_nanos() as f64 / (END - WARM) as f64
}

/// All events that are measured. The second worker begins in their middle, so that the two are not at the same id.
fn parts(worker: usize) -> [Range<usize>; 2] {
    let middle = if worker == 0 { END } else { WARM + (END - WARM) / 2 };
    [middle..END, WARM..middle]
}

fn wait_for_all(ready: &AtomicUsize, threads: usize) {
    ready.fetch_add(1, Ordering::AcqRel);
    while ready.load(Ordering::Acquire) < threads {
        std::hint::spin_loop();
    }
}

/// Keeps this thread on one core. Where that cannot be asked for, the scheduler does what it wants.
#[cfg(target_os = "linux")]
pub fn pin(core: usize) {
    use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
    use nix::unistd::Pid;

    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this).unwrap();
    let core = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false)).nth(core);
    let mut one = CpuSet::new();
    // nix is there for other tests; a crate that knows more systems would be one more dependency.
    one.set(core.unwrap()).unwrap();
    sched_setaffinity(this, &one).unwrap();
}

#[cfg(not(target_os = "linux"))]
pub fn pin(_: usize) {}
