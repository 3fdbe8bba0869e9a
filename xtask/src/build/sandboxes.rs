//! Builds the sandboxes: an MCP server of shells and Python, made of components of a cargo workspace of its own (docs/sandboxes.md).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::fuel::{self, Fuel};
use super::{COMPOSED, compose, file_name, interpreter, shrink_components, write_if_changed};
use crate::toolchain::hosts;
use crate::toolchain::rustc::TARGET;
use crate::toolchain::wasm::WasmToolchain;
use crate::workspace::Workspace;
use crate::{process, progress};

pub use interpreter::{REQUIREMENTS as INTERPRETER_REQUIREMENTS, python_packages};

/// The folder of the cargo workspace.
pub const FOLDER: &str = "sandboxes";

/// Where a part of a composition comes from.
enum Part {
    /// The crate of `sandboxes/` with this name.
    Crate(&'static str),
    /// An adapter of the product.
    Adapter(&'static str),
    /// What componentize-py makes, under this name.
    Interpreter(&'static str),
}

/// A file of `target/`, and what it is made of: by a composition, or of one crate alone.
struct Artefact {
    composition: Option<&'static str>,
    parts: &'static [(&'static str, Part)],
    /// What all of it may use, where its parts have no limits of their own.
    fuel: Option<Fuel>,
    output: &'static str,
}

/// The server on one family of hosts.
const fn server_with(adapter: &'static str) -> [(&'static str, Part); 2] {
    [("sandbox:server", Part::Crate("sandbox")), ("gatehouse:adapter", Part::Adapter(adapter))]
}

/// What one run of the shell may use: at least a minute, as its own clock is looked at after each slice; and what the limits of bashkit leave room for.
const SHELL_FUEL: Fuel = Fuel { slice: 10_000_000, slices: 6000, memory: 112 << 20 };

const ARTEFACTS: [Artefact; 4] = [
    Artefact {
        composition: Some("sandboxes/sandbox.wac"),
        parts: &server_with("adapter-spin"),
        fuel: None,
        output: "target/sandbox.wasm",
    },
    Artefact {
        composition: Some("sandboxes/sandbox.wac"),
        parts: &server_with("adapter-wasmcloud"),
        fuel: None,
        output: "target/sandbox-wasmcloud.wasm",
    },
    Artefact {
        composition: Some("sandboxes/sandbox-python.wac"),
        parts: &[
            ("sandbox:output", Part::Crate("sandbox-output")),
            ("sandbox:python-egress", Part::Crate("python-egress")),
            ("sandbox:world", Part::Crate("sandbox-world")),
            ("sandbox:interpreter", Part::Interpreter("sandbox-interpreter")),
            ("sandbox:python-runner", Part::Crate("python-runner")),
        ],
        fuel: None,
        output: "target/sandbox-python.wasm",
    },
    Artefact {
        composition: None,
        parts: &[("sandbox:shell", Part::Crate(SHELL))],
        fuel: Some(SHELL_FUEL),
        output: "target/sandbox-shell.wasm",
    },
];

/// The component that stays as the compiler made it: `wasm-opt` takes more than four minutes for it, and takes a tenth of it away.
const SHELL: &str = "sandbox-shell";

/// What is built.
#[derive(clap::Args)]
pub struct Arguments {
    /// Build this artefact alone, such as `sandbox-python`
    #[arg(long)]
    pub only: Option<String>,
}

/// What an artefact is made of, by the cargo workspaces that have it.
pub struct Linked {
    /// Crates of the sandboxes.
    pub crates: Vec<&'static str>,
    /// Adapters of the product.
    pub adapters: Vec<&'static str>,
}

/// The artefacts, by their names in `target/`.
pub fn names() -> impl Iterator<Item = &'static str> {
    ARTEFACTS.iter().filter_map(|artefact| artefact.output.strip_prefix("target/"))
}

/// What an artefact of `target/` is made of, but for the interpreter.
pub fn linked(name: &str) -> Result<Linked> {
    let artefact = ARTEFACTS.iter().find(|artefact| artefact.output.strip_prefix("target/") == Some(name));
    let parts = artefact.with_context(|| format!("there is no artefact {name}"))?.parts;
    let mut linked = Linked { crates: Vec::new(), adapters: Vec::new() };
    for (_, part) in parts {
        match part {
            Part::Crate(name) => linked.crates.push(name),
            Part::Adapter(name) => linked.adapters.push(name),
            Part::Interpreter(_) => {}
        }
    }
    Ok(linked)
}

