//! The HTTP front: what it takes from clients before a guest runs, and when a guest has to end. With small limits.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod bodies;
mod chaining;
mod concurrency;
mod connections;
mod http2;
mod http2_client;
mod http2_limits;
mod leaving;
mod stopping;
mod tls;
mod world;
