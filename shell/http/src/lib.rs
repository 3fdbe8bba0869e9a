//! The one place that knows which WASI version carries HTTP.
//!
//! Components see `http::Request<Vec<u8>>` and `http::Response<Vec<u8>>`; where an answer must stream,
//! [`outbound::Exchanges`] gives its pieces as they arrive and [`inbound::Writer`] takes those of our own. A shell over
//! another WASI version can replace this crate and nothing else.

mod headers;
pub mod inbound;
pub mod outbound;
mod streams;
mod system;

pub use system::{Milliseconds, SystemEntropy, elapsed, log, now, now_in_milliseconds, request_id, wait};
