//! Many instances as one, through a real Redis that each test starts for itself.

#![cfg(unix)]

mod budget;
mod claim;
mod cluster;
mod measure;
mod merge;
mod outage;
mod support;
