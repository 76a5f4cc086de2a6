//! The events that are marked: ids as they come, one behind another, from a buffer of the network.

use bellwether::aggregate::Id;

/// How many different ids there are.
pub const IDS: usize = 100_000;
/// How many events are measured.
const EVENTS: usize = 1_000_000;

/// The same events with ids of four kinds. Every id comes once at the start, so that the rest finds it.
pub struct Streams {
    pub numbers: &'static [u64],
    pub decimals: &'static [&'static str],
    pub guids: &'static [&'static str],
    pub texts: &'static [&'static str],
}

/// Where the events begin that are measured.
pub const WARM: usize = IDS;
/// Where they end.
pub const END: usize = WARM + EVENTS;

impl Streams {
    /// The id of rank `r` has a part of the events that is proportional to 1 / `r`.
    pub fn new() -> Self {
        let ranks = ranks();
        let numbers: Vec<u64> = ranks.iter().map(|rank| number(*rank)).collect();
        Self {
            numbers: numbers.leak(),
            decimals: texts(&ranks, |rank| number(rank).to_string()),
            guids: texts(&ranks, |rank| Id::Guid(guid(rank)).to_string()),
            texts: texts(&ranks, |rank| format!("cart-{:08x}", spread(rank) as u32)),
        }
    }
}

fn ranks() -> Vec<u64> {
    let mut sum = 0.0;
    let sums: Vec<f64> = (1..=IDS)
        .map(|rank| {
            sum += 1.0 / rank as f64;
            sum
        })
        .collect();
    let drawn = (0..EVENTS as u64).map(|event| {
        let part = spread(event) as f64 / u64::MAX as f64;
        sums.partition_point(|sum_so_far| *sum_so_far < part * sum).min(IDS - 1) as u64
    });
    (0..IDS as u64).chain(drawn).collect()
}

/// A number of seven digits; different ones for different ranks.
fn number(rank: u64) -> u64 {
    const BITS: u32 = 23;
    // An odd factor leads to each number below a power of two just once.
    1_000_000 + (rank.wrapping_mul(0x5851_f42d) & ((1 << BITS) - 1))
}

fn guid(rank: u64) -> u128 {
    u128::from(spread(rank)) << 64 | u128::from(spread(!rank))
}

/// All texts stand in one buffer.
fn texts(ranks: &[u64], text: impl Fn(u64) -> String) -> &'static [&'static str] {
    let mut buffer = String::new();
    let mut ends = Vec::with_capacity(ranks.len());
    for rank in ranks {
        buffer.push_str(&text(*rank));
        ends.push(buffer.len());
    }
    let mut rest: &'static str = buffer.leak();
    let mut start = 0;
    let slices = ends.into_iter().map(|end| {
        let (first, behind) = rest.split_at(end - start);
        (rest, start) = (behind, end);
        first
    });
    slices.collect::<Vec<_>>().leak()
}

/// Another number for each number, with no pattern in them.
fn spread(number: u64) -> u64 {
    let number = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}
