//! `cargo xtask storm`: everything that strangers can fill, at once.

use anyhow::Result;

use crate::workspace::Workspace;
use crate::{build, process, progress};

/// Builds Gatehouse and its embedded host, and lets the storm loose on them.
pub fn run(workspace: &Workspace) -> Result<()> {
    build::all(workspace)?;
    build::host(workspace)?;
    progress::stage("The storm");
    let mut cargo = process::native_cargo();
    cargo.current_dir(workspace.root());
    cargo.args(["bench", "--package", "gatehouse-tests", "--bench", "storm", "--profile", "dev", "--target-dir"]);
    cargo.arg(workspace.native_target());
    process::run(&mut cargo, "the storm")
}
