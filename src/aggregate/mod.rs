//! Counting per id inside, to publish a few bounded series instead of a tag per id.
//!
//! A service marks ids through a [`Handle`]; each thread counts in a table of its own ([`Counts`]). When a pane ends,
//! the [`Aggregator`] gives what was counted, a [`Window`] slides over the last panes and makes a [`Report`], and
//! [`publish`] makes gauges and events of it, as far as the hour's [`Ledger`] has room.
//!
//! Nothing here has a clock, a thread or a socket: `publisher` has, for a service that has nothing of the kind itself.

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
pub use rule::{OWN_SERIES, Per, Rule, RuleSet, SeriesBudget, series_per_hour, with_own_series};
pub use window::{Pane, Ranked, Report, Sustained, Window};
