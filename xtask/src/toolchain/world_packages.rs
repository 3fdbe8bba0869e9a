//! Programs of others that Gatehouse is tested with: identity providers from npm, PyPI and Debian.

use std::path::PathBuf;

use anyhow::Result;

use super::{apt, npm, python};
use crate::progress;
use crate::stamp::Stamp;
use crate::workspace::Workspace;

/// The folder of the providers' programs, with the lists of what they need.
const PROVIDERS: &str = "tests/world/providers";
/// The interpreter with the providers' Python packages, for the tests.
const PROVIDERS_PYTHON: &str = "GATEHOUSE_TEST_PROVIDERS_PYTHON";

/// Installs them; returns the variables that tell the tests where they are.
pub fn install(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>> {
    npm::install(workspace, PROVIDERS, "npm-providers", &["--ignore-scripts"])?;
    let python = python::environment(workspace, &format!("{PROVIDERS}/requirements.txt"), "python-providers")?;
    if let Err(error) = glewlwyd(workspace) {
        progress::note(&format!("    glewlwyd is left out: {error:#}"));
    }
    Ok(vec![(PROVIDERS_PYTHON, python.join("python"))])
}

/// Unpacks Debian's glewlwyd, which brings a database with a service and a script that sets it up where it is installed; the test
/// needs neither.
fn glewlwyd(workspace: &Workspace) -> Result<()> {
    const WITHOUT: [&str; 7] =
        ["default-mysql", "dbconfig-", "fonts-", "libconfig-inifiles-perl", "libjs-", "mariadb-", "mysql-"];
    let folder = workspace.target().join("glewlwyd");
    let stamp = Stamp::new(workspace.target().join("stamps/glewlwyd"), &[&WITHOUT.join(" ")]);
    if stamp.is_current() && folder.join("root/usr/bin/glewlwyd").is_file() {
        return Ok(());
    }
    progress::stage("Unpacking glewlwyd of Debian into target/glewlwyd");
    stamp.clear()?;
    apt::unpack("glewlwyd", &WITHOUT, &folder)?;
    stamp.set()
}
