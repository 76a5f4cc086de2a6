//! The aggregating daemon over real sockets.

#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod forward;
mod receive;
mod streams;
mod support;
