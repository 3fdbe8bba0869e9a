//! npm packages, installed from a lock file.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::stamp::Stamp;
use crate::workspace::Workspace;
use crate::{process, progress};

/// The oldest Node.js that will do.
const OLDEST: u32 = 20;

/// Installs what `folder`'s lock file names into its `node_modules`, once for each lock file and version of Node. The stamp has
/// this name.
pub fn install(workspace: &Workspace, folder: &str, stamp: &str, options: &[&str]) -> Result<()> {
    let path = workspace.path(folder);
    let lock_file = path.join("package-lock.json");
    let lock = fs::read_to_string(&lock_file).with_context(|| format!("cannot read {}", lock_file.display()))?;
    let node = process::output(process::command("node").arg("--version"), "asking node for its version")
        .with_context(|| format!("{folder} needs Node.js {OLDEST} or newer with npm: https://nodejs.org"))?;
    if major(&node).is_none_or(|major| major < OLDEST) {
        bail!("{folder} needs Node.js {OLDEST} or newer; this machine has {}", node.trim());
    }
    let stamp = Stamp::new(workspace.target().join("stamps").join(stamp), &[&lock, node.trim()]);
    if stamp.is_current() && path.join("node_modules").is_dir() {
        return Ok(());
    }
    progress::stage(&format!("Installing the npm packages of {folder}/package-lock.json"));
    stamp.clear()?;
    let mut npm = process::command("npm");
    npm.current_dir(&path).args(["ci", "--no-audit", "--no-fund"]).args(options);
    process::run(&mut npm, "npm ci")?;
    stamp.set()
}

/// The first number of a version such as `v20.19.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_of_a_version_decides() {
        assert_eq!(major("v20.19.2\n"), Some(20));
        assert_eq!((major("20"), major("vx.1"), major("")), (None, None, None));
    }
}
