//! The program as its users run it: the binary, a project on disk, a Datadog double behind a real socket.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod calls;
mod composite;
mod crash;
mod double;
mod drift;
mod fixes;
mod identity;
mod in_process;
mod interrupted;
mod limits;
mod look;
mod metric;
mod partial;
mod property;
mod refusals;
mod saved;
mod secrets;
mod storm;
mod story;
mod support;
mod together;
