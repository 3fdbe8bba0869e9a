//! npm packages, installed from a lock file.

use std::fs;

use anyhow::{Context, Result};

use crate::stamp::Stamp;
use crate::workspace::Workspace;
use crate::{process, progress};

/// Whether this machine has Node.js with npm.
pub fn is_there() -> bool {
    process::find_program(&["node"]).is_some() && process::find_program(&["npm"]).is_some()
}

/// Installs what `folder`'s lock file names into its `node_modules`, once for each lock file and version of Node. The stamp has
/// this name.
pub fn install(workspace: &Workspace, folder: &str, stamp: &str) -> Result<()> {
    let path = workspace.path(folder);
    let lock_file = path.join("package-lock.json");
    let lock = fs::read_to_string(&lock_file).with_context(|| format!("cannot read {}", lock_file.display()))?;
    let node = process::output(process::command("node").arg("--version"), "asking node for its version")
        .context("this needs Node.js 20 or newer with npm: https://nodejs.org")?;
    let stamp = Stamp::new(workspace.target().join("stamps").join(stamp), &[&lock, node.trim()]);
    if stamp.is_current() && path.join("node_modules").is_dir() {
        return Ok(());
    }
    progress::stage(&format!("Installing the npm packages of {folder}/package-lock.json"));
    stamp.clear()?;
    let mut npm = process::command("npm");
    npm.current_dir(&path).args(["ci", "--no-audit", "--no-fund"]);
    process::run(&mut npm, "npm ci")?;
    stamp.set()
}
