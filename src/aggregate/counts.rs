//! Counts per id in bounded memory, exact as long as the ids fit.
//!
//! When they do not, the median of the counts is subtracted from all and remembered as the offset (Misra and Gries
//! 1982, with the sampled median of Anderson et al. 2017). For every id, whether it is still there or not,
//! `count ≤ true count ≤ count + offset`; and that holds for the sum of two such tables too.

use std::hash::{BuildHasher, Hasher};
use std::sync::OnceLock;

use foldhash::quality::FixedState;

use super::distinct::Distinct;
use super::id::{GuidText, Id, MAX_TEXT, NegativeText, Shortened};
use super::table::{self, Key, Table};

/// How many counts are looked at for the median.
const SAMPLE: usize = 1024;

/// Bytes of text for each id that fits; texts that are longer on average make room for fewer ids.
const TEXT_BYTES: usize = 48;

/// A text, by 64 bits of a keyed hash, by its last four bytes, and by where it stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TextKey {
    high: u64,
    low: u32,
    start: u32,
}

impl Key for TextKey {
    #[inline(always)]
    fn spread(&self, _: &table::Spread) -> u64 {
        // It was made with a seed already.
        self.high
    }

    #[inline(always)]
    fn same(&self, other: &Self) -> bool {
        self.high == other.high && self.low == other.low
    }
}

/// An id, and the key by which it is counted in every table of this process.
#[derive(Debug, Clone, Copy)]
pub(super) enum Keyed<'a> {
    Integer(u64),
    Text(TextKey, &'a str),
    /// What has to be written as a text first.
    Other(Id<'a>),
}

/// Counts per id. `capacity` ids are counted exactly; with more, `offset` says how far counts may be too low.
#[derive(Debug, Clone)]
pub struct Counts {
    integers: Table<u64>,
    named: Table<TextKey>,
    texts: Texts,
    hash: TextHash,
    capacity: usize,
    /// The most bytes of text.
    text_limit: usize,
    total: u64,
    offset: u64,
    /// The ids that were dropped; none as long as all fit.
    dropped: Option<Box<Distinct>>,
}

/// What spreads the keys of this process: ids come from outside, and must not be able to collide on purpose.
fn process_seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| std::hash::RandomState::new().hash_one(0))
}

impl Counts {
    /// Nothing counted yet; memory is taken as ids come.
    pub fn new(capacity: usize) -> Self {
        let seed = process_seed();
        Self {
            integers: Table::new(seed),
            named: Table::new(seed),
            texts: Texts::default(),
            hash: TextHash::of_process(),
            capacity: capacity.max(1),
            text_limit: text_limit(capacity),
            total: 0,
            offset: 0,
            dropped: None,
        }
    }

