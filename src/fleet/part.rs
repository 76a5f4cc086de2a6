//! One instance's part of a pane, as bytes for the others.
//!
//! A version, then `ended_at`, the seconds, the total, the offset and the registers of what was dropped; then the
//! numbers in order, each as its distance from the one before, and the texts in order, each as how much it shares with
//! the one before and the rest. Counts follow their id. Numbers are written in groups of seven bits.

use crate::aggregate::{Counts, Distinct, Id, Pane};

/// The form that this version writes and reads.
const VERSION: u8 = 1;

/// The longest text that is believed, in bytes: counts shorten what is longer than 180.
const LONGEST: usize = 255;

/// What one instance has counted in a pane, or in a part of it.
#[derive(Debug)]
pub(super) struct Part {
    pub ended_at: u64,
    pub seconds: f64,
    pub total: u64,
    offset: u64,
    dropped: Option<Distinct>,
    numbers: Vec<(u64, u64)>,
    texts: Vec<(String, u64)>,
}

/// Writes a pane with its `most` highest ids at most. What was left out stays in the total, the highest count among it
/// is added to the offset, and the ids count as dropped: all bounds hold.
pub(super) fn encode(pane: &Pane, most: usize) -> Vec<u8> {
    let counts = &pane.counts;
    let mut top = counts.top(most.saturating_add(1));
    let mut offset = counts.offset();
    let mut dropped = counts.dropped().cloned();
    if top.len() > most {
        offset = offset.saturating_add(top.pop().map_or(0, |(_, n)| n));
        dropped = Some(with_left_out(counts, dropped.unwrap_or_default(), top.last().copied()));
    }
    top.sort_unstable();
    let (numbers, texts): (Vec<_>, Vec<_>) = top.iter().partition(|(id, _)| matches!(id, Id::Integer(_)));
    let mut bytes = vec![VERSION];
    push(&mut bytes, pane.ended_at);
    bytes.extend_from_slice(&pane.seconds.to_le_bytes());
    push(&mut bytes, counts.total());
    push(&mut bytes, offset);
    let registers = dropped.as_ref().map_or(&[][..], Distinct::as_bytes);
    push(&mut bytes, registers.len() as u64);
    bytes.extend_from_slice(registers);
    push_numbers(&mut bytes, &numbers);
    push_texts(&mut bytes, &texts);
    bytes
}

