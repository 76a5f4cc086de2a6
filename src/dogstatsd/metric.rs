//! A metric's line: name, packed values, type, and the fields that came with later versions of the protocol.

use memchr::memchr2;

use super::fields::{Fields, split_near};
use super::{Malformed, Role, Tags};

/// The lowest sample rate that is believed: below it, one line would stand for more events than anything sends.
/// It is where Datadog's own servers draw the line.
const LOWEST_RATE: f64 = 1.0 / 260_000_000.0;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `c`
    Count,
    /// `g`
    Gauge,
    /// `ms`; its unit is the millisecond.
    Timer,
    /// `h`
    Histogram,
    /// `s`
    Set,
    /// `d`
    Distribution,
}

impl Kind {
    fn read(token: &str) -> Option<Self> {
        Some(match token.as_bytes() {
            b"c" => Self::Count,
            b"g" => Self::Gauge,
            b"ms" => Self::Timer,
            b"h" => Self::Histogram,
            b"s" => Self::Set,
            b"d" => Self::Distribution,
            _ => return None,
        })
    }

    /// Whether a sample rate means something.
    fn is_sampled(self) -> bool {
        matches!(self, Self::Count | Self::Timer | Self::Histogram | Self::Distribution)
    }
}

/// Which tags of its own the Agent is to add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cardinality {
    /// None.
    None,
    /// Those of the host and deployment.
    Low,
    /// Those of the pod or task too.
    Orchestrator,
    /// Those of the container too.
    High,
}

impl Cardinality {
    /// Unknown words say nothing; capitals do not matter.
    fn read(word: &str) -> Option<Self> {
        let words = [
            ("none", Self::None),
            ("low", Self::Low),
            ("orchestrator", Self::Orchestrator),
            ("high", Self::High),
        ];
        words
            .into_iter()
            .find(|(name, _)| word.eq_ignore_ascii_case(name))
            .map(|(_, cardinality)| cardinality)
    }
}

/// The numbers of a line, which may hold several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers<'l> {
    text: &'l str,
    not_finite: usize,
}

impl<'l> Numbers<'l> {
    /// Each value must be a number. Empty ones are passed over, as the Agent does, but one has to be there.
    fn read(text: &'l str) -> Result<Self, Malformed> {
        let (mut count, mut not_finite) = (0, 0);
        for part in parts(text) {
            let number = number(part).ok_or(Malformed::BadValue)?;
            count += 1;
            not_finite += usize::from(!number.is_finite());
        }
        if count == 0 {
            return Err(Malformed::NoValue);
        }
        Ok(Self { text, not_finite })
    }

    /// The finite numbers, in order.
    pub fn iter(self) -> impl Iterator<Item = f64> {
        parts(self.text).filter_map(number).filter(|number| number.is_finite())
    }

    /// How many values are infinite or not a number; these count for nothing.
    pub fn not_finite(self) -> usize {
        self.not_finite
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        loop {
            let (part, tail) = split_near(rest?, b':');
            rest = tail;
            if !part.is_empty() {
                return Some(part);
            }
        }
    })
}

/// Most numbers are a few digits, perhaps with a point, and need no general parser: both parts of the fraction are
/// exact as floating point, so their quotient is the number that is nearest.
fn number(text: &str) -> Option<f64> {
    const EXACT_DIGITS: usize = 15;
    if text.len() > EXACT_DIGITS || text.is_empty() || text == "." {
        return text.parse().ok();
    }
    let (mut digits, mut scale, mut has_point) = (0_u64, 1_u64, false);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => {
                digits = digits * 10 + u64::from(byte - b'0');
                scale *= if has_point { 10 } else { 1 };
            }
            b'.' if !has_point => has_point = true,
            _ => return text.parse().ok(),
        }
    }
    Some(if has_point { digits as f64 / scale as f64 } else { digits as f64 })
}

/// The values of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values<'l> {
    /// Those of all types but the set.
    Numbers(Numbers<'l>),
    /// The one member of a set; a colon belongs to it.
    Member(&'l str),
}

/// A metric's line. What it borrows is the line's own text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric<'l> {
    /// Printable ASCII.
    pub name: &'l str,
    /// At least one.
    pub values: Values<'l>,
    /// What it is.
    pub kind: Kind,
    /// The sample rate as sent, above 0 and not above 1.
    pub rate: f64,
    /// The tags.
    pub tags: Tags<'l>,
    /// `c:`: the sender's container, as `ci-<id>`, `in-<inode>` or, in old clients, the bare id.
    pub container: Option<&'l str>,
    /// `T`: seconds since 1970, positive. Of counts and gauges only.
    pub timestamp: Option<u64>,
    /// `e:`
    pub external: Option<&'l str>,
    /// `card:`; see [`Metric::wanted_cardinality`].
    pub cardinality: Option<Cardinality>,
}

