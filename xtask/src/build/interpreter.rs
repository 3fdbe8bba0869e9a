//! Makes the Python interpreter of the sandboxes: CPython, as PyPI's componentize-py has it, with `sandboxes/python` in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::fuel::{self, Fuel};
use crate::stamp::Stamp;
use crate::toolchain::python;
use crate::workspace::Workspace;
use crate::{digest, process, progress};

/// Our own files.
const FOLDER: &str = "sandboxes/python";
/// What is installed from PyPI, with digests.
pub const REQUIREMENTS: &str = "sandboxes/python/requirements.txt";
/// The module that exports the interface.
const MODULE: &str = "sandbox_app";
/// The interface, and the world that it is built for.
const WIT: &str = "sandboxes/wit/interpreter";
const WORLD: &str = "python";
/// Names of files and folders below `target/`.
const NAME: &str = "sandbox-interpreter";

/// What one run of Python may use. A slice is some 50 ms on a slow machine, and all of them half a minute. The host gives a guest 128 MiB
/// (host/src/instance/engine.rs), of which the files and the request take their part.
const FUEL: Fuel = Fuel { slice: 10_000_000, slices: 600, memory: 80 << 20 };

/// Writes the component to `file`. componentize-py makes it again only when something that it is made of has changed.
///
/// # Errors
/// Where componentize-py cannot be had, or finds an error.
pub fn component(workspace: &Workspace, file: &Path) -> Result<()> {
    let made = workspace.target().join(format!("{NAME}-made.wasm"));
    let stamp = Stamp::new(
        workspace.target().join("stamps").join(format!("{NAME}-made")),
        &[&digest_of(workspace, FOLDER)?, &digest_of(workspace, WIT)?],
    );
    if !stamp.is_current() || !made.is_file() {
        let programs = programs(workspace)?;
        progress::stage("Making the Python interpreter of the sandboxes");
        stamp.clear()?;
        make(workspace, &programs, &made)?;
        stamp.set()?;
    }
    let bytes = fs::read(&made).with_context(|| format!("cannot read {}", made.display()))?;
    super::write_if_changed(file, &fuel::limited(&bytes, FUEL)?)
}

/// The folder of the programs that make it. They are installed once.
fn programs(workspace: &Workspace) -> Result<PathBuf> {
    python::environment(workspace, REQUIREMENTS, NAME).context(
        "the Python interpreter of the sandboxes needs componentize-py (17 MB, with CPython and its libc in it) and cloudpickle from PyPI, in the \
         versions and with the digests of sandboxes/python/requirements.txt; the digest of componentize-py is that of its wheel for Linux on x86-64",
    )
}

/// The folder of the installed packages, which also have their licences there.
pub fn python_packages(workspace: &Workspace) -> Result<PathBuf> {
    packages(&programs(workspace)?)
}

/// Has componentize-py make the component.
fn make(workspace: &Workspace, programs: &Path, output: &Path) -> Result<()> {
    let folder = workspace.target().join(format!("{NAME}-bindings"));
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    let program = || {
        let mut program = process::command(programs.join("componentize-py"));
        program.current_dir(workspace.root());
        program.args(["--quiet", "--wit-path", WIT, "--world", WORLD]);
        program
    };
    process::run(program().arg("bindings").arg(&folder), "making the bindings of Python")?;
    let mut componentize = program();
    componentize.args(["componentize", MODULE, "--python-path", FOLDER, "--python-path"]).arg(&folder);
    componentize.arg("--python-path").arg(packages(programs)?).arg("--output").arg(output);
    process::run(&mut componentize, "making a component of Python")
}

/// The folder with the packages of an environment.
fn packages(programs: &Path) -> Result<PathBuf> {
    let code = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let printed = process::output(
        process::command(programs.join("python")).args(["-c", code]),
        "asking Python for its packages",
    )?;
    Ok(PathBuf::from(printed.trim()))
}

/// What the files of a folder hold.
fn digest_of(workspace: &Workspace, folder: &str) -> Result<String> {
    let folder = workspace.path(folder);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .with_context(|| format!("cannot read {}", folder.display()))?;
    files.retain(|file| file.is_file());
    files.sort();
    files.iter().map(|file| digest::of_file(file)).collect::<Result<Vec<_>>>().map(|digests| digests.concat())
}
