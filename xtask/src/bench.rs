//! `cargo xtask bench`: what the gateway costs, and how that compares with an earlier commit.

use std::{fs, path::Path, path::PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::workspace::Workspace;
use crate::{build, process, progress};

#[derive(Args)]
pub struct Arguments {
    /// The cargo profile of the embedded host in the first table: dev, as tests have it, or native, as it is released
    #[arg(long, value_name = "PROFILE", default_value = "native")]
    profile: String,
    /// The earlier commit that the second table compares with. It is unpacked and built under target/bench, once
    #[arg(long, value_name = "COMMIT", default_value = "9fd1ea9")]
    before: String,
    /// Leave out the second table, which needs a build of the earlier commit
    #[arg(long)]
    no_comparison: bool,
}

/// Builds the components, asks an MCP server alone and through the gateway, and prints both side by side; then released
/// hosts of this checkout and of an earlier commit.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    build::all(workspace)?;
    progress::stage(&format!("Measuring, with the embedded host in the profile {}", arguments.profile));
    bench(workspace, "gateway", &arguments.profile, &[])?;
    if arguments.no_comparison {
        return Ok(());
    }
    let before = earlier_checkout(workspace, &arguments.before)?;
    progress::stage("Building the embedded host as it is released");
    build_host(workspace, workspace.root())?;
    progress::stage(&format!("Measuring this checkout and {} side by side", arguments.before));
    let checkouts = [("GATEHOUSE_BENCH_NOW", workspace.root()), ("GATEHOUSE_BENCH_BEFORE", &before)];
    bench(workspace, "compare", "native", &checkouts)
}

/// Runs a benchmark of `tests/benches`. The load generators need an asynchronous runtime and an HTTP client, as the tests do.
/// This crate stays without. No package is named: cargo would choose other features for one alone, and compile wasmtime again.
fn bench(workspace: &Workspace, name: &str, profile: &str, environment: &[(&str, &Path)]) -> Result<()> {
    let mut cargo = process::native_cargo();
    cargo.current_dir(workspace.root());
    cargo.args(["bench", "--bench", name, "--profile", profile]);
    cargo.arg("--target-dir").arg(workspace.native_target()).envs(environment.iter().copied());
    process::run(&mut cargo, "measuring")
}

/// `target/native/gatehouse` of a checkout. All of them are built in one place, so that wasmtime is compiled once.
fn build_host(workspace: &Workspace, checkout: &Path) -> Result<()> {
    let shared = workspace.target();
    let mut cargo = process::native_cargo();
    cargo.current_dir(checkout).args(["build", "--profile", "native", "--bin", "gatehouse", "--target-dir"]);
    process::run(cargo.arg(&shared), "building the embedded host")?;
    if checkout != workspace.root() {
        let (built, kept) = (shared.join("native/gatehouse"), checkout.join("target/native"));
        fs::create_dir_all(&kept).with_context(|| format!("creating {}", kept.display()))?;
        fs::copy(&built, kept.join("gatehouse")).with_context(|| format!("copying {}", built.display()))?;
    }
    Ok(())
}

/// The earlier commit's files, its artefact and its host, built by its own commands.
fn earlier_checkout(workspace: &Workspace, commit: &str) -> Result<PathBuf> {
    let checkout = workspace.target().join("bench").join(commit);
    if !checkout.join("Cargo.toml").exists() {
        progress::stage(&format!("Unpacking {commit}"));
        fs::create_dir_all(&checkout).with_context(|| format!("creating {}", checkout.display()))?;
        let archive = checkout.with_extension("tar");
        let mut git = process::command("git");
        git.current_dir(workspace.root()).args(["archive", "--output"]).arg(&archive).arg(commit);
        process::run(&mut git, "reading the earlier commit; a clone without history does not have it")?;
        let mut tar = process::command("tar");
        process::run(tar.arg("-xf").arg(&archive).arg("-C").arg(&checkout), "unpacking the earlier commit")?;
    }
    progress::stage(&format!("Building {commit}"));
    let mut cargo = process::native_cargo();
    process::run(cargo.current_dir(&checkout).args(["xtask", "build"]), "building the earlier components")?;
    build_host(workspace, &checkout)?;
    Ok(checkout)
}