    /// The sum of others, with room for every id that they have.
    pub fn sum<'c>(parts: impl Iterator<Item = &'c Self> + Clone) -> Self {
        let mut sum = Self::new(parts.clone().map(Self::len).sum());
        let texts: usize = parts.clone().map(|part| part.texts.0.len()).sum();
        sum.text_limit = sum.text_limit.max(texts).min(u32::MAX as usize);
        parts.for_each(|part| sum.merge(part));
        sum
    }

    /// The most memory, in bytes, that counts of this capacity take.
    pub fn most_bytes(capacity: usize) -> usize {
        let tables = Table::<u64>::bytes_for(capacity) + Table::<TextKey>::bytes_for(capacity);
        tables + text_limit(capacity) + size_of::<Self>()
    }

    /// The memory taken now, in bytes.
    pub fn bytes(&self) -> usize {
        self.integers.bytes() + self.named.bytes() + self.texts.0.capacity() + size_of::<Self>()
    }

    /// Counts `n` events of an id.
    #[inline(always)]
    pub fn add(&mut self, id: Id<'_>, n: u64) {
        self.add_keyed(self.hash.keyed(id), n);
    }

    /// The same, with what was done before the lock of these counts was taken.
    #[inline(always)]
    pub(super) fn add_keyed(&mut self, id: Keyed<'_>, n: u64) {
        self.total = self.total.saturating_add(n);
        self.raise(id, n);
    }

    /// Counts the events of many ids. Where their counts stand is read for some of them before any is raised, so that
    /// the processor fetches all these places at the same time: in a large table each is far away.
    pub fn add_all<'i>(&mut self, events: impl Iterator<Item = (Id<'i>, u64)>) {
        const TOGETHER: usize = 32;
        let mut events = events.peekable();
        while events.peek().is_some() {
            let mut ready = [(Keyed::Integer(0), 0); TOGETHER];
            let mut count = 0;
            for (place, (id, n)) in ready.iter_mut().zip(events.by_ref()) {
                *place = (self.hash.keyed(id), n);
                count += 1;
            }
            for (id, _) in &ready[..count] {
                match id {
                    Keyed::Integer(number) => self.integers.touch(number),
                    Keyed::Text(key, _) => self.named.touch(key),
                    Keyed::Other(_) => {}
                }
            }
            for (id, n) in &ready[..count] {
                self.add_keyed(*id, *n);
            }
        }
    }

    /// Counts what the other one has counted.
    pub fn merge(&mut self, other: &Self) {
        // All of the other's ids are different: at least so many fit, or come to be dropped.
        self.integers.reserve(other.integers.len().min(self.capacity));
        self.named.reserve(other.named.len().min(self.capacity));
        for (number, n) in other.integers.iter() {
            self.raise_number(*number, n);
        }
        for (key, n) in other.named.iter() {
            // The text is not looked at where the key is known.
            if !self.named.raise(*key, n) {
                self.admit_text(*key, other.texts.get(key.start), n);
            }
        }
        self.total = self.total.saturating_add(other.total);
        self.offset = self.offset.saturating_add(other.offset);
        if let Some(dropped) = &other.dropped {
            self.dropped.get_or_insert_default().merge(dropped);
        }
    }

    /// Takes in events that are known only as a sum, with the most of them that one id may have.
    pub fn merge_unnamed(&mut self, total: u64, offset: u64, dropped: Option<&Distinct>) {
        self.total = self.total.saturating_add(total);
        self.offset = self.offset.saturating_add(offset);
        if let Some(dropped) = dropped {
            self.dropped.get_or_insert_default().merge(dropped);
        }
    }

    #[inline(always)]
    fn raise(&mut self, id: Keyed<'_>, n: u64) {
        match id {
            Keyed::Integer(number) => self.raise_number(number, n),
            Keyed::Text(key, text) => self.raise_text(key, text, n),
            Keyed::Other(id) => self.raise_other(id, n),
        }
    }

    #[inline(always)]
    fn raise_number(&mut self, number: u64, n: u64) {
        if !self.integers.raise(number, n) {
            self.admit_number(number, n);
        }
    }

    #[inline(always)]
    fn raise_text(&mut self, key: TextKey, text: &str, n: u64) {
        if !self.named.raise(key, n) {
            self.admit_text(key, text, n);
        }
    }

    /// Counts an id that has to be written as a text first.
    fn raise_other(&mut self, id: Id<'_>, n: u64) {
        let mut raise = |text: &str| self.raise_text(self.hash.key(text), text, n);
        match id {
            Id::Guid(value) => raise(GuidText::new(value).as_str()),
            Id::Negative(number) => raise(NegativeText::new(number).as_str()),
            Id::Text(text) => raise(Shortened::new(text).as_str()),
            Id::Integer(number) => self.raise_number(number, n),
        }
    }

    /// Takes in an id that is not there.
    #[cold]
    fn admit_number(&mut self, number: u64, n: u64) {
        if n > 0 {
            self.make_room("");
            self.integers.insert(number, n);
        }
    }

    #[cold]
    fn admit_text(&mut self, key: TextKey, text: &str, n: u64) {
        if n > 0 {
            self.make_room(text);
            let start = self.texts.push(text, self.text_limit);
            self.named.insert(TextKey { start, ..key }, n);
        }
    }

    fn make_room(&mut self, text: &str) {
        while self.len() >= self.capacity || !self.texts.has_room(text, self.text_limit) {
            self.purge();
        }
    }

    /// Makes room: at least the ids whose count is not above the median go.
    fn purge(&mut self) {
        let mut sample: Vec<u64> =
            self.integers.sample(SAMPLE / 2).chain(self.named.sample(SAMPLE / 2)).collect();
        let middle = sample.len() / 2;
        let Some((_, median, _)) = (!sample.is_empty()).then(|| sample.select_nth_unstable(middle)) else {
            return;
        };
        let median = *median;
        self.offset = self.offset.saturating_add(median);
        let dropped = self.dropped.get_or_insert_default();
        self.integers.subtract(median, |number| dropped.insert(Id::Integer(*number)));
        let texts = &self.texts;
        self.named.subtract(median, |key| dropped.insert(Id::Text(texts.get(key.start))));
        let mut kept = Texts(Vec::with_capacity(self.texts.0.capacity()));
        for key in self.named.keys_mut() {
            key.start = kept.push(self.texts.get(key.start), self.text_limit);
        }
        self.texts = kept;
    }

    /// How many ids are counted at present.
    pub fn len(&self) -> usize {
        self.integers.len() + self.named.len()
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.total == 0 && self.len() == 0
    }

    /// All events that were counted, whatever became of their ids.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The most by which a count can be too low; 0 says that every count is exact.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many different ids there were: exact as long as all fit, else an estimate.
    pub fn distinct(&self) -> u64 {
        match &self.dropped {
            None => self.len() as u64,
            Some(dropped) => {
                let mut all = dropped.as_ref().clone();
                self.iter().for_each(|(id, _)| all.insert(id));
                all.estimate()
            }
        }
    }

    /// The ids that are no longer here, if there were any.
    pub fn dropped(&self) -> Option<&Distinct> {
        self.dropped.as_deref()
    }

    /// The count of an id: a lower bound that [`Self::offset`] completes.
    pub fn get(&self, id: Id<'_>) -> u64 {
        match id {
            Id::Integer(number) => self.integers.get(&number),
            Id::Negative(number) => self.named.get(&self.hash.key(NegativeText::new(number).as_str())),
            Id::Guid(value) => self.named.get(&self.hash.key(GuidText::new(value).as_str())),
            Id::Text(text) if text.len() > MAX_TEXT => {
                self.named.get(&self.hash.key(Shortened::new(text).as_str()))
            }
            Id::Text(text) => self.named.get(&self.hash.key(text)),
        }
    }

    /// All ids that are counted at present, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (Id<'_>, u64)> {
        let integers = self.integers.iter().map(|(number, n)| (Id::Integer(*number), n));
        integers.chain(self.named.iter().map(|(key, n)| (Id::Text(self.texts.get(key.start)), n)))
    }

    /// The `most` ids with the highest counts, highest first; of equal counts, the smaller id first.
    pub fn top(&self, most: usize) -> Vec<(Id<'_>, u64)> {
        let by_rank =
            |(id, n): &(Id<'_>, u64), (other, m): &(Id<'_>, u64)| m.cmp(n).then_with(|| id.cmp(other));
        let mut all: Vec<(Id<'_>, u64)> = self.iter().collect();
        if most == 0 {
            return Vec::new();
        }
        if all.len() > most {
            all.select_nth_unstable_by(most - 1, by_rank);
            all.truncate(most);
        }
        all.sort_unstable_by(by_rank);
        all
    }

    /// Forgets everything and keeps the memory, as far as it was needed.
    pub fn clear(&mut self) {
        self.integers.clear();
        self.named.clear();
        self.texts.0.clear();
        (self.total, self.offset, self.dropped) = (0, 0, None);
    }
}

