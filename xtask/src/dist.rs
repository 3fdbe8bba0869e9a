//! `cargo xtask dist`: one archive with everything that runs Gatehouse on a Linux machine without Rust; and one with the sandboxes.

mod archive;
mod interpreter;
mod licenses;
mod sandboxes;
mod sbom;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::workspace::Workspace;
use crate::{build, process};

use archive::Archive;

/// The files of the archive that are in the repository as they are.
const FILES: [(&str, &str); 8] = [
    ("examples/archive/README.md", "README.md"),
    ("examples/archive/gatehouse.toml", "gatehouse.toml"),
    ("examples/archive/Containerfile", "Containerfile"),
    ("target/gatehouse.wasm", "gatehouse.wasm"),
    ("target/gatehouse-wasmcloud.wasm", "gatehouse-wasmcloud.wasm"),
    ("target/gatehouse-otel.wasm", "gatehouse-otel.wasm"),
    ("target/gatehouse-wasmcloud-otel.wasm", "gatehouse-wasmcloud-otel.wasm"),
    ("LICENSE", "LICENSE"),
];
/// The folder with what the targets of deployment read, which is in the archive as it is.
const DEPLOYMENT: &str = "deploy";
/// The program, in the archive.
const PROGRAM: &str = "gatehouse";
const SBOM: &str = "gatehouse.cdx.json";

#[derive(Args)]
pub struct Arguments {
    /// Where the archive goes [default: target/dist]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Pack what was built before, as it is
    #[arg(long)]
    no_build: bool,
    /// Pack this program, in place of target/native/gatehouse
    #[arg(long, value_name = "FILE", requires = "no_build")]
    program: Option<PathBuf>,
    /// Pack the sandboxes instead, with the licences of what is in them (docs/sandboxes.md)
    #[arg(long, conflicts_with = "program")]
    sandboxes: bool,
}

/// Builds what is shipped, and packs it. The same commit and program give the same bytes.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if arguments.sandboxes {
        return sandboxes::pack(workspace, arguments.output.as_deref(), !arguments.no_build);
    }
    if !arguments.no_build {
        build::all(workspace)?;
        build::released_program(workspace.root(), &workspace.native_target())?;
    }
    let program = arguments.program.clone().unwrap_or_else(|| workspace.native_target().join("native/gatehouse"));
    ensure!(program.is_file(), "{} is not there; leave out --no-build", program.display());

    let archive = Archive::begin(workspace, arguments.output.as_deref(), name())?;
    for (from, to) in FILES {
        archive.copy(from, to, 0o644)?;
    }
    archive.copy_folder(DEPLOYMENT)?;
    archive.copy(&program, PROGRAM, 0o755)?;
    compile_ahead(&program, &archive.folder())?;
    archive.write("spin.toml", &manifest(&read(&workspace.path("spin.toml"))?)?)?;
    archive.write(SBOM, &sbom::of_gatehouse(workspace)?)?;
    archive.pack()
}

/// Packs what was built before into `output`; returns the folder that is in the archive.
pub fn pack_into(workspace: &Workspace, output: &Path) -> Result<PathBuf> {
    let output = output.to_owned();
    run(workspace, &Arguments { output: Some(output.clone()), no_build: true, program: None, sandboxes: false })?;
    Ok(output.join(name()))
}

/// The archive's name, without its ending.
fn name() -> String {
    format!("gatehouse-{}-{}-linux", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH)
}

/// Leaves the artefact's machine code beside it, so that the first start need not compile it.
fn compile_ahead(program: &Path, folder: &Path) -> Result<()> {
    let mut compile = process::command(program);
    compile.arg("compile").arg(folder.join("gatehouse.wasm"));
    process::run(&mut compile, "compiling the artefact for its first start")
}

/// The manifest, with the artefact beside it and without what builds it.
fn manifest(shipped: &str) -> Result<String> {
    const SOURCE: &str = "source = \"target/gatehouse.wasm\"";
    const BUILD: &str = "[component.gatehouse.build]";
    ensure!(shipped.matches(SOURCE).count() == 1, "spin.toml has no {SOURCE}");
    let (before, build) = shipped.split_once(BUILD).context("spin.toml has no build section")?;
    ensure!(!build.contains("\n["), "spin.toml has a section behind {BUILD}");
    Ok(format!("{}\n", before.replace(SOURCE, "source = \"gatehouse.wasm\"").trim_end()))
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archives_manifest_has_the_artefact_beside_it_and_builds_nothing() {
        let manifest = manifest(include_str!("../../spin.toml")).unwrap();
        assert!(manifest.contains("\nsource = \"gatehouse.wasm\"\n") && !manifest.contains("cargo"), "{manifest}");
        assert!(manifest.contains("registration_token = \"{{ registration_token }}\"\n"));
        assert!(super::manifest("[component.gatehouse]\nsource = \"other.wasm\"\n").is_err());
    }
}
