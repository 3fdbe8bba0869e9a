//! Programs of others that Gatehouse is tested with: identity providers from npm, PyPI and Debian, MCP servers and clients from npm
//! and PyPI, REST APIs from PyPI.

use std::path::PathBuf;

use anyhow::{Result, bail};

use super::{apt, npm, python};
use crate::progress;
use crate::stamp::Stamp;
use crate::workspace::Workspace;

/// The folder of the providers' programs, with the lists of what they need.
const PROVIDERS: &str = "tests/world/providers";
/// The interpreter with the providers' Python packages, for the tests.
const PROVIDERS_PYTHON: &str = "GATEHOUSE_TEST_PROVIDERS_PYTHON";
/// The folder of the lists of MCP servers and clients.
const MCP: &str = "tests/world/mcp";
/// The interpreters with those from PyPI: what works with version 2 of the Python SDK, and what needs version 1. pip cannot have both
/// in one environment.
const MCP_PYTHONS: [(&str, &str, &str); 2] = [
    ("GATEHOUSE_TEST_WORLD_PYTHON", "requirements.txt", "world-python"),
    ("GATEHOUSE_TEST_WORLD_PYTHON_SDK_1", "requirements-sdk-1.txt", "world-python-sdk-1"),
];

/// The list of programs with REST APIs, and the variable that tells the tests where they are.
const REST: (&str, &str, &str) =
    ("GATEHOUSE_TEST_WORLD_REST_PYTHON", "tests/world/rest/requirements.txt", "world-rest");

/// Installs them; returns the variables that tell the tests where they are.
pub fn install(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>> {
    npm::install(workspace, PROVIDERS, "npm-providers", &["--ignore-scripts"])?;
    let python = python::environment(workspace, &format!("{PROVIDERS}/requirements.txt"), "python-providers")?;
    for program in &UNPACKED {
        if let Err(error) = program.unpack(workspace) {
            progress::note(&format!("    {} is left out: {error:#}", program.name));
        }
    }
    let mut variables = vec![(PROVIDERS_PYTHON, python.join("python"))];
    // Nothing is built: what the servers and clients need is in the packages.
    npm::install(workspace, MCP, "npm-world", &["--ignore-scripts"])?;
    for (variable, list, environment) in MCP_PYTHONS {
        let programs = python::environment(workspace, &format!("{MCP}/{list}"), environment)?;
        variables.push((variable, programs.join("python")));
    }
    let (variable, list, environment) = REST;
    variables.push((variable, python::environment(workspace, list, environment)?.join("python")));
    Ok(variables)
}

/// A program of Debian that is unpacked into `target/NAME`, and not installed: its package would bring services, and scripts that set
/// them up.
struct Unpacked {
    name: &'static str,
    packages: &'static [&'static str],
    /// The beginnings of the names of packages that the test does not need.
    without: &'static [&'static str],
    /// What must be installed.
    needs: Option<&'static str>,
    /// A file that is there afterwards.
    file: &'static str,
}

const UNPACKED: [Unpacked; 2] = [
    Unpacked {
        name: "glewlwyd",
        packages: &["glewlwyd"],
        without: &["default-mysql", "dbconfig-", "fonts-", "libconfig-inifiles-perl", "libjs-", "mariadb-", "mysql-"],
        needs: None,
        file: "usr/bin/glewlwyd",
    },
    Unpacked {
        name: "lemonldap-ng",
        // Its plugin for OpenID does not load without the last two, which are only recommended.
        packages: &["liblemonldap-ng-portal-perl", "libplack-perl", "libio-string-perl", "libstring-random-perl"],
        without: &["fonts-", "libjs-", "libperl5", "perl"],
        needs: Some("perl"),
        file: "usr/bin/plackup",
    },
];

impl Unpacked {
    fn unpack(&self, workspace: &Workspace) -> Result<()> {
        if let Some(missing) = self.needs.filter(|package| !apt::is_installed(package)) {
            bail!("this machine has no Debian package {missing}");
        }
        let folder = workspace.target().join(self.name);
        let stamp = Stamp::new(
            workspace.target().join("stamps").join(self.name),
            &[&self.packages.join(" "), &self.without.join(" ")],
        );
        if stamp.is_current() && folder.join("root").join(self.file).is_file() {
            return Ok(());
        }
        progress::stage(&format!("Unpacking {} of Debian into {}", self.name, workspace.shown(&folder)));
        stamp.clear()?;
        apt::unpack(self.packages, self.without, &folder)?;
        stamp.set()
    }
}
