//! Environments of Python packages: for programs that PyPI has and no other registry that we can count on.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::stamp::Stamp;
use crate::workspace::Workspace;
use crate::{process, progress};

/// Installs the packages of the list `requirements` (a path in the repository) into the environment `target/NAME`, once for each
/// list and version of Python; returns the folder of its programs.
pub fn environment(workspace: &Workspace, requirements: &str, name: &str) -> Result<PathBuf> {
    let list = workspace.path(requirements);
    let wanted = read(&list)?;
    let environment = workspace.target().join(name);
    let programs = environment.join("bin");
    let interpreter = programs.join("python");
    let version = process::output(process::command("python3").arg("--version"), "asking python3 for its version")
        .context("this needs Python 3.10 or newer: https://www.python.org")?;
    // An environment holds its own path: one that was moved is of no use.
    let stamp = Stamp::new(
        workspace.target().join("stamps").join(name),
        &[&wanted, version.trim(), &environment.to_string_lossy()],
    );
    if stamp.is_current() && interpreter.is_file() {
        return Ok(programs);
    }
    progress::stage(&format!(
        "Installing the Python packages of {requirements} from PyPI into {}",
        workspace.shown(&environment)
    ));
    for package in packages_of(&wanted) {
        progress::note(&format!("    {package}"));
    }
    stamp.clear()?;
    let mut create = process::command("python3");
    create.args(["-m", "venv", "--clear"]).arg(&environment);
    process::run(&mut create, "making a Python environment")
        .context("on Debian, venv is in the package python3-venv")?;
    let mut install = process::command(&interpreter);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]).arg(&list);
    process::run(&mut install, "installing the Python packages")?;
    stamp.set()?;
    Ok(programs)
}

/// The packages of a list, with their versions, where the list pins them by digests.
fn packages_of(list: &str) -> impl Iterator<Item = &str> {
    let has_digests = list.contains("--hash=");
    list.lines()
        .filter(move |_| has_digests)
        .filter(|line| line.contains("=="))
        .map(|line| line.trim_end_matches(['\\', ' ']))
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_downloaded_is_named_with_its_version() {
        let list = include_str!("../../../sandboxes/python/requirements.txt");
        assert_eq!(packages_of(list).collect::<Vec<_>>(), ["componentize-py==0.25.1", "cloudpickle==3.1.3"]);
    }
}
