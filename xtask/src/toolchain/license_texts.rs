//! Licence texts that no package of ours brings: Debian's `python3.13-doc` has the page with the licences of everything in CPython, and
//! its `wasi-libc` those of the C library. They are unpacked and not installed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::apt;
use crate::stamp::Stamp;
use crate::workspace::Workspace;
use crate::{process, progress};

const PACKAGES: [&str; 2] = ["python3.13-doc", "wasi-libc"];
const SUITE: &str = "trixie";
/// Tells the tests that they are there.
const VARIABLE: &str = "GATEHOUSE_TEST_LICENSE_TEXTS";
/// Where they go, in `target/`.
const NAME: &str = "license-texts";

/// The folder that has them, as the packages have them below `/`.
///
/// # Errors
/// Where there is no apt, or Debian's mirror does not answer.
pub fn folder(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target().join(NAME);
    let root = folder.join("root");
    let stamp = Stamp::new(workspace.target().join("stamps").join(NAME), &[SUITE, &PACKAGES.join(" ")]);
    if stamp.is_current() && root.is_dir() {
        return Ok(root);
    }
    progress::stage(&format!(
        "Downloading {} (17 MB) from Debian {SUITE} into {}, for licence texts that must be passed on",
        PACKAGES.join(" and "),
        workspace.shown(&folder)
    ));
    stamp.clear()?;
    for package in PACKAGES {
        let archive = apt::download_from_suite(package, SUITE, &folder.join("apt"))
            .context("the licences of what is in CPython, and of wasi-libc, are taken from Debian's packages; this needs apt-get")?;
        let unpacking = format!("unpacking {}", archive.display());
        process::run(process::command("dpkg").arg("-x").arg(&archive).arg(&root), &unpacking)?;
    }
    stamp.set()?;
    Ok(root)
}

/// Tells `tests` that they are there. Where they cannot be had, the archive of the sandboxes is not tested, with a word.
pub fn tell(workspace: &Workspace, tests: &mut Command) {
    match folder(workspace) {
        Ok(folder) => drop(tests.env(VARIABLE, folder)),
        Err(error) => progress::note(&format!("    the archive of the sandboxes is not tested: {error:#}")),
    }
}
