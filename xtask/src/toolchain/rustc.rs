//! The compiler in use, and the target of the components.

use std::env;
use std::process::Command;

use crate::process;

/// The target triple of every component.
pub const TARGET: &str = "wasm32-wasip2";

/// The compiler that builds everything native.
pub fn native_rustc() -> Command {
    process::command(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}
