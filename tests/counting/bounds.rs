//! `lower ≤ true ≤ upper` for every id, against an exact count.

use std::collections::BTreeMap;

use bellwether::aggregate::{Counts, Id};
use proptest::prelude::*;

/// Ids of all kinds: small numbers come often, so that some are heavy.
fn ids() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0u64..20).prop_map(|id| id.to_string()),
        2 => (0u64..3_000).prop_map(|id| id.to_string()),
        2 => (0u128..300).prop_map(|id| Id::Guid(id << 100 | id).to_string()),
        2 => (0u32..300).prop_map(|id| format!("cart-{id}")),
        1 => (0usize..40).prop_map(|id| "lang".repeat(id)),
    ]
}

fn streams() -> impl Strategy<Value = Vec<(String, u64)>> {
    prop::collection::vec((ids(), prop_oneof![4 => Just(1), 1 => 0u64..50]), 0..4_000)
}

fn count(stream: &[(String, u64)], capacity: usize) -> Counts {
    let mut counts = Counts::new(capacity);
    stream.iter().for_each(|(id, n)| counts.add(Id::from(id.as_str()), *n));
    counts
}

fn exactly(stream: &[(String, u64)]) -> BTreeMap<&str, u64> {
    let mut exact = BTreeMap::new();
    stream.iter().filter(|(_, n)| *n > 0).for_each(|(id, n)| *exact.entry(id.as_str()).or_insert(0) += n);
    exact
}

/// Checks every id of the stream, those that are no longer there included.
fn check(counts: &Counts, exact: &BTreeMap<&str, u64>, capacity: usize) -> Result<(), TestCaseError> {
    for (id, truth) in exact {
        let lower = counts.get(Id::from(*id));
        prop_assert!(lower <= *truth, "{id}: {lower} is above {truth}");
        prop_assert!(
            *truth <= lower + counts.offset(),
            "{id}: {truth} is above {lower} + {}",
            counts.offset()
        );
    }
    prop_assert_eq!(counts.total(), exact.values().sum::<u64>());
    prop_assert!(counts.len() <= capacity);
    prop_assert!(counts.iter().map(|(_, n)| n).sum::<u64>() <= counts.total());
    Ok(())
}

proptest! {
    #[test]
    fn every_id_is_within_its_bounds(stream in streams(), capacity in 1usize..600) {
        let (counts, exact) = (count(&stream, capacity), exactly(&stream));
        check(&counts, &exact, capacity)?;
        // With texts of usual length, as many ids fit as were asked for.
        let text: usize = exact.keys().map(|id| id.len() + 1).sum();
        if exact.len() <= capacity && text <= capacity * 48 {
            prop_assert_eq!((counts.offset(), counts.distinct()), (0, exact.len() as u64));
        }
    }

    #[test]
    fn merged_shards_keep_the_bounds_of_one_stream(
        stream in streams(),
        capacity in 1usize..600,
        shards in 1usize..6,
    ) {
        let mut merged = Counts::new(capacity);
        let size = stream.len().div_ceil(shards).max(1);
        stream.chunks(size).for_each(|part| merged.merge(&count(part, capacity)));
        let exact = exactly(&stream);
        check(&merged, &exact, capacity)?;
        if exact.len() <= capacity.min(200) && exact.keys().all(|id| id.len() < 40) {
            prop_assert_eq!(merged.offset(), 0);
        }
    }

    #[test]
    fn the_top_is_that_of_a_sort(stream in streams(), most in 0usize..30) {
        let counts = count(&stream, 10_000);
        let exact = exactly(&stream);
        let mut expected: Vec<u64> = exact.values().copied().collect();
        expected.sort_unstable_by(|a, b| b.cmp(a));
        expected.truncate(most);
        let top = counts.top(most);
        prop_assert_eq!(top.iter().map(|(_, n)| *n).collect::<Vec<_>>(), expected);
        for (id, n) in top {
            prop_assert_eq!(exact.get(id.to_string().as_str()), Some(&n));
        }
    }
}

#[test]
fn the_offset_is_small_on_a_long_adversarial_stream() {
    // Every id once: the hardest for a table that must not grow. The reference says 2N over three quarters of the slots.
    let (capacity, ids) = (16_384_u64, 4_000_000_u64);
    let mut counts = Counts::new(capacity as usize);
    for id in 0..ids {
        counts.add(Id::Integer(id), 1);
    }
    assert!(counts.offset() <= 2 * ids / capacity, "{}", counts.offset());
    assert_eq!(counts.total(), ids);
    assert!(counts.distinct().abs_diff(ids) < ids / 20, "{}", counts.distinct());
}

#[test]
fn a_number_above_all_numbers_is_counted_to_the_end_of_counting() {
    let mut counts = Counts::new(4);
    counts.add(Id::Integer(1), u64::MAX);
    counts.add(Id::Integer(1), u64::MAX);
    assert_eq!((counts.get(Id::Integer(1)), counts.total()), (u64::MAX, u64::MAX));
}

#[test]
fn counts_of_numbers_and_texts_take_no_more_memory_than_is_said() {
    const CAPACITY: u64 = 65_536;
    let mut counts = Counts::new(CAPACITY as usize);
    (0..CAPACITY).for_each(|id| counts.add(Id::Integer(id), 1));
    counts.add(Id::Text("a"), 100);
    (1..CAPACITY).for_each(|id| counts.add(Id::Guid(u128::from(id) << 64 | 7), 100));
    assert_eq!(counts.len() as u64, CAPACITY);
    let (taken, most) = (counts.bytes(), Counts::most_bytes(CAPACITY as usize));
    assert!(taken <= most, "{taken} of {most}");
}
