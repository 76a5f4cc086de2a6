//! Ids: numbers, or text.
//!
//! A number takes 8 bytes and is never hashed nor stored as text. Each id is written again exactly as it was read: what
//! has another spelling (a sign, leading zeros) stays text.

use std::fmt;

/// The longest text that is kept whole, in bytes: a tag of Datadog has at most 200 characters, its key included.
pub const MAX_TEXT: usize = 180;

/// An id as a caller gives it. Reports name numbers and texts only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id<'a> {
    /// A whole number.
    Integer(u64),
    /// The text of a number below zero.
    Negative(i64),
    /// The text of a GUID, by its 128 bits: `6f9619ff-8b86-d011-b42d-00c04fc964ff`.
    Guid(u128),
    /// Any text.
    Text(&'a str),
}

impl<'a> From<&'a str> for Id<'a> {
    #[inline(always)]
    fn from(text: &'a str) -> Self {
        match text.len() {
            1..=20 => integer(text.as_bytes()).map_or(Id::Text(text), Id::Integer),
            _ => Id::Text(text),
        }
    }
}

macro_rules! from_unsigned {
    ($($type:ty)*) => {$(
        impl From<$type> for Id<'_> {
            #[inline(always)]
            fn from(number: $type) -> Self {
                Id::Integer(u64::from(number))
            }
        }
    )*};
}
from_unsigned!(u8 u16 u32 u64);

impl From<i64> for Id<'_> {
    #[inline(always)]
    fn from(number: i64) -> Self {
        u64::try_from(number).map_or(Id::Negative(number), Id::Integer)
    }
}

impl From<i32> for Id<'_> {
    #[inline(always)]
    fn from(number: i32) -> Self {
        Self::from(i64::from(number))
    }
}

impl fmt::Display for Id<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Id::Integer(number) => write!(f, "{number}"),
            Id::Negative(number) => write!(f, "{number}"),
            Id::Guid(value) => f.write_str(GuidText::new(value).as_str()),
            Id::Text(text) => f.write_str(text),
        }
    }
}

/// The text of a GUID, without allocation.
pub(super) struct GuidText([u8; 36]);

impl GuidText {
    #[inline(always)]
    pub fn new(value: u128) -> Self {
        let mut text = [b'-'; 36];
        let mut shift = 128;
        for (at, byte) in text.iter_mut().enumerate() {
            if !matches!(at, 8 | 13 | 18 | 23) {
                shift -= 4;
                *byte = HEXADECIMAL[(value >> shift) as usize & 0xf];
            }
        }
        Self(text)
    }

