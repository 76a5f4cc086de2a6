//! The program as its users run it: the binary, a project on disk, a Datadog double behind a real socket.

#![allow(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod against;
mod asked;
mod calls;
mod claims;
mod comments;
mod composite;
mod crash;
mod double;
mod drift;
mod fixes;
mod formats;
mod git;
mod half_read;
mod identity;
mod in_process;
mod interrupted;
mod journal;
mod last_look;
mod limits;
mod lock;
mod look;
mod metric;
mod moves;
mod partial;
mod property;
mod refusals;
mod repository;
mod restore;
mod saved;
mod secrets;
mod storm;
mod story;
mod support;
mod together;