impl<'l> Metric<'l> {
    #[inline]
    pub(super) fn read(text: &'l str) -> Result<Self, Malformed> {
        let bytes = text.as_bytes();
        let end = memchr2(b':', b'|', bytes).filter(|at| bytes[*at] == b':').ok_or(Malformed::NoValue)?;
        let name = &text[..end];
        if !is_name(name) {
            return Err(Malformed::BadName);
        }
        let (values, rest) = split_near(&text[end + 1..], b'|');
        if values.is_empty() {
            return Err(Malformed::NoValue);
        }
        let (token, rest) = split_near(rest.ok_or(Malformed::NoType)?, b'|');
        let kind = Kind::read(token).ok_or(Malformed::UnknownType)?;
        let values = match kind {
            Kind::Set => Values::Member(values),
            _ => Values::Numbers(Numbers::read(values)?),
        };
        let mut metric = Self {
            name,
            values,
            kind,
            rate: 1.0,
            tags: Tags::default(),
            container: None,
            timestamp: None,
            external: None,
            cardinality: None,
        };
        for field in Fields::new(rest.unwrap_or_default()).iter() {
            metric.take(field)?;
        }
        Ok(metric)
    }

    /// Fields come in any order; one that is not known is passed over.
    #[inline]
    fn take(&mut self, field: &'l str) -> Result<(), Malformed> {
        match field.as_bytes() {
            [b'#', ..] => self.tags = Tags::new(&field[1..]),
            [b'@', ..] => self.rate = rate(&field[1..])?,
            [b'T', ..] => {
                let timestamp = timestamp(&field[1..])?;
                self.timestamp = matches!(self.kind, Kind::Count | Kind::Gauge).then_some(timestamp);
            }
            [b'c', b':', ..] => self.container = Some(&field[2..]),
            [b'e', b':', ..] => self.external = Some(&field[2..]),
            _ => {
                if let Some(word) = field.strip_prefix("card:") {
                    self.cardinality = Cardinality::read(word);
                }
            }
        }
        Ok(())
    }

    /// For how many events each value stands: the sample rate's inverse. The Agent takes a count with a timestamp as it
    /// is, and so does this.
    pub fn weight(&self) -> f64 {
        let is_sampled = self.kind.is_sampled() && self.timestamp.is_none();
        if is_sampled { 1.0 / self.rate } else { 1.0 }
    }

    /// The numbers, each finite, not scaled; none of a set.
    pub fn numbers(&self) -> impl Iterator<Item = f64> + use<'l> {
        let numbers = match self.values {
            Values::Numbers(numbers) => numbers,
            Values::Member(_) => Numbers { text: "", not_finite: 0 },
        };
        numbers.iter()
    }

    /// How many of its values are infinite or not a number; these count for nothing.
    pub fn not_finite(&self) -> usize {
        match self.values {
            Values::Numbers(numbers) => numbers.not_finite(),
            Values::Member(_) => 0,
        }
    }

    /// The cardinality that the Agent goes by: the field, else the tag.
    pub fn wanted_cardinality(&self) -> Option<Cardinality> {
        let tagged = || {
            self.tags.iter().find_map(|tag| match tag.role() {
                Role::Cardinality(word) => Cardinality::read(word),
                _ => None,
            })
        };
        self.cardinality.or_else(tagged)
    }

    /// Whether the name needs no change in Datadog: letters, digits, `_` and `.` alone.
    pub fn has_plain_name(&self) -> bool {
        self.name.bytes().all(is_plain)
    }
}

/// Printable ASCII. That it has no colon and no `|` is known.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

pub(super) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.')
}

fn rate(text: &str) -> Result<f64, Malformed> {
    let rate = number(text).ok_or(Malformed::BadRate)?;
    match (0.0..=1.0).contains(&rate) {
        true => Ok(rate.max(LOWEST_RATE)),
        false => Err(Malformed::BadRate),
    }
}

fn timestamp(text: &str) -> Result<u64, Malformed> {
    // A sign is fine for `parse`, but not in the protocol.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text);
    let timestamp = digits.and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0);
    timestamp.ok_or(Malformed::BadTimestamp)
}