/// Counts the ids that rank below the last one that is sent.
fn with_left_out(counts: &Counts, mut dropped: Distinct, last: Option<(Id<'_>, u64)>) -> Distinct {
    let is_sent = |id: Id<'_>, n: u64| last.is_some_and(|(last, m)| n > m || n == m && id <= last);
    counts.iter().filter(|(id, n)| !is_sent(*id, *n)).for_each(|(id, _)| dropped.insert(id));
    dropped
}

fn push(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn push_numbers(bytes: &mut Vec<u8>, numbers: &[(Id<'_>, u64)]) {
    push(bytes, numbers.len() as u64);
    let mut last = 0;
    for (id, n) in numbers {
        let Id::Integer(number) = *id else { continue };
        push(bytes, number - last);
        push(bytes, *n);
        last = number;
    }
}

fn push_texts(bytes: &mut Vec<u8>, texts: &[(Id<'_>, u64)]) {
    push(bytes, texts.len() as u64);
    let mut last = String::new();
    for (id, n) in texts {
        let text = id.to_string();
        let shared = last.bytes().zip(text.bytes()).take_while(|(a, b)| a == b).count();
        push(bytes, shared as u64);
        push(bytes, (text.len() - shared) as u64);
        bytes.extend_from_slice(&text.as_bytes()[shared..]);
        push(bytes, *n);
        last = text;
    }
}

/// Reads what another instance wrote; none if this version does not understand it.
pub(super) fn decode(bytes: &[u8]) -> Option<Part> {
    let mut reader = Reader(bytes);
    if reader.take(1)? != [VERSION] {
        return None;
    }
    let ended_at = reader.number()?;
    let seconds = f64::from_le_bytes(reader.take(8)?.try_into().ok()?);
    let (total, offset) = (reader.number()?, reader.number()?);
    let dropped = match reader.length()? {
        0 => None,
        length => Some(Distinct::from_bytes(reader.take(length)?)?),
    };
    let (numbers, texts) = (reader.numbers()?, reader.texts()?);
    let is_whole = reader.0.is_empty() && seconds.is_finite() && seconds >= 0.0;
    is_whole.then_some(Part { ended_at, seconds, total, offset, dropped, numbers, texts })
}

struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            let bits = u64::from(byte & 0x7f);
            number |= bits << shift;
            // The tenth byte has room for one bit.
            if bits << shift >> shift != bits {
                return None;
            }
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    fn numbers(&mut self) -> Option<Vec<(u64, u64)>> {
        let (mut numbers, mut last) = (Vec::new(), 0_u64);
        for _ in 0..self.length()? {
            last = last.checked_add(self.number()?)?;
            numbers.push((last, self.number()?));
        }
        Some(numbers)
    }

    fn texts(&mut self) -> Option<Vec<(String, u64)>> {
        let (mut texts, mut last) = (Vec::new(), Vec::new());
        for _ in 0..self.length()? {
            let (shared, length) = (self.length()?, self.length()?);
            if shared > last.len() || length > LONGEST - shared {
                return None;
            }
            last.truncate(shared);
            last.extend_from_slice(self.take(length)?);
            texts.push((std::str::from_utf8(&last).ok()?.to_owned(), self.number()?));
        }
        Some(texts)
    }
}

impl Part {
    /// Counts what this part has counted.
    pub fn add_to(&self, counts: &mut Counts) {
        let mut named = 0_u64;
        let numbers = self.numbers.iter().map(|(number, n)| (Id::Integer(*number), *n));
        let texts = self.texts.iter().map(|(text, n)| (Id::from(text.as_str()), *n));
        for (id, n) in numbers.chain(texts) {
            counts.add(id, n);
            named = named.saturating_add(n);
        }
        counts.merge_unnamed(self.total.saturating_sub(named), self.offset, self.dropped.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pane(stream: &[(String, u64)], capacity: usize) -> Pane {
        let mut counts = Counts::new(capacity);
        stream.iter().for_each(|(id, n)| counts.add(Id::from(id.as_str()), *n));
        Pane { ended_at: 1_700_000_030, shared_end: 1_700_000_030, seconds: 29.75, counts, instances: 1 }
    }

    fn read(bytes: &[u8]) -> Counts {
        let mut counts = Counts::new(100_000);
        decode(bytes).unwrap().add_to(&mut counts);
        counts
    }

    fn ids() -> impl Strategy<Value = String> {
        prop_oneof![
            (0u64..50).prop_map(|id| id.to_string()),
            any::<u64>().prop_map(|id| id.to_string()),
            any::<String>(),
            (0u32..50).prop_map(|id| format!("cart-{id}")),
            Just("\0|,\r\n\u{7f}é*$6".to_owned()),
        ]
    }

    fn sorted(counts: &Counts) -> Vec<(Id<'_>, u64)> {
        counts.top(usize::MAX - 1)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn what_is_written_is_read(
            stream in prop::collection::vec((ids(), prop_oneof![0u64..9, any::<u64>()]), 0..300),
            capacity in 1usize..400,
        ) {
            let pane = pane(&stream, capacity);
            let bytes = encode(&pane, 100_000);
            let part = decode(&bytes).unwrap();
            prop_assert_eq!((part.ended_at, part.seconds), (1_700_000_030, 29.75));
            let counts = read(&bytes);
            prop_assert_eq!(sorted(&counts), sorted(&pane.counts));
            prop_assert_eq!(counts.total(), pane.counts.total());
            prop_assert_eq!(counts.offset(), pane.counts.offset());
            prop_assert_eq!(counts.distinct(), pane.counts.distinct());
        }

        #[test]
        fn what_is_left_out_is_bounded(
            stream in prop::collection::vec((ids(), 0u64..9), 0..300),
            most in 0usize..120,
        ) {
            let pane = pane(&stream, 1_000);
            let counts = read(&encode(&pane, most));
            prop_assert_eq!(counts.len(), pane.counts.len().min(most));
            prop_assert_eq!(counts.total(), pane.counts.total());
            prop_assert_eq!(counts.offset() > 0, pane.counts.len() > most);
            for (id, n) in pane.counts.iter() {
                let lower = counts.get(id);
                prop_assert!(lower <= n && n <= lower + counts.offset());
            }
            prop_assert!(counts.distinct().abs_diff(pane.counts.distinct()) <= 15);
        }

        #[test]
        fn no_bytes_are_too_strange(
            mut bytes in prop::collection::vec(any::<u8>(), 0..80),
            cut in any::<prop::sample::Index>(),
        ) {
            decode(&bytes);
            bytes.insert(0, VERSION);
            decode(&bytes);
            let whole = encode(&pane(&[("a".into(), 1), ("7".into(), 300)], 9), 9);
            prop_assert!(decode(&whole[..cut.index(whole.len())]).is_none());
        }
    }

    #[test]
    fn a_text_that_is_spelled_like_a_number_is_that_number() {
        let mut pane = pane(&[], 9);
        pane.counts.add(Id::Text("11092"), 2);
        assert_eq!(read(&encode(&pane, 9)).get(Id::Integer(11_092)), 2);
    }

    #[test]
    fn other_versions_are_not_understood() {
        let mut bytes = encode(&pane(&[("a".into(), 1)], 9), 9);
        assert!(decode(&bytes).is_some());
        bytes[0] = 2;
        assert!(decode(&bytes).is_none());
    }
}
