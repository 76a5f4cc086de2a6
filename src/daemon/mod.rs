//! `bellwether aggregate`: sockets in, counts, gauges out.

pub mod clock;
pub mod http;
pub mod routes;
pub mod status;
