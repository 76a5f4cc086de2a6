//! Many instances as one, through a real Redis that each test starts for itself.

#![cfg(unix)]
#![allow(clippy::print_stdout, reason = "it is said where a test is left out")]
#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod budget;
mod claim;
mod cluster;
mod measure;
mod merge;
mod outage;
#[path = "../counting/support.rs"]
#[allow(dead_code, reason = "others need more of it")]
mod rules;
mod server;
mod support;
