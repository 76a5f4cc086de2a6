//! The webhook service, between a GitHub double and a Datadog sandbox.

mod commands;
mod deliveries;
mod examples;
mod forks;
mod hostile;
mod life;
mod merging;
mod outages;
mod process;
mod pushes;
mod queue;
mod refusals;
mod support;
mod sweep;
