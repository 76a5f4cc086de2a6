//! Counting from many threads: each has its own table, so that no event waits for another thread.

use std::sync::{Arc, Mutex, PoisonError};

use spin::mutex::{SpinMutex, SpinMutexGuard};
use spin::relax::Yield;
use thread_local::ThreadLocal;

use super::counts::{Counts, TextHash};
use super::id::Id;

/// One thread's counts, on cache lines of their own.
///
/// A spinning lock takes one atomic operation for each event, any other two. It is only ever waited for while a pane
/// ends, which takes 100 ns, and the one who waits lets others run.
#[derive(Debug)]
#[repr(align(128))]
struct Shard(SpinMutex<Counts, Yield>);

/// What one rule counts in the present pane.
#[derive(Debug)]
pub(super) struct Counter {
    capacity: usize,
    hash: TextHash,
    shards: ThreadLocal<Shard>,
    /// Cleared tables of former panes, whose memory is used again.
    spares: Mutex<Vec<Counts>>,
}

impl Counter {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            hash: TextHash::of_process(),
            shards: ThreadLocal::new(),
            spares: Mutex::new(Vec::new()),
        }
    }

    #[inline(always)]
    fn shard(&self) -> &Shard {
        self.shards.get_or(|| Shard(SpinMutex::new(Counts::new(self.capacity))))
    }

    /// Takes what all threads have counted, and lets them begin anew. Threads that have ended are among them.
    pub fn take(&self) -> Counts {
        let mut spares = self.spares.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum: Option<Counts> = None;
        for shard in self.shards.iter() {
            if shard.0.lock().is_empty() {
                continue;
            }
            let spare = spares.pop().unwrap_or_else(|| Counts::new(self.capacity));
            let mut taken = std::mem::replace(&mut *shard.0.lock(), spare);
            match &mut sum {
                None => sum = Some(taken),
                Some(sum) => {
                    sum.merge(&taken);
                    taken.clear();
                    spares.push(taken);
                }
            }
        }
        sum.unwrap_or_else(|| Counts::new(self.capacity))
    }

    /// Gives back the memory of a pane that nobody needs any more.
    pub fn recycle(&self, mut counts: Counts) {
        let mut spares = self.spares.lock().unwrap_or_else(PoisonError::into_inner);
        // One for each thread is all that the next pane can use.
        if spares.len() < self.shards.iter().count() {
            counts.clear();
            spares.push(counts);
        }
    }
}

/// Counts the ids of one rule. Cheap to clone; each thread counts on its own.
///
/// ```
/// # use bellwether::aggregate::Handle;
/// fn exposed(experiments: &Handle, id: &str) {
///     experiments.mark(id);
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Handle(pub(super) Arc<Counter>);

impl Handle {
    /// Counts one event of an id: a number, a GUID or any text.
    #[inline(always)]
    pub fn mark<'i>(&self, id: impl Into<Id<'i>>) {
        self.add(id, 1);
    }

    /// Counts `n` events of an id.
    #[inline(always)]
    pub fn add<'i>(&self, id: impl Into<Id<'i>>, n: u64) {
        // What needs no lock comes before it: the processor cannot do it meanwhile.
        let id = self.0.hash.keyed(id.into());
        self.0.shard().0.lock().add_keyed(id, n);
    }

    /// Counts many events under one lock. A pane cannot end while the batch lives: keep it short. The same thread must
    /// not count through the handle meanwhile: it would wait for itself for ever.
    #[inline(always)]
    pub fn batch(&self) -> Batch<'_> {
        Batch(self.0.shard().0.lock())
    }
}

/// Many events of one rule from one thread. See [`Handle::batch`].
#[derive(Debug)]
pub struct Batch<'h>(SpinMutexGuard<'h, Counts>);

impl Batch<'_> {
    /// Counts one event of an id.
    #[inline(always)]
    pub fn mark<'i>(&mut self, id: impl Into<Id<'i>>) {
        self.0.add(id.into(), 1);
    }

    /// Counts `n` events of an id.
    #[inline(always)]
    pub fn add<'i>(&mut self, id: impl Into<Id<'i>>, n: u64) {
        self.0.add(id.into(), n);
    }

    /// Counts the events of many ids, faster than one by one: see [`Counts::add_all`].
    pub fn add_all<'i>(&mut self, events: impl Iterator<Item = (Id<'i>, u64)>) {
        self.0.add_all(events);
    }
}