/// Builds everything.
pub fn all(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    run(workspace, &Arguments { only: None })
}

/// Builds what is asked for; returns the files.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<Vec<PathBuf>> {
    let is_wanted = |artefact: &&Artefact| match &arguments.only {
        Some(name) => Path::new(artefact.output).file_stem().is_some_and(|stem| stem == name.as_str()),
        None => true,
    };
    let artefacts: Vec<&Artefact> = ARTEFACTS.iter().filter(is_wanted).collect();
    if artefacts.is_empty() {
        bail!("there is no such artefact of the sandboxes");
    }
    let parts = || artefacts.iter().flat_map(|artefact| artefact.parts).map(|(_, part)| part);
    if parts().any(|part| matches!(part, Part::Adapter(_))) {
        super::all(workspace)?;
    }
    let toolchain = WasmToolchain::ready(workspace)?;
    let crates: BTreeSet<&str> =
        parts().filter_map(|part| if let Part::Crate(name) = part { Some(*name) } else { None }).collect();
    compile(workspace, &toolchain, &crates)?;
    let compiled = target(workspace).join(TARGET).join("release");
    let (as_compiled, shrunk): (BTreeSet<&str>, BTreeSet<&str>) = crates.iter().partition(|name| **name == SHELL);
    shrink_components(workspace, shrunk.iter().map(|name| compiled.join(file_name(name))))?;
    for name in as_compiled {
        write_if_changed(
            &workspace.target().join(COMPOSED).join(file_name(name)),
            &read(&compiled.join(file_name(name)))?,
        )?;
    }
    for part in parts() {
        if let Part::Interpreter(name) = part {
            interpreter::component(workspace, &workspace.target().join(COMPOSED).join(file_name(name)))?;
        }
    }
    artefacts.into_iter().map(|artefact| make(workspace, artefact)).collect()
}

/// Runs the tests that the crates of the sandboxes have, natively.
pub fn test(workspace: &Workspace) -> Result<()> {
    progress::stage("Running the tests of the sandboxes' crates");
    let mut cargo = process::native_cargo();
    cargo.current_dir(workspace.path(FOLDER));
    // Where there is wasmtime, the shell is tested on it, too.
    hosts::tell(workspace, &mut cargo);
    cargo.args(["test", "--locked", "--no-fail-fast", "--target-dir"]).arg(target(workspace));
    process::run(&mut cargo, "testing the sandboxes' crates")
}

/// A target folder of its own: another workspace has other features of the same crates.
fn target(workspace: &Workspace) -> PathBuf {
    workspace.target().join("sandboxes")
}

fn compile(workspace: &Workspace, toolchain: &WasmToolchain, crates: &BTreeSet<&str>) -> Result<()> {
    progress::stage(&format!("Building the components of the sandboxes ({toolchain})"));
    let folder = workspace.path(FOLDER);
    let mut cargo = toolchain.cargo(&folder)?;
    cargo.current_dir(&folder);
    cargo.args(["build", "--locked", "--release", "--target", TARGET, "--target-dir"]).arg(target(workspace));
    for name in crates {
        cargo.args(["--package", name]);
    }
    process::run(&mut cargo, "building the components of the sandboxes")
}

fn make(workspace: &Workspace, artefact: &Artefact) -> Result<PathBuf> {
    let composed = workspace.target().join(COMPOSED);
    let file = |part: &Part| match part {
        Part::Crate(name) | Part::Adapter(name) | Part::Interpreter(name) => composed.join(file_name(name)),
    };
    let output = workspace.path(artefact.output);
    let bytes = match artefact.composition {
        Some(composition) => {
            let parts: Vec<_> = artefact.parts.iter().map(|(name, part)| (*name, file(part))).collect();
            compose::compose(&workspace.path(composition), &parts)?
        }
        None => {
            let (_, part) = artefact.parts.first().context("an artefact has a part")?;
            read(&file(part))?
        }
    };
    let bytes = match artefact.fuel {
        Some(fuel) => fuel::limited(&bytes, fuel)?,
        None => bytes,
    };
    write_if_changed(&output, &bytes)?;
    Ok(output)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}
