//! `cargo xtask bench`: what the gateway costs.

use anyhow::Result;
use clap::Args;

use crate::workspace::Workspace;
use crate::{build, process, progress};

#[derive(Args)]
pub struct Arguments {
    /// The cargo profile of the embedded host: dev, as tests have it, or native, as it is released
    #[arg(long, value_name = "PROFILE", default_value = "dev")]
    profile: String,
}

/// Builds the components, then asks an upstream alone and through the gateway, and prints both side by side.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    build::all(workspace)?;
    progress::stage(&format!("Measuring, with the embedded host in the profile {}", arguments.profile));
    // The load generator needs an asynchronous runtime and an HTTP client, as the tests do. This crate stays without.
    let mut cargo = process::native_cargo();
    cargo.current_dir(workspace.root());
    cargo.args(["bench", "--package", "gatehouse-tests", "--bench", "gateway", "--profile", &arguments.profile]);
    cargo.arg("--target-dir").arg(workspace.native_target());
    process::run(&mut cargo, "measuring")
}
