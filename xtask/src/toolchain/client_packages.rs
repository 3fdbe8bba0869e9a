//! What the end-to-end tests need besides our own code: npm packages, Python packages, a browser.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{apt, npm, python};
use crate::process;
use crate::workspace::Workspace;

/// The folder of the client scripts, with the lock file of their npm packages and the Python requirements.
const CLIENTS: &str = "tests/clients";
/// Under any of these names a browser may be there already.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Installs the npm packages of the lock file.
pub fn npm(workspace: &Workspace) -> Result<()> {
    npm::install(workspace, CLIENTS, "npm", &[])
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
