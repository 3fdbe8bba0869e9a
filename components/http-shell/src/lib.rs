//! The one place that knows which WASI version carries HTTP.
//!
//! Components see `http::Request<Vec<u8>>` and `http::Response<Vec<u8>>` (or, where an answer must stream, an
//! [`outbound::Answer`]); a shell over another WASI version can replace this crate and nothing else.

pub mod inbound;
pub mod outbound;
mod streams;
mod system;

pub use streams::RelayEnd;
pub use system::{SystemEntropy, now, wait};
