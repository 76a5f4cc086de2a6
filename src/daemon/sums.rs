//! Counts that differ in nothing but their value go on as one line: without their ids, most are the same.

use std::io::Write as _;
use std::ops::Range;

use super::forward::Forwarder;
use crate::dogstatsd::Metric;

/// How many different lines wait for more of their kind.
const KINDS: usize = 16;

/// Values of more digits go alone.
const MOST_DIGITS: usize = 9;

/// A sum beyond this goes on before it grows: the Agent adds up floating point.
const MOST: u64 = 1_000_000_000_000_000;

/// Sums of counts, by the bytes of their lines but for the value.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// The one that was met last is looked at first, and those that have not been met for long make room.
    kinds: Vec<Sum>,
    line: Vec<u8>,
}

#[derive(Debug)]
struct Sum {
    /// The line without its value.
    text: Vec<u8>,
    /// Where the value stands.
    at: usize,
    value: u64,
    /// How many lines it stands for; none since it was last sent, perhaps.
    lines: u64,
}

/// Where a line's value stands, and what it is, if it may be added to others: one whole number, neither sampled nor of a
/// time of its own.
pub(super) fn summable(line: &[u8], metric: &Metric<'_>) -> Option<(Range<usize>, u64)> {
    if metric.rate != 1.0 || metric.timestamp.is_some() {
        return None;
    }
    let start = metric.name.len() + 1;
    let digits = line[start..].iter().take(MOST_DIGITS + 1).position(|byte| *byte == b'|')?;
    let value = line[start..start + digits]
        .iter()
        .try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0')))?;
    Some((start..start + digits, value))
}

impl Sums {
    /// Adds a value to those of the lines that have this text without it.
    pub fn add(&mut self, text: &[u8], at: usize, value: u64, forwarder: &mut Forwarder) {
        let found = self.kinds.iter().position(|sum| sum.at == at && sum.text == text);
        let found = found.unwrap_or_else(|| self.admit(text, at, forwarder));
        let sum = &mut self.kinds[found];
        if sum.value + value > MOST {
            sum.send(&mut self.line, forwarder);
        }
        sum.value += value;
        sum.lines += 1;
        if found > 0 {
            self.kinds.swap(found, found - 1);
        }
    }

    /// Takes in a line that is not here, in the place of the last one if there is no other.
    fn admit(&mut self, text: &[u8], at: usize, forwarder: &mut Forwarder) -> usize {
        if self.kinds.len() < KINDS {
            self.kinds.push(Sum { text: text.to_vec(), at, value: 0, lines: 0 });
            return self.kinds.len() - 1;
        }
        let last = KINDS - 1;
        let sum = &mut self.kinds[last];
        sum.send(&mut self.line, forwarder);
        sum.text.clear();
        sum.text.extend_from_slice(text);
        sum.at = at;
        last
    }

    /// Sends all sums. To be called after every batch of payloads.
    pub fn send(&mut self, forwarder: &mut Forwarder) {
        for sum in &mut self.kinds {
            sum.send(&mut self.line, forwarder);
        }
    }
}

impl Sum {
    fn send(&mut self, line: &mut Vec<u8>, forwarder: &mut Forwarder) {
        if self.lines == 0 {
            return;
        }
        line.clear();
        line.extend_from_slice(&self.text[..self.at]);
        // Writing into a vector cannot fail.
        let _ = write!(line, "{}", self.value);
        line.extend_from_slice(&self.text[self.at..]);
        forwarder.line(line);
        (self.value, self.lines) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dogstatsd::{Line, parse};

    fn found(line: &str) -> Option<(Range<usize>, u64)> {
        match parse(line.as_bytes()) {
            Ok(Line::Metric(metric)) => summable(line.as_bytes(), &metric),
            _ => None,
        }
    }

    #[test]
    fn whole_numbers_are_summed_and_all_else_goes_alone() {
        assert_eq!(found("a:12|c|#x"), Some((2..4, 12)));
        assert_eq!(found("a:0|c"), Some((2..3, 0)));
        assert_eq!(found("a:999999999|c"), Some((2..11, 999_999_999)));
        for alone in ["a:1|c|@0.5", "a:1|c|T1", "a:1.5|c", "a:1:2|c", "a:-1|c", "a:1234567890|c", "a:1e3|c"] {
            assert_eq!(found(alone), None, "{alone}");
        }
    }
}
