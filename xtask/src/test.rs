//! `cargo xtask test`: everything that the tests need, then the tests.

use std::ffi::OsString;

use anyhow::{Result, bail};
use clap::Args;

use crate::toolchain::{client_packages, proxies};
use crate::workspace::Workspace;
use crate::{build, process, progress};

/// The interpreter with the Python MCP SDK, for the tests.
const PYTHON: &str = "GATEHOUSE_TEST_PYTHON";
/// The browser that opens the pages, for the tests.
const BROWSER: &str = "GATEHOUSE_TEST_BROWSER";

#[derive(Args)]
pub struct Arguments {
    /// Passed on to `cargo test`, such as: -- -p gatehouse-tests streaming
    #[arg(last = true, value_name = "ARGUMENT")]
    cargo_test: Vec<OsString>,
}

/// Builds the components, installs what the tests need and runs `cargo test`.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    build::all(workspace)?;
    client_packages::npm(workspace)?;
    let python = client_packages::python(workspace)?;
    let browser = client_packages::browser()?;

    progress::stage("Running the tests");
    let mut cargo = process::native_cargo();
    cargo.current_dir(workspace.root()).env(PYTHON, python).env(BROWSER, browser);
    proxies::tell(workspace, &mut cargo);
    cargo.args(["test", "--no-fail-fast", "--target-dir"]).arg(workspace.native_target()).args(&arguments.cargo_test);
    // Cargo's own summary and its list of what failed are the last lines; only the exit code is added.
    if !process::succeeds(&mut cargo, "testing")? {
        bail!("some tests failed; cargo's list of them is above");
    }
    Ok(())
}
