//! What `/metrics` tells, in Prometheus's text format.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

/// Counters by name and result. Names and results are ours: nothing that others send is a label.
#[derive(Default)]
pub struct Counters(Mutex<BTreeMap<(&'static str, &'static str), u64>>);

/// Deliveries by what was made of them.
pub const DELIVERIES: &str = "bellwether_serve_deliveries_total";
/// Jobs by how they ended.
pub const JOBS: &str = "bellwether_serve_jobs_total";
/// Deliveries that were missed, by what came of asking GitHub for them.
pub const REDELIVERIES: &str = "bellwether_serve_redeliveries_total";

impl Counters {
    /// Counts one.
    pub fn add(&self, name: &'static str, result: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((name, result)).or_default() += 1;
    }

    /// The page: the counters, how many jobs wait, and how many calls GitHub still takes.
    pub fn page(&self, waiting: usize, calls_left: Option<u64>) -> String {
        let mut page = String::new();
        // Writing into a String cannot fail.
        for (name, help) in [
            (DELIVERIES, "Deliveries by what was made of them."),
            (JOBS, "Jobs by how they ended."),
            (REDELIVERIES, "Missed deliveries that GitHub was asked for again, by what came of it."),
        ] {
            let _ = write!(page, "# HELP {name} {help}\n# TYPE {name} counter\n");
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            for ((_, result), value) in all.iter().filter(|((found, _), _)| *found == name) {
                let _ = writeln!(page, "{name}{{result=\"{result}\"}} {value}");
            }
        }
        let mut gauge = |name: &str, help: &str, value: u64| {
            let _ = write!(page, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}\n");
        };
        gauge("bellwether_serve_queue", "Jobs that are not done.", waiting as u64);
        if let Some(left) = calls_left {
            let help = "Calls that GitHub takes before its rate limit is reached.";
            gauge("bellwether_serve_github_calls_left", help, left);
        }
        page
    }
}
