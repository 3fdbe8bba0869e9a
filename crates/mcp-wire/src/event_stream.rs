//! Server-sent events, read piece by piece and written.
//!
//! Source: the HTML standard, "Server-sent events", sections 9.2.5 and 9.2.6. Unlike a browser, a [`Parser`] keeps what a
//! relay must pass on: the event that carries only an id or a time to wait (MCP 2025-11-25 begins streams with one).

mod event;
mod parser;

pub use event::{COMMENT, Event};
pub use parser::{Parser, TooLarge};
