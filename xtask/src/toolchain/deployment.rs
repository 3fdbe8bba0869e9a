//! What knows the published schemas of the files that operators deploy, for their tests: packages of PyPI, and systemd's checker of units.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::python;
use super::unpacked::{self, Packaged};
use crate::progress;
use crate::workspace::Workspace;

/// The packages of PyPI.
const REQUIREMENTS: &str = "tests/deployment/requirements.txt";
/// The interpreter that has them.
const PYTHON: &str = "GATEHOUSE_TEST_DEPLOYMENT_PYTHON";
const SYSTEMD_ANALYZE: (Packaged, &str) = (
    Packaged { name: "systemd-analyze", package: "systemd", place: "usr/bin/systemd-analyze" },
    "GATEHOUSE_TEST_SYSTEMD_ANALYZE",
);
/// The folders with its libraries, where it is unpacked.
const SYSTEMD_LIBRARIES: &str = "GATEHOUSE_TEST_SYSTEMD_LIBRARIES";

/// Installs them and tells `tests` where they are. Without systemd, which a machine need not have, the unit is not verified.
pub fn tell(workspace: &Workspace, tests: &mut Command) -> Result<()> {
    tests.env(PYTHON, python::environment(workspace, REQUIREMENTS, "deployment")?.join("python"));
    let (systemd, variable) = SYSTEMD_ANALYZE;
    match unpacked::program(&systemd, &workspace.target().join("systemd")) {
        Ok(program) => {
            tests.env(variable, program.path);
            // Its own library is in a folder of its own.
            if let Some(libraries) = program.libraries {
                let folders: [PathBuf; 2] = [libraries.join("systemd"), libraries];
                tests.env(SYSTEMD_LIBRARIES, std::env::join_paths(folders)?);
            }
        }
        Err(error) => progress::note(&format!("    the unit of systemd is not verified: {error:#}")),
    }
    Ok(())
}
