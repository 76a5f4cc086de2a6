//! A flat table of counts: open addressing, linear probing, no deletion of single entries.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

/// What spreads keys that come from outside.
pub type Spread = FixedState;

/// What a table counts by: a few bytes, compared whole.
pub trait Key: Copy + Default {
    /// A number by which keys are spread over the slots: nobody outside can tell which keys share its last bits.
    fn spread(&self, hash: &Spread) -> u64;

    /// Whether both are the same key.
    fn same(&self, other: &Self) -> bool;
}

impl Key for u64 {
    #[inline(always)]
    fn spread(&self, hash: &Spread) -> u64 {
        hash.hash_one(*self)
    }

    #[inline(always)]
    fn same(&self, other: &Self) -> bool {
        self == other
    }
}

/// A count of zero marks an empty slot.
#[derive(Debug, Clone, Copy, Default)]
struct Slot<K> {
    key: K,
    count: u64,
}

/// Counts by key. The number of slots is a power of two and at least an eighth of them is empty: a table that is half as
/// large stays nearer to the processor, and that saves more time than the longer search in a fuller one takes.
#[derive(Debug, Clone)]
pub struct Table<K> {
    slots: Vec<Slot<K>>,
    len: usize,
    hash: Spread,
}

/// The fewest slots of a table that holds anything.
const FEWEST: usize = 64;

impl<K: Key> Table<K> {
    /// An empty table, which takes no memory yet. Keys are spread by `seed`.
    pub fn new(seed: u64) -> Self {
        Self { slots: Vec::new(), len: 0, hash: Spread::with_seed(seed) }
    }

    /// How many keys are counted.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The bytes of all slots.
    pub fn bytes(&self) -> usize {
        self.slots.len() * size_of::<Slot<K>>()
    }

    /// The bytes of the slots of a table that has grown to hold `keys` keys.
    pub fn bytes_for(keys: usize) -> usize {
        slots_for(keys) * size_of::<Slot<K>>()
    }

    /// Adds `n` to the count of a key that is there; false if it is not.
    #[inline(always)]
    pub fn raise(&mut self, key: K, n: u64) -> bool {
        match self.find(&key) {
            Some(at) if self.slots[at].count > 0 => {
                self.slots[at].count = self.slots[at].count.saturating_add(n);
                true
            }
            _ => false,
        }
    }

    /// Reads where a key stands, if it stands where it should, so that it is near when it is raised.
    #[inline(always)]
    pub fn touch(&self, key: &K) {
        let slot = self.slots.len().checked_sub(1).map(|mask| self.place(key) & mask);
        std::hint::black_box(slot.map(|at| self.slots[at].count));
    }

    #[inline(always)]
    fn place(&self, key: &K) -> usize {
        key.spread(&self.hash) as usize
    }

    /// The count of a key; 0 if it is not there.
    pub fn get(&self, key: &K) -> u64 {
        self.find(key).map_or(0, |at| self.slots[at].count)
    }

    /// Takes in a key that is not there yet. `n` is above 0.
    pub fn insert(&mut self, key: K, n: u64) {
        if self.len * 8 >= self.slots.len() * 7 {
            self.resize(slots_for(self.len + 1));
        }
        if let Some(at) = self.find(&key) {
            self.slots[at] = Slot { key, count: n };
            self.len += 1;
        }
    }

    /// Makes room for so many keys at once, those that are there among them.
    pub fn reserve(&mut self, keys: usize) {
        if keys > 0 && slots_for(keys) > self.slots.len() {
            self.resize(slots_for(keys));
        }
    }

    /// All keys with their counts, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, u64)> {
        self.slots.iter().filter(|slot| slot.count > 0).map(|slot| (&slot.key, slot.count))
    }

    /// Some `most` of the counts, spread over the table.
    pub fn sample(&self, most: usize) -> impl Iterator<Item = u64> {
        // Keys are placed by a seeded hash, so that every so many slots are a random choice.
        let step = (self.len / most.max(1)).max(1);
        self.iter().map(|(_, count)| count).step_by(step)
    }

    /// Subtracts `n` from every count and drops the keys that have nothing left; each of them is told.
    pub fn subtract(&mut self, n: u64, mut dropped: impl FnMut(&K)) {
        let mut kept = Vec::with_capacity(self.len / 2);
        for slot in self.slots.iter_mut().filter(|slot| slot.count > 0) {
            match slot.count > n {
                true => kept.push(Slot { key: slot.key, count: slot.count - n }),
                false => dropped(&slot.key),
            }
        }
        self.refill(kept);
    }

    /// Changes keys in place; what is hashed must stay the same.
    pub fn keys_mut(&mut self) -> impl Iterator<Item = &mut K> {
        self.slots.iter_mut().filter(|slot| slot.count > 0).map(|slot| &mut slot.key)
    }

    /// Forgets all keys. Memory of which most was not needed is given back.
    pub fn clear(&mut self) {
        if slots_for(self.len) * 8 < self.slots.len() {
            self.slots = vec![Slot::default(); self.slots.len() / 2];
        } else {
            self.slots.fill(Slot::default());
        }
        self.len = 0;
    }

    fn resize(&mut self, slots: usize) {
        let kept = self.slots.iter().copied().filter(|slot| slot.count > 0).collect();
        self.slots = vec![Slot::default(); slots];
        self.refill(kept);
    }

    fn refill(&mut self, kept: Vec<Slot<K>>) {
        self.slots.fill(Slot::default());
        self.len = kept.len();
        for slot in kept {
            if let Some(at) = self.find(&slot.key) {
                self.slots[at] = slot;
            }
        }
    }

    /// The slot of a key, or the empty one in which it would be; none in a table without slots.
    #[inline(always)]
    fn find(&self, key: &K) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = self.place(key) & mask;
        loop {
            let slot = &self.slots[at];
            if slot.count == 0 || slot.key.same(key) {
                return Some(at);
            }
            at = (at + 1) & mask;
        }
    }
}

/// The slots of a table for so many keys: a power of two of which they take at most seven eighths.
fn slots_for(keys: usize) -> usize {
    (keys * 8).div_ceil(7).next_power_of_two().max(FEWEST)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_are_those_of_a_map(
            seed: u64,
            marks in prop::collection::vec((0u64..300, 1u64..5), 0..2_000),
            less in 0u64..20,
        ) {
            let mut table = Table::new(seed);
            let mut map = BTreeMap::new();
            for (key, n) in marks {
                if !table.raise(key, n) {
                    table.insert(key, n);
                }
                *map.entry(key).or_insert(0) += n;
            }
            prop_assert_eq!(table.iter().map(|(key, n)| (*key, n)).collect::<BTreeMap<_, _>>(), map.clone());
            let mut dropped = Vec::new();
            table.subtract(less, |key| dropped.push(*key));
            dropped.sort_unstable();
            prop_assert_eq!(dropped, map.iter().filter(|(_, n)| **n <= less).map(|(key, _)| *key).collect::<Vec<_>>());
            map.retain(|_, n| *n > less);
            map.values_mut().for_each(|n| *n -= less);
            prop_assert_eq!(table.len(), map.len());
            for (key, n) in map {
                prop_assert_eq!(table.get(&key), n);
            }
            table.clear();
            prop_assert_eq!((table.len(), table.get(&1)), (0, 0));
        }
    }
}