/// Texts one behind another, each after a byte with its length.
#[derive(Debug, Clone, Default)]
struct Texts(Vec<u8>);

impl Texts {
    fn has_room(&self, text: &str, limit: usize) -> bool {
        self.0.len() + 1 + text.len() <= limit
    }

    /// Adds a text of at most [`MAX_TEXT`] bytes, for which there is room, and gives its place.
    fn push(&mut self, text: &str, limit: usize) -> u32 {
        let needed = 1 + text.len();
        if self.0.capacity() - self.0.len() < needed {
            // Twice as much, as usual, but not more than may be needed.
            let more = self.0.len().min(limit.saturating_sub(self.0.len()));
            self.0.reserve_exact(more.max(needed));
        }
        let start = self.0.len() as u32;
        self.0.push(text.len() as u8);
        self.0.extend_from_slice(text.as_bytes());
        start
    }

    fn get(&self, start: u32) -> &str {
        let found = self.0.get(start as usize..).and_then(|rest| {
            let (length, rest) = rest.split_first()?;
            std::str::from_utf8(rest.get(..usize::from(*length))?).ok()
        });
        found.unwrap_or_default()
    }
}

/// The most bytes of text; at least one id's.
fn text_limit(capacity: usize) -> usize {
    capacity.saturating_mul(TEXT_BYTES).clamp(1 + MAX_TEXT, u32::MAX as usize)
}

