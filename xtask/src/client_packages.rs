//! What the end-to-end tests need besides our own code: npm packages, Python packages, a browser.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{apt, process, progress, stamp::Stamp, workspace::Workspace};

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

/// Installs the Python packages into an environment under `target/`, once for each list and version of Python;
/// returns its interpreter.
pub fn python(workspace: &Workspace) -> Result<PathBuf> {
    let requirements = workspace.path(CLIENTS).join("requirements.txt");
    let wanted = read(&requirements)?;
    let environment = workspace.target().join("python");
    let interpreter = environment.join("bin/python");
    let version = process::output(process::command("python3").arg("--version"), "asking python3 for its version")
        .context("the end-to-end tests need Python 3.10 or newer: https://www.python.org")?;
    // An environment holds its own path: one that was moved is of no use.
    let stamp = Stamp::new(
        workspace.target().join("stamps/python"),
        &[&wanted, version.trim(), &environment.to_string_lossy()],
    );
    if stamp.is_current() && interpreter.is_file() {
        return Ok(interpreter);
    }
    progress::stage(&format!(
        "Installing the Python packages of {CLIENTS}/requirements.txt into {}",
        workspace.shown(&environment)
    ));
    stamp.clear()?;
    let mut create = process::command("python3");
    create.args(["-m", "venv", "--clear"]).arg(&environment);
    process::run(&mut create, "making a Python environment")
        .context("on Debian, venv is in the package python3-venv")?;
    let mut install = process::command(&interpreter);
    install
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
        .arg(&requirements);
    process::run(&mut install, "installing the Python packages")?;
    stamp.set()?;
    Ok(interpreter)
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
