//! `cargo xtask`: everything that is done to this repository by hand or by CI.
//!
//! Each command brings what it needs, says what it does while it does it, and repeats nothing the second time.
//! `docs/set-up.md` tells what is installed where.

mod bench;
mod build;
mod check;
mod digest;
mod dist;
mod docs;
mod hosts;
mod metadata;
mod process;
mod progress;
mod reproduce;
mod soak;
mod stamp;
mod storm;
mod test;
mod toolchain;
mod up;
mod workspace;
mod world;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use build::vendored_wit;
use toolchain::wasm::WasmToolchain;
use workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Builds, runs and tests Gatehouse")]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a compiler for wasm32-wasip2 ready (the other commands do this themselves)
    Setup,
    /// Build the components and the examples and compose them: target/gatehouse.wasm, the one for wasmCloud and two demo servers
    Build,
    /// Build the sandboxes, an MCP server of shells and Python: target/sandbox.wasm and its interpreters (docs/sandboxes.md)
    Sandboxes(build::sandboxes::Arguments),
    /// Build everything and run Gatehouse with its demo identity provider and demo MCP server
    Up(up::Arguments),
    /// Build everything, install what the tests need and run all tests
    Test(test::Arguments),
    /// Build everything, install programs of others and test Gatehouse with all of them (`test` does it with a third)
    World(world::Arguments),
    /// Build everything, install hosts and stores of others and test Gatehouse on all of them: docs/hosts.md
    Hosts(hosts::Arguments),
    /// Build everything and measure what Gatehouse costs, beside a bare forwarder, an earlier commit and others: docs/performance.md
    Bench(bench::Arguments),
    /// Build everything and take as much as strangers can of everything that is scarce, all at once; it takes two minutes
    Storm,
    /// Build everything and let crowds of users come for many minutes while one thing after the other breaks: docs/reliability.md
    Soak(soak::Arguments),
    /// Look for what no compiler sees: circles of modules, doubled packages, documents that name what is not there, …
    Check(check::Arguments),
    /// Write the pages that follow from the code: docs/configuration.md, its JSON Schema, the index of the decisions
    Docs(docs::Arguments),
    /// Build what is released, and pack it into one archive that runs on a Linux machine without Rust; or the sandboxes
    Dist(dist::Arguments),
    /// Build the artefacts once more, from a clone at another path and with another cargo home, and compare the bytes
    Reproduce,
    /// Overwrite wit/deps with what is in the crates that it was copied from
    VendorWit(vendored_wit::Arguments),
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    match run(command_line.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::failure(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let workspace = Workspace::of_this_build()?;
    match command {
        Command::Setup => {
            let toolchain = WasmToolchain::ready(&workspace)?;
            progress::say(&format!("Ready: {toolchain}"));
            Ok(())
        }
        Command::Build => {
            for artefact in build::all(&workspace)? {
                progress::say(&format!("Built: {}", workspace.shown(&artefact)));
            }
            Ok(())
        }
        Command::Sandboxes(arguments) => {
            for artefact in build::sandboxes::run(&workspace, &arguments)? {
                progress::say(&format!("Built: {}", workspace.shown(&artefact)));
            }
            Ok(())
        }
        Command::Up(arguments) => up::run(&workspace, &arguments),
        Command::Test(arguments) => test::run(&workspace, &arguments),
        Command::World(arguments) => world::run(&workspace, &arguments),
        Command::Hosts(arguments) => hosts::run(&workspace, &arguments),
        Command::Bench(arguments) => bench::run(&workspace, &arguments),
        Command::Check(arguments) => check::run(&workspace, &arguments),
        Command::Storm => storm::run(&workspace),
        Command::Soak(arguments) => soak::run(&workspace, &arguments),
        Command::Docs(arguments) => docs::run(&workspace, &arguments),
        Command::Dist(arguments) => dist::run(&workspace, &arguments),
        Command::Reproduce => reproduce::run(&workspace),
        Command::VendorWit(arguments) => vendored_wit::run(&workspace, &arguments),
    }
}
