//! Programs of others that Gatehouse is tested with: identity providers from npm, PyPI and Debian, MCP servers and clients from npm
//! and PyPI.

use std::path::PathBuf;

use anyhow::Result;

use super::{npm, python};
use crate::workspace::Workspace;

/// The folder of the providers' programs, with the lists of what they need.
const PROVIDERS: &str = "tests/world/providers";
/// The interpreter with the providers' Python packages, for the tests.
const PROVIDERS_PYTHON: &str = "GATEHOUSE_TEST_PROVIDERS_PYTHON";
/// The folder of the lists of MCP servers and clients.
const MCP: &str = "tests/world/mcp";
/// The interpreters with those from PyPI: what works with version 2 of the Python SDK, and what needs version 1. pip cannot have both
/// in one environment.
const MCP_PYTHONS: [(&str, &str, &str); 2] = [
    ("GATEHOUSE_TEST_WORLD_PYTHON", "requirements.txt", "world-python"),
    ("GATEHOUSE_TEST_WORLD_PYTHON_SDK_1", "requirements-sdk-1.txt", "world-python-sdk-1"),
];

/// Installs them; returns the variables that tell the tests where they are.
pub fn install(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>> {
    npm::install(workspace, PROVIDERS, "npm-providers", &["--ignore-scripts"])?;
    let python = python::environment(workspace, &format!("{PROVIDERS}/requirements.txt"), "python-providers")?;
    let mut variables = vec![(PROVIDERS_PYTHON, python.join("python"))];
    // Nothing is built: what the servers and clients need is in the packages.
    npm::install(workspace, MCP, "npm-world", &["--ignore-scripts"])?;
    for (variable, list, environment) in MCP_PYTHONS {
        let programs = python::environment(workspace, &format!("{MCP}/{list}"), environment)?;
        variables.push((variable, programs.join("python")));
    }
    Ok(variables)
}
