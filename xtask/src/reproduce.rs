//! `cargo xtask reproduce`: the same commit gives the same artefacts, wherever it lies.
//!
//! The second build shares nothing with the first one but the compiler and the sources of other people's crates: it is a clone in another
//! folder, with a target folder and a cargo home of its own.

use std::env;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::toolchain::reproducible::cargo_home;
use crate::workspace::Workspace;
use crate::{build, digest, process, progress};

/// Where the second build is.
const FOLDER: &str = "reproduce";
/// What cargo has in its home that a second build need not download again. Its programs and its credentials are not among it.
const OF_CARGO_HOME: [&str; 3] = ["config.toml", "git", "registry"];

/// Builds twice and compares.
pub fn run(workspace: &Workspace) -> Result<()> {
    let commit = committed(workspace)?;
    let first = build::all(workspace)?;

    let folder = workspace.target().join(FOLDER);
    remove(&folder)?;
    let clone = folder.join("another").join("path");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut git = process::command("git");
    process::run(git.args(["clone", "--quiet"]).arg(workspace.root()).arg(&clone), "cloning")?;
    let home = folder.join("cargo-home");
    fill_cargo_home(&home)?;
    progress::stage(&format!("Building {commit} once more, in {}", workspace.shown(&clone)));
    // This program, for another workspace.
    let mut second = process::command(env::current_exe().context("this program has no path")?);
    second.arg("build").current_dir(&clone);
    second.env("CARGO_HOME", &home).env("CARGO_MANIFEST_DIR", clone.join("xtask"));
    process::run(&mut second, "the second build")?;

    let mut differing = Vec::new();
    for file in first {
        let name = workspace.shown(&file);
        let (digest, again) = (digest::of_file(&file)?, digest::of_file(&clone.join(&name))?);
        progress::say(&format!("{digest}  {name}"));
        if digest != again {
            progress::say(&format!("{again}  {name}, the second time"));
            differing.push(name);
        }
    }
    // What differs is left there to be looked at.
    ensure!(differing.is_empty(), "not the same twice: {}; see {}", differing.join(", "), workspace.shown(&clone));
    progress::say(&format!("Reproduced: both builds of {commit} give these bytes"));
    remove(&folder)
}

/// The commit that is checked out. What is not committed would be in the first build alone.
fn committed(workspace: &Workspace) -> Result<String> {
    let git = |arguments: &[&str]| {
        let mut git = process::command("git");
        git.current_dir(workspace.root()).args(arguments);
        process::output(&mut git, "asking git what is checked out")
    };
    if !git(&["status", "--porcelain"])?.trim().is_empty() {
        bail!("there are changes that are not committed; the second build is of the commit");
    }
    Ok(git(&["rev-parse", "--short", "HEAD"])?.trim().to_owned())
}

/// A cargo home at another path, with the downloads of the user's own.
fn fill_cargo_home(home: &Path) -> Result<()> {
    fs::create_dir_all(home).with_context(|| format!("cannot create {}", home.display()))?;
    let own = cargo_home()?;
    for name in OF_CARGO_HOME {
        if own.join(name).exists() {
            link(&own.join(name), &home.join(name))?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> Result<()> {
    std::os::unix::fs::symlink(to, at).with_context(|| format!("cannot make {}", at.display()))
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> Result<()> {
    bail!("this needs symbolic links")
}

fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}
