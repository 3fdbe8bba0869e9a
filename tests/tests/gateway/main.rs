//! What the gateway does with real requests: what it streams, forwards, refuses and keeps to itself.

mod forwarding;
mod mcp;
mod programmed_upstream;
mod streaming;
mod tokens;
mod upstream_answers;
