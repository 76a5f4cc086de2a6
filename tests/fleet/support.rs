//! A Redis in a temporary directory, rules, panes and instances.

use std::net::TcpListener;
use std::time::Duration;

use bellwether::aggregate::{Counts, Id, Pane, Per, Rule};
use bellwether::fleet::{Fleet, FleetOptions};

use crate::rules;
pub use crate::rules::Random;
pub use crate::server::{Server, is_installed, wait_until};

/// The end of a pane long ago, at a full hour.
pub const END: u64 = 1_700_000_000 / 3600 * 3600;

pub fn rule() -> Rule {
    Rule { per: Per::Second, window_seconds: 150, ..rules::rule() }
}

/// A pane of these events, exact.
pub fn pane<'i>(end: u64, events: impl IntoIterator<Item = (Id<'i>, u64)>) -> Pane {
    let mut counts = Counts::new(200_000);
    events.into_iter().for_each(|(id, n)| counts.add(id, n));
    Pane { ended_at: end, shared_end: end, seconds: 30.0, counts, instances: 1, sequence: 0 }
}

/// All ids and their counts, by rank.
pub fn all(counts: &Counts) -> Vec<(String, u64)> {
    counts.top(1_000_000).into_iter().map(|(id, n)| (id.to_string(), n)).collect()
}

impl Server {
    pub fn options(&self, instance: &str) -> FleetOptions {
        FleetOptions {
            timeout: Duration::from_secs(5),
            settle: Duration::ZERO,
            ..FleetOptions::new(&self.url(), "test", instance, 2)
        }
    }

    pub fn fleet(&self, instance: &str) -> Fleet {
        Fleet::new(self.options(instance)).unwrap()
    }
}

/// A TCP port that nobody used a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
