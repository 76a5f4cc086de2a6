//! Events against schemas: fingerprints and messages of another implementation, and the storefront's events.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test may panic, in its helpers too"
)]

mod canonical;
mod random;
mod storefront;
mod support;
