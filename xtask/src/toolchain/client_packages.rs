//! What the end-to-end tests need besides our own code: npm packages, Python packages, a browser.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::{apt, python};
use crate::stamp::Stamp;
use crate::workspace::Workspace;
use crate::{process, progress};

/// The folder of the client scripts, with the lock file of their npm packages and the Python requirements.
const CLIENTS: &str = "tests/clients";
/// Under any of these names a browser may be there already.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Installs the npm packages of the lock file, once for each lock file and version of Node.
pub fn npm(workspace: &Workspace) -> Result<()> {
    let folder = workspace.path(CLIENTS);
    let lock = read(&folder.join("package-lock.json"))?;
    let node = process::output(process::command("node").arg("--version"), "asking node for its version")
        .context("the end-to-end tests need Node.js 20 or newer with npm: https://nodejs.org")?;
    let stamp = Stamp::new(workspace.target().join("stamps/npm"), &[&lock, node.trim()]);
    if stamp.is_current() && folder.join("node_modules").is_dir() {
        return Ok(());
    }
    progress::stage(&format!("Installing the npm packages of {CLIENTS}/package-lock.json"));
    stamp.clear()?;
    let mut npm = process::command("npm");
    npm.current_dir(&folder).args(["ci", "--no-audit", "--no-fund"]);
    process::run(&mut npm, "npm ci")?;
    stamp.set()
}

/// Installs the Python packages; returns the interpreter that has them.
pub fn python(workspace: &Workspace) -> Result<PathBuf> {
    Ok(python::environment(workspace, &format!("{CLIENTS}/requirements.txt"), "python")?.join("python"))
}

/// A browser for the tests of the pages: the one that is there, else Debian's Chromium.
pub fn browser() -> Result<PathBuf> {
    if let Some(browser) = process::find_program(&BROWSERS) {
        return Ok(browser);
    }
    apt::install(&["chromium"], "the tests of the login and consent pages open them in a browser")
        .context("install Chromium or Chrome so that it is on the search path")?;
    process::find_program(&BROWSERS).context("Debian's chromium is installed but not on the search path")
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}
