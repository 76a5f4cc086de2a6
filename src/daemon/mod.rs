//! `bellwether aggregate`: sockets in, counts, gauges out.

pub mod clock;
pub mod routes;
pub mod status;
