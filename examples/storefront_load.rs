//! Sends the exposures of an experiment platform to `bellwether aggregate`, as the storefront's services would.
//!
//! ```console
//! cargo run --release --example storefront_load -- --rate 2000 --seconds 60
//! ```
//!
//! Many experiments share the traffic by Zipf's law, as they do in life; one of them, 11092, is shown far too often.

use std::error::Error;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// As many datagrams a second as a loop with sleeps can pace well.
const TICKS: u32 = 100;

struct Load {
    to: String,
    /// Events a second.
    rate: u32,
    seconds: u64,
    /// Experiments.
    ids: u64,
    /// The experiment that is shown too often, and how often it is of a hundred.
    culprit: (u64, u64),
}

fn main() -> Result<(), Box<dyn Error>> {
    let load = arguments()?;
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(&load.to)?;
    let weights: Vec<f64> = (1..=load.ids).map(|rank| 1.0 / rank as f64).collect();
    let total: f64 = weights.iter().sum();
    let mut random = Random(42);
    let (start, mut sent) = (Instant::now(), 0_u64);
    for tick in 0..load.seconds * u64::from(TICKS) {
        let due = u64::from(load.rate) * (tick + 1) / u64::from(TICKS);
        let mut payload = String::new();
        while sent < due {
            sent += 1;
            let id = match random.below(100) < load.culprit.1 {
                true => load.culprit.0,
                false => experiment(&weights, total, &mut random),
            };
            let line = format!("events.received:1|c|#event:experimentexposureevent,experimentId:{id}");
            if payload.len() + 1 + line.len() > 1432 {
                socket.send(payload.as_bytes())?;
                payload.clear();
            }
            if !payload.is_empty() {
                payload.push('\n');
            }
            payload.push_str(&line);
        }
        if !payload.is_empty() {
            socket.send(payload.as_bytes())?;
        }
        let next = start + Duration::from_secs(1) / TICKS * (tick as u32 + 1);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    say(&format!("sent {sent} events of {} experiments to {}", load.ids, load.to));
    Ok(())
}

fn experiment(weights: &[f64], total: f64, random: &mut Random) -> u64 {
    let mut at = random.below(1 << 53) as f64 / (1_u64 << 53) as f64 * total;
    let rank = weights.iter().position(|weight| {
        at -= weight;
        at < 0.0
    });
    // Spread, so that they look like ids and not like ranks.
    20_000 + rank.unwrap_or_default() as u64 * 7
}

fn arguments() -> Result<Load, Box<dyn Error>> {
    let mut load = Load {
        to: "127.0.0.1:8125".to_owned(),
        rate: 1_000,
        seconds: 120,
        ids: 2_000,
        culprit: (11_092, 20),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--to" => load.to = value,
            "--rate" => load.rate = value.parse()?,
            "--seconds" => load.seconds = value.parse()?,
            "--ids" => load.ids = value.parse()?,
            "--culprit" => load.culprit.0 = value.parse()?,
            _ => return Err(format!("{name} is none of --to, --rate, --seconds, --ids and --culprit").into()),
        }
    }
    Ok(load)
}

#[allow(clippy::print_stdout, reason = "an example may print")]
fn say(text: &str) {
    println!("{text}");
}

/// Random enough for a load, and the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) % limit
    }
}
