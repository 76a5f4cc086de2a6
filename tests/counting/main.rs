//! What the aggregator's counting promises, through its public face.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod bounds;
mod budget;
mod conservation;
mod flips;
mod support;
mod windows;
