//! The daemon's HTTP side over a real socket: every route, every status, and what it keeps out.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod client;
mod events;
mod figures;
mod guard;
mod limits;
mod page;
mod site;
