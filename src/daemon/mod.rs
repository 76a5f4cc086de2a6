//! What the aggregating daemon does with the world: sockets, threads, and counters of everything that is lost.

pub mod address;
pub mod causes;
#[cfg(unix)]
pub mod forward;
#[cfg(unix)]
pub mod receive;
