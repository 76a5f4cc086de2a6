//! The client of the Datadog API.
//!
//! It owns everything between a call and its answer: credentials, addresses, paging, retries, rate limits and
//! typed errors. It knows the shared [`crate::model`] only: nothing of schemas, compilation, diffs or the store.
//!
//! There are two types. A [`Reader`] cannot write, so whatever holds only a reader (the plan, the drift report)
//! is read-only by construction. A [`Writer`] can lend out its reader; there is no way back.

mod call;
mod credentials;
mod endpoint;
mod error;
mod limits;
mod reader;
mod text;
mod transport;
mod writer;

#[cfg(test)]
mod tests;

pub use crate::retry::{Clock, Notices, Options, Retry};
pub use call::Calls;
pub use credentials::Credentials;
pub use endpoint::{Endpoint, EndpointError};
pub use error::ApiError;
pub use reader::Reader;
pub use writer::{Deleted, Writer};
