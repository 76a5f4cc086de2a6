//! The vocabulary that all stages share: addresses, documents, what is live and what was last applied.
//!
//! Plain data without I/O, clock or async.

mod address;
mod lazy;
mod live;

pub use address::{Address, AddressError};
pub use lazy::Lazy;
pub use live::{Applied, LiveMetric, LiveMonitor, MonitorId, Rev, Snapshot, Verdict};

/// A JSON object as Datadog speaks it, keys in order.
pub type Document = serde_json::Map<String, serde_json::Value>;
