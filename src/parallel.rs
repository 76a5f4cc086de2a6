//! The same work for many things, on all processors, with results in the order of the things.

use std::panic::resume_unwind;
use std::thread;

/// Below this many things a part is not worth a thread.
const SMALLEST_PART: usize = 64;

/// Cuts `items` into as many parts as there are processors, and gives what `work` makes of each part, in order.
pub fn in_parts<'i, T: Sync, R: Send>(items: &'i [T], work: impl Fn(&'i [T]) -> R + Sync) -> Vec<R> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let mut parts = items.chunks(items.len().div_ceil(processors).max(SMALLEST_PART));
    let Some(first) = parts.next() else { return Vec::new() };
    let work = &work;
    thread::scope(|scope| {
        let others: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        let mut results = vec![work(first)];
        results.extend(
            others.into_iter().map(|other| other.join().unwrap_or_else(|panic| resume_unwind(panic))),
        );
        results
    })
}

/// Does two things at the same time.
pub fn both<A, B: Send>(one: impl FnOnce() -> A, other: impl FnOnce() -> B + Send) -> (A, B) {
    thread::scope(|scope| {
        let other = scope.spawn(other);
        (one(), other.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_stays() {
        let items: Vec<usize> = (0..1_000).collect();
        let doubled = in_parts(&items, |part| part.iter().map(|item| item * 2).collect::<Vec<_>>()).concat();
        assert!(doubled.iter().enumerate().all(|(index, item)| *item == index * 2));
        assert_eq!(doubled.len(), items.len());
        assert_eq!(both(|| 1, || 2), (1, 2));
        assert!(in_parts(&[0; 0], <[i32]>::len).is_empty());
    }
}
