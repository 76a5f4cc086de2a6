//! The vocabulary that all stages share: addresses, documents, what is live and what was last applied.
//!
//! Plain data without I/O, clock or async.

mod address;
#[cfg(feature = "cli")]
mod lazy;
#[cfg(feature = "cli")]
mod live;

pub use address::{Address, AddressError};
#[cfg(feature = "cli")]
pub use lazy::Lazy;
#[cfg(feature = "cli")]
pub use live::{Applied, LiveMetric, LiveMonitor, MonitorId, Rev, Snapshot, Verdict};

#[cfg(feature = "cli")]
/// A JSON object as Datadog speaks it, keys in order.
pub type Document = serde_json::Map<String, serde_json::Value>;
