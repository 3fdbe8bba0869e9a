//! The hosts of others, and the servers of their stores: wash, wasmtime and NATS of PyPI, Redis of Debian.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::python;
use super::unpacked::{self, Packaged};
use crate::progress;
use crate::workspace::Workspace;

/// The packages of PyPI.
const REQUIREMENTS: &str = "tests/hosts/requirements.txt";
/// Programs that are in packages of PyPI: their places below `site-packages`, and the variables that tell the tests.
const IN_PACKAGES: [(&str, &str); 2] =
    [("wash_cli/wash", "GATEHOUSE_TEST_WASH"), ("wasmtime_cli/wasmtime", "GATEHOUSE_TEST_WASMTIME")];
/// This one is among the environment's programs.
const NATS: (&str, &str) = ("nats-server", "GATEHOUSE_TEST_NATS");
const REDIS: (Packaged, &str) =
    (Packaged { name: "redis-server", package: "redis-server", place: "usr/bin/redis-server" }, "GATEHOUSE_TEST_REDIS");
/// The folder with Redis' libraries, where it is unpacked.
const REDIS_LIBRARIES: &str = "GATEHOUSE_TEST_REDIS_LIBRARIES";

/// Installs the hosts and tells `tests` where they are. What cannot be had is left out, with a word; its tests are skipped then.
pub fn tell(workspace: &Workspace, tests: &mut Command) {
    match of_pypi(workspace) {
        Ok(programs) => {
            tests.envs(programs);
        }
        Err(error) => progress::note(&format!("    the tests on wasmCloud and wasmtime are skipped: {error:#}")),
    }
    let (redis, variable) = REDIS;
    match unpacked::program(&redis, &workspace.target().join("redis")) {
        Ok(program) => {
            tests.env(variable, program.path);
            if let Some(libraries) = program.libraries {
                tests.env(REDIS_LIBRARIES, libraries);
            }
        }
        Err(error) => progress::note(&format!("    the tests with Redis are skipped: {error:#}")),
    }
}

/// The variables with the programs.
fn of_pypi(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>> {
    let programs = python::environment(workspace, REQUIREMENTS, "hosts")?;
    let packages = site_packages(&programs)?;
    let mut found = vec![(NATS.1, programs.join(NATS.0))];
    for (place, variable) in IN_PACKAGES {
        let program = packages.join(place);
        make_executable(&program)?;
        found.push((variable, program));
    }
    Ok(found)
}

/// The packages come without the right to be executed; the scripts that they install start a Python first.
fn make_executable(program: &Path) -> Result<()> {
    let wrong = || format!("{} cannot be made executable", program.display());
    let mut permissions = fs::metadata(program).with_context(wrong)?.permissions();
    permissions.set_mode(permissions.mode() | 0o111);
    fs::set_permissions(program, permissions).with_context(wrong)
}

/// Where an environment with these programs has its packages: the folder is named like the version of Python.
fn site_packages(programs: &Path) -> Result<PathBuf> {
    let libraries = programs.with_file_name("lib");
    let versions = fs::read_dir(&libraries).with_context(|| format!("cannot list {}", libraries.display()))?;
    let mut packages = versions.flatten().map(|version| version.path().join("site-packages"));
    packages.find(|packages| packages.is_dir()).with_context(|| format!("{} has no packages", libraries.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_found_beside_the_programs_and_their_programs_become_executable() {
        let folder = tempfile::tempdir().unwrap();
        let packages = folder.path().join("lib/python3.12/site-packages");
        fs::create_dir_all(&packages).unwrap();
        let program = packages.join("wash");
        fs::write(&program, "").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(site_packages(&folder.path().join("bin")).unwrap(), packages);
        make_executable(&program).unwrap();
        assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(make_executable(&packages.join("absent")).is_err());
    }
}