/// Makes keys of texts, with a seed of this process.
#[derive(Debug, Clone)]
pub(super) struct TextHash(FixedState);

impl TextHash {
    /// The one that all counts of this process use.
    pub fn of_process() -> Self {
        Self(FixedState::with_seed(process_seed()))
    }

    /// An id with its key.
    #[inline(always)]
    pub fn keyed<'a>(&self, id: Id<'a>) -> Keyed<'a> {
        match id {
            Id::Integer(number) => Keyed::Integer(number),
            Id::Text(text) if text.len() <= MAX_TEXT => Keyed::Text(self.key(text), text),
            other => Keyed::Other(other),
        }
    }

    /// The key of a text, but for its place.
    #[inline(always)]
    fn key(&self, text: &str) -> TextKey {
        let mut hasher = self.0.build_hasher();
        hasher.write(text.as_bytes());
        // Where two ids should have one hash, which a million ids have once in 30 million processes, most differ there.
        let low = text.as_bytes().last_chunk().map_or(0, |last| u32::from_le_bytes(*last));
        TextKey { high: hasher.finish(), low, start: 0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn many_at_once_are_what_they_are_one_by_one(
            events in prop::collection::vec(("[0-9]{1,2}|-[0-9]|[a-c]{0,2}|x{170,190}", 0_u64..4), 0..200),
            capacity in 1_usize..40,
        ) {
            let (mut one_by_one, mut at_once) = (Counts::new(capacity), Counts::new(capacity));
            let ids = events.iter().map(|(text, n)| (Id::from(text.as_str()), *n));
            ids.clone().for_each(|(id, n)| one_by_one.add(id, n));
            at_once.add_all(ids);
            prop_assert_eq!(at_once.top(100), one_by_one.top(100));
            let known = |counts: &Counts| (counts.total(), counts.offset(), counts.len());
            prop_assert_eq!(known(&at_once), known(&one_by_one));
        }
    }

    #[test]
    fn a_sum_has_room_for_all_that_its_parts_have() {
        let mut part = Counts::new(1_000);
        let long = |n: u32| format!("{n:0150}");
        (0..3).for_each(|n| part.add(Id::from(long(n).as_str()), 1));
        let sum = Counts::sum([&part, &part].into_iter());
        assert_eq!((sum.len(), sum.total(), sum.offset()), (3, 6, 0));
    }
}
