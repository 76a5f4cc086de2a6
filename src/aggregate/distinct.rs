//! How many different ids there were, once some had to be dropped: HyperLogLog (Flajolet et al., 2007).

use super::id::{Id, mix, stable_hash};

/// 2^12 registers: a standard error of 1.6 %.
const PRECISION: u32 = 12;
const REGISTERS: usize = 1 << PRECISION;

/// An estimate of a number of different ids, in 4 KiB. Two are merged without loss, also those of two processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distinct(Vec<u8>);

impl Default for Distinct {
    fn default() -> Self {
        Self(vec![0; REGISTERS])
    }
}

impl Distinct {
    /// Counts an id, if it was not counted yet.
    pub fn insert(&mut self, id: Id<'_>) {
        let hash = match id {
            Id::Integer(number) => mix(number),
            Id::Text(text) => stable_hash(text.as_bytes()),
            // Those two are counted as their text.
            Id::Negative(_) | Id::Guid(_) => stable_hash(id.to_string().as_bytes()),
        };
        let register = (hash >> (64 - PRECISION)) as usize;
        // A one behind the last bit ends the run of zeros.
        let rank = ((hash << PRECISION) | 1 << (PRECISION - 1)).leading_zeros() as u8 + 1;
        self.0[register] = self.0[register].max(rank);
    }

    /// Counts what the other one has counted.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(register, other)| *register = (*register).max(*other));
    }

    /// About how many ids were counted.
    pub fn estimate(&self) -> u64 {
        let registers = REGISTERS as f64;
        let sum: f64 = self.0.iter().map(|rank| 0.5_f64.powi(i32::from(*rank))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / registers) * registers * registers / sum;
        let empty = self.0.iter().filter(|rank| **rank == 0).count();
        // Below this, counting the empty registers is more exact.
        let linear = raw <= 2.5 * registers && empty > 0;
        let estimate = if linear { registers * (registers / empty as f64).ln() } else { raw };
        estimate.round() as u64
    }

    /// The registers, for another process.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// What another process has counted; none if these are no registers.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let fits = bytes.len() == REGISTERS && bytes.iter().all(|rank| u32::from(*rank) <= 65 - PRECISION);
        fits.then(|| Self(bytes.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_are_within_five_percent_and_merge_without_loss() {
        for count in [10_u64, 1_000, 10_000, 200_000, 3_000_000] {
            let (mut whole, mut even, mut odd) =
                (Distinct::default(), Distinct::default(), Distinct::default());
            for number in 0..count {
                whole.insert(Id::Integer(number));
                whole.insert(Id::Integer(number));
                if number % 2 == 0 {
                    even.insert(Id::Integer(number))
                } else {
                    odd.insert(Id::Integer(number))
                }
            }
            let estimate = whole.estimate();
            assert!(estimate.abs_diff(count) <= count / 20, "{estimate} for {count}");
            even.merge(&odd);
            assert_eq!(even, whole);
            assert_eq!(Distinct::from_bytes(whole.as_bytes()), Some(whole));
        }
        assert_eq!(Distinct::from_bytes(&[0; 7]), None);
        assert_eq!(Distinct::from_bytes(&[60; REGISTERS]), None);
    }

    #[test]
    fn all_forms_of_ids_are_counted() {
        let mut distinct = Distinct::default();
        let texts: Vec<String> = (0..5_000).map(|n| format!("cart-{n}")).collect();
        texts.iter().for_each(|text| distinct.insert(Id::Text(text)));
        (0..5_000u128).for_each(|n| distinct.insert(Id::Guid(n << 90 | n)));
        (0..5_000).for_each(|n| distinct.insert(Id::Negative(-n)));
        let estimate = distinct.estimate();
        assert!(estimate.abs_diff(15_000) <= 750, "{estimate}");
    }
}
