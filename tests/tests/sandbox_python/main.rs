//! The Python interpreter of the sandboxes: `target/sandbox-python.wasm` over HTTP, on the embedded host.
//!
//! `cargo xtask sandboxes --only sandbox-python` builds it.

mod egress;
mod files;
mod interpreter;
mod limits;
mod names;
mod output;
mod programs;
mod trouble;