    #[inline(always)]
    pub fn as_str(&self) -> &str {
        // ASCII throughout.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

const HEXADECIMAL: &[u8; 16] = b"0123456789abcdef";

/// The text of a number that may be below zero, without allocation.
pub(super) struct NegativeText {
    text: [u8; 20],
    start: usize,
}

impl NegativeText {
    pub fn new(number: i64) -> Self {
        let (mut text, mut start) = ([b'-'; 20], 20);
        let mut rest = number.unsigned_abs();
        loop {
            start -= 1;
            text[start] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        Self { text, start: start - usize::from(number < 0) }
    }

    pub fn as_str(&self) -> &str {
        // ASCII throughout.
        std::str::from_utf8(&self.text[self.start..]).unwrap_or_default()
    }
}

/// A number as it is usually written: no sign, no leading zero, within 64 bits. `bytes` are at most 20.
#[inline(always)]
fn integer(bytes: &[u8]) -> Option<u64> {
    const EIGHT_DIGITS: u64 = 100_000_000;
    match bytes {
        [b'1'..=b'9', ..] => {}
        [b'0'] => return Some(0),
        _ => return None,
    }
    if bytes.len() <= 8 {
        return digits(bytes);
    }
    let (high, low) = bytes.split_at(bytes.len() - 8);
    let low = digits(low)?;
    if high.len() <= 8 {
        return Some(digits(high)? * EIGHT_DIGITS + low);
    }
    let (highest, high) = high.split_at(high.len() - 8);
    let high = digits(highest)? * EIGHT_DIGITS + digits(high)?;
    high.checked_mul(EIGHT_DIGITS)?.checked_add(low)
}

/// What one to eight digits say; all are looked at at once, each in its byte of a word.
#[inline(always)]
fn digits(bytes: &[u8]) -> Option<u64> {
    const ZEROS: u64 = 0x3030_3030_3030_3030;
    let length = bytes.len();
    let word = match (bytes.first_chunk(), bytes.last_chunk()) {
        // Both halves may have the same digits in the middle.
        (Some(first), Some(last)) => four(first) | four(last) << (8 * (length - 4)),
        _ => [0, length / 2, length - 1].iter().fold(0, |word, at| word | u64::from(bytes[*at]) << (8 * at)),
    };
    let missing = 64 - 8 * length;
    let word = word << missing | ZEROS & !(u64::MAX << missing);
    let high_halves = |word: u64| word & 0xf0f0_f0f0_f0f0_f0f0;
    // Of what begins with a 3, only digits still do so when 6 is added.
    if high_halves(word) | high_halves(word.wrapping_add(0x0606_0606_0606_0606)) >> 4 != 0x3333_3333_3333_3333
    {
        return None;
    }
    let ones = word - ZEROS;
    let twos = (ones * 10 + (ones >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos * 100 + (twos >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

#[inline(always)]
fn four(bytes: &[u8; 4]) -> u64 {
    u64::from(u32::from_le_bytes(*bytes))
}

/// A text of at most [`MAX_TEXT`] bytes that stands for a longer one: its start and a hash of the whole.
///
/// The hash is the same in every process, so that instances agree on the name.
pub(super) struct Shortened {
    bytes: [u8; MAX_TEXT],
    length: usize,
}

impl Shortened {
    pub fn new(text: &str) -> Self {
        const HASH: usize = 16;
        let mark = "…";
        let mut end = MAX_TEXT - HASH - mark.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let mut bytes = [0; MAX_TEXT];
        let mut length = 0;
        let mut push = |part: &[u8]| {
            bytes[length..length + part.len()].copy_from_slice(part);
            length += part.len();
        };
        push(&text.as_bytes()[..end]);
        push(mark.as_bytes());
        let hash = stable_hash(text.as_bytes());
        for nibble in 0..HASH {
            push(&[HEXADECIMAL[(hash >> (60 - 4 * nibble)) as usize & 0xf]]);
        }
        Self { bytes, length }
    }

    pub fn as_str(&self) -> &str {
        // Made of whole characters only.
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }
}

/// FNV-1a with a final mix: the same in every process, on every machine.
pub(super) fn stable_hash(bytes: &[u8]) -> u64 {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    mix(hash)
}

/// Spreads the bits of a number over all bits.
pub(super) fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usual_spellings_of_numbers_are_numbers_and_all_else_is_text() {
        let is_number = |text: &str| matches!(Id::from(text), Id::Integer(_));
        assert_eq!(["0", "11092", "18446744073709551615"].map(is_number), [true; 3]);
        assert_eq!(Id::from("18446744073709551615"), Id::Integer(u64::MAX));
        let others = ["", "007", "+1", "-1", "18446744073709551616", "99999999999999999999", "1.0", "٣"];
        assert_eq!(others.map(is_number), [false; 8]);
    }

    #[test]
    fn a_byte_that_is_no_digit_is_found_at_every_place_of_every_length() {
        for length in 1..=20 {
            for at in 0..length {
                for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
                    let mut bytes = vec![b'1'; length];
                    bytes[at] = byte;
                    assert_eq!(integer(&bytes), None, "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn a_number_below_zero_is_written_like_any_other() {
        for number in [-1, -10, -987, i64::MIN + 1, i64::MIN, 0, 7, i64::MAX] {
            assert_eq!(NegativeText::new(number).as_str(), number.to_string());
        }
    }

    #[test]
    fn a_guid_by_its_bits_is_written_in_small_letters() {
        let guid = Id::Guid(0x6f96_19ff_8b86_d011_b42d_00c0_4fc9_64ff);
        assert_eq!(guid.to_string(), "6f9619ff-8b86-d011-b42d-00c04fc964ff");
    }

    #[test]
    fn a_long_text_keeps_its_start_and_is_told_from_others() {
        let long = "ä".repeat(500_000);
        let (one, other) = (Shortened::new(&long), Shortened::new(&format!("{long}x")));
        assert!(one.as_str().starts_with("ääää") && one.as_str().len() <= MAX_TEXT);
        assert_ne!(one.as_str(), other.as_str());
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_the_same(text in "[0-9]{1,21}|-?[0-9]{1,4}|\\PC{0,60}") {
            prop_assert_eq!(Id::from(text.as_str()).to_string(), text);
        }

        #[test]
        fn numbers_are_read_as_they_are(number: u64, shift in 0u32..64) {
            let number = number >> shift;
            let text = number.to_string();
            prop_assert_eq!(Id::from(text.as_str()), Id::Integer(number));
        }
    }
}
