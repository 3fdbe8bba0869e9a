//! `cargo xtask test`: everything that the tests need, then the tests.

use std::env;
use std::ffi::OsString;

use anyhow::{Result, bail};
use clap::Args;

use crate::toolchain::{client_packages, deployment, hosts, license_texts, observability, proxies, world_packages};
use crate::workspace::Workspace;
use crate::{build, process, progress};

/// The interpreter with the Python MCP SDK, for the tests.
const PYTHON: &str = "GATEHOUSE_TEST_PYTHON";
/// Which programs of others Gatehouse is tested with: `all`, rows by name, or a commit's hash, which chooses a third.
pub const WORLD: &str = "GATEHOUSE_WORLD";
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
    // Whoever has chosen has chosen.
    let choice = env::var(WORLD).ok().unwrap_or_else(|| commit(workspace));
    run_with(workspace, &arguments.cargo_test, &[(WORLD, choice)])
}

/// The same with these arguments for `cargo test`, and with these variables.
pub fn run_with(workspace: &Workspace, cargo_test: &[OsString], variables: &[(&str, String)]) -> Result<()> {
    // The product's components among them.
    build::sandboxes::all(workspace)?;
    // Tests of another package than its own do not have cargo build it.
    build::host(workspace)?;
    client_packages::npm(workspace)?;
    let python = client_packages::python(workspace)?;
    let browser = client_packages::browser()?;
    let world = world_packages::install(workspace)?;
    // Whoever asks for certain tests asks for some of those below.
    if cargo_test.is_empty() {
        build::sandboxes::test(workspace)?;
    }

    progress::stage("Running the tests");
    let mut cargo = process::native_cargo();
    cargo.current_dir(workspace.root()).env(PYTHON, python).env(BROWSER, browser).envs(world);
    proxies::tell(workspace, &mut cargo);
    hosts::tell(workspace, &mut cargo);
    observability::tell(workspace, &mut cargo);
    deployment::tell(workspace, &mut cargo)?;
    license_texts::tell(workspace, &mut cargo);
    cargo.envs(variables.iter().map(|(name, value)| (name, value)));
    cargo.args(["test", "--no-fail-fast", "--target-dir"]).arg(workspace.native_target()).args(cargo_test);
    // Cargo's own summary and its list of what failed are the last lines; only the exit code is added.
    if !process::succeeds(&mut cargo, "testing")? {
        bail!("some tests failed; cargo's list of them is above");
    }
    Ok(())
}

/// The hash of the commit that is checked out; `all` where there is none, as in an archive.
fn commit(workspace: &Workspace) -> String {
    let mut git = process::command("git");
    git.current_dir(workspace.root()).args(["rev-parse", "HEAD"]);
    process::output(&mut git, "asking git for the commit")
        .map_or_else(|_| "all".to_owned(), |hash| hash.trim().to_owned())
}
