//! Rules, moments and random streams.

use std::time::Duration;

use bellwether::aggregate::{Moment, Per, Rule};

pub fn rule() -> Rule {
    Rule {
        address: "com.example.ExposureEvent.experimentId/aggregate_metric".parse().unwrap(),
        record: "com.example.ExposureEvent".into(),
        field: "experimentId".into(),
        metric: "exposure.experiment_id.top_rate".into(),
        per: Per::Hour,
        window_seconds: 300,
        pane_seconds: 30,
        top: 10,
        ids_per_hour: 50,
        capacity: 65_536,
        tags: vec!["env:test".into()],
        threshold: None,
        series_per_hour: Rule::series(10, 50),
    }
}

/// The moment so many seconds after a full hour long ago.
pub fn at(seconds: f64) -> Moment {
    let elapsed = Duration::from_secs_f64(seconds);
    Moment { elapsed, unix: Duration::from_secs(1_700_000_000 / 3600 * 3600) + elapsed }
}

/// A sequence of random numbers that is the same for the same seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let number = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ number >> 31
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
