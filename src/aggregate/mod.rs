//! Counting per id inside, to publish a few bounded series instead of a tag per id.
//!
//! A service marks ids through a [`Handle`]; each thread counts in a table of its own ([`Counts`]). When a pane ends,
//! the [`Aggregator`] gives what was counted, a [`Window`] slides over the last panes and makes a [`Report`], and
//! [`publish`] makes gauges and events of it, as far as the hour's [`Ledger`] has room.
//!
//! Nothing here has a clock, a thread or a socket: `publisher` has, for a service that has nothing of the kind itself.
//!
//! A service that counts by itself reads its rules from what `bellwether rules --format json` has printed, marks ids
//! wherever it likes, and sends some lines at the end of each pane:
//!
//! ```
//! use std::time::Duration;
//!
//! use bellwether::aggregate::publish::reserved;
//! use bellwether::aggregate::{Aggregator, Board, Ledger, Moment, RuleSet};
//!
//! let rules = RuleSet::read(
//!     r#"{
//!       "format_version": 1,
//!       "environment": "production",
//!       "rules": [{
//!         "address": "com.example.ExposureEvent.experimentId/aggregate_metric",
//!         "record": "com.example.ExposureEvent", "field": "experimentId",
//!         "metric": "exposure.experiment_id.top_rate", "per": "minute",
//!         "window_seconds": 300, "pane_seconds": 30, "top": 2, "ids_per_hour": 50, "capacity": 65536,
//!         "tags": ["env:production"], "threshold": null, "series_per_hour": 58
//!       }],
//!       "budget": {"custom_metrics": 66, "limit": 200}
//!     }"#,
//! )?;
//! // A service takes the one from an `Instant`, the other from the `SystemTime`.
//! let at = |seconds| {
//!     let elapsed = Duration::from_secs(seconds);
//!     Moment { elapsed, unix: Duration::from_secs(1_700_000_010) + elapsed }
//! };
//! let mut ledger = Ledger::new(rules.budget.custom_metrics);
//! ledger.reserve(rules.budget.custom_metrics, rules.rules.iter().flat_map(|rule| reserved(rule, &[])));
//! let aggregator = Aggregator::new(rules.rules, at(0));
//! let mut board = Board::default();
//!
//! // Any thread marks through a clone of the handle; the id is a number, or text as it was received.
//! let experiments = aggregator.handle("exposure.experiment_id.top_rate").ok_or("no such rule")?;
//! let counting = experiments.clone();
//! let worker = std::thread::spawn(move || (0..80).for_each(|_| counting.mark(11092_u64)));
//! (0..40).for_each(|_| experiments.mark("6f9619ff-8b86-d011-b42d-00c04fc964ff"));
//! worker.join().map_err(|_| "the worker panicked")?;
//!
//! // One thread ends the panes that are due; `next_end` says when to look again.
//! let mut lines = Vec::new();
//! for closed in aggregator.close_due(at(30)) {
//!     let rule = board.take(closed);
//!     for publication in board.publication(&rule, &[], &mut ledger) {
//!         lines.extend(publication.lines().collect::<Result<Vec<_>, _>>()?);
//!     }
//! }
//! // These go to the Agent, joined by line breaks to datagrams.
//! for line in &lines {
//!     println!("{line}");
//! }
//! assert!(lines[0].starts_with("exposure.experiment_id.top_rate.by_id:160|g|#env:production,id:11092,"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod aggregator;
mod board;
mod counter;
mod counts;
mod distinct;
mod id;
mod ledger;
mod lines;
pub mod publish;
mod rule;
mod table;
mod window;

pub use aggregator::{Aggregator, Closed, Moment, Recycler, most_bytes};
pub use board::Board;
pub use counter::{Batch, Handle};
pub use counts::Counts;
pub use distinct::Distinct;
pub use id::Id;
pub use ledger::{Admission, Ledger, LedgerError, LedgerStore, Series};
pub use rule::{OWN_SERIES, Per, Rule, RuleSet, SeriesBudget, event_tag, series_per_hour, with_own_series};
pub use window::{Pane, Ranked, Report, Sustained, Window};
