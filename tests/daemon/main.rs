//! `bellwether aggregate` as a process: its sockets, its signals, its files, and what the Agent gets of it.

#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic, in its helpers too")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

mod agent;
mod away;
mod budget;
mod clients;
mod hostile;
mod process;
mod reload;
mod start;
mod stop;
mod tap;
