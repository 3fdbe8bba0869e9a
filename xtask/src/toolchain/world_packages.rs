//! Programs of others that Gatehouse is tested with: identity providers from npm, PyPI and Debian.

use std::path::PathBuf;

use anyhow::Result;

use super::{npm, python};
use crate::workspace::Workspace;

/// The folder of the providers' programs, with the lists of what they need.
const PROVIDERS: &str = "tests/world/providers";
/// The interpreter with the providers' Python packages, for the tests.
const PROVIDERS_PYTHON: &str = "GATEHOUSE_TEST_PROVIDERS_PYTHON";

/// Installs them; returns the variables that tell the tests where they are.
pub fn install(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>> {
    npm::install(workspace, PROVIDERS, "npm-providers", &["--ignore-scripts"])?;
    let python = python::environment(workspace, &format!("{PROVIDERS}/requirements.txt"), "python-providers")?;
    Ok(vec![(PROVIDERS_PYTHON, python.join("python"))])
}
