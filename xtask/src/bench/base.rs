//! The earlier commit that this checkout is compared with: unpacked and built below `target/bench`, once.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{build, process, progress};

/// The folder of the earlier commit's files, with its artefact and its host, built by its own commands.
pub fn checkout(workspace: &Workspace, commit: &str) -> Result<PathBuf> {
    let name = short_name(workspace, commit)?;
    let checkout = workspace.target().join("bench").join(&name);
    if is_built(&checkout) {
        return Ok(checkout);
    }
    if !checkout.join("Cargo.toml").exists() {
        progress::stage(&format!("Unpacking {name}"));
        fs::create_dir_all(&checkout).with_context(|| format!("creating {}", checkout.display()))?;
        let archive = checkout.with_extension("tar");
        let mut git = process::command("git");
        git.current_dir(workspace.root()).args(["archive", "--output"]).arg(&archive).arg(&name);
        process::run(&mut git, "reading the earlier commit; a clone without history does not have it")?;
        let mut tar = process::command("tar");
        process::run(tar.arg("-xf").arg(&archive).arg("-C").arg(&checkout), "unpacking the earlier commit")?;
    }
    progress::stage(&format!("Building {name}"));
    let mut cargo = process::native_cargo();
    process::run(cargo.current_dir(&checkout).args(["xtask", "build"]), "building the earlier components")?;
    build_host(workspace, &checkout)?;
    Ok(checkout)
}

/// A commit as git names it in short, which is also the name of its folder.
fn short_name(workspace: &Workspace, commit: &str) -> Result<String> {
    let mut git = process::command("git");
    git.current_dir(workspace.root()).args(["rev-parse", "--short=7", "--verify", &format!("{commit}^{{commit}}")]);
    let name = process::output(&mut git, "looking for the earlier commit")?;
    Ok(name.trim().to_owned())
}

fn is_built(checkout: &Path) -> bool {
    ["target/gatehouse.wasm", "target/native/gatehouse"].iter().all(|file| checkout.join(file).is_file())
}

/// `target/native/gatehouse` of a checkout. All of them are built in one place, so that wasmtime is compiled once.
pub fn build_host(workspace: &Workspace, checkout: &Path) -> Result<()> {
    let shared = workspace.target();
    build::released_program(checkout, &shared)?;
    if checkout != workspace.root() {
        let (built, kept) = (shared.join("native/gatehouse"), checkout.join("target/native"));
        fs::create_dir_all(&kept).with_context(|| format!("creating {}", kept.display()))?;
        fs::copy(&built, kept.join("gatehouse")).with_context(|| format!("copying {}", built.display()))?;
    }
    Ok(())
}
