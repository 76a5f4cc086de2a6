//! `bellwether aggregate` as a process: its sockets, its signals, its files, and what the Agent gets of it.

#![cfg(all(unix, feature = "cli"))]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test may panic, in its helpers too")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]

mod agent;
mod away;
mod budget;
mod clients;
mod fleet;
mod hostile;
mod ids;
mod process;
#[path = "../fleet/server.rs"]
mod redis_server;
mod reload;
mod start;
mod stop;
mod tap;
