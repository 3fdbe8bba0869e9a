//! Where the MCP programs of others are, and in which versions.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use gatehouse_tests::{repository, tool};
use serde_json::Value;

/// The folder of the lists, and of the programs that are ours.
const FOLDER: &str = "tests/world/mcp";

/// From where a package is, and in which of the lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Registry {
    /// `package.json`.
    Npm,
    /// `requirements.txt`: what works with version 2 of the Python SDK.
    PyPi,
    /// `requirements-sdk-1.txt`: what needs version 1.
    PyPiSdk1,
}

impl Registry {
    /// Its name, for readers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Npm => "npm",
            Self::PyPi | Self::PyPiSdk1 => "PyPI",
        }
    }

    /// The version of `package` that is installed.
    pub(crate) fn version(self, package: &str) -> String {
        match self {
            Self::Npm => {
                let manifest = modules().join(package).join("package.json");
                let text = std::fs::read_to_string(&manifest);
                let text = text.unwrap_or_else(|error| panic!("`cargo xtask world` installs {package}: {error}"));
                let manifest: Value = serde_json::from_str(&text).expect("a manifest");
                manifest["version"].as_str().expect("a version").to_owned()
            }
            Self::PyPi | Self::PyPiSdk1 => {
                let list = std::fs::read_to_string(folder().join(self.list())).expect("the list");
                let version = list.lines().find_map(|line| line.strip_prefix(&format!("{package}==")));
                version.unwrap_or_else(|| panic!("{package} is not in {}", self.list())).to_owned()
            }
        }
    }

    fn list(self) -> &'static str {
        match self {
            Self::Npm => "package.json",
            Self::PyPi => "requirements.txt",
            Self::PyPiSdk1 => "requirements-sdk-1.txt",
        }
    }

    /// The interpreter that has the packages.
    pub(crate) fn interpreter(self) -> PathBuf {
        match self {
            Self::Npm => node(),
            Self::PyPi => python("GATEHOUSE_TEST_WORLD_PYTHON", "world-python"),
            Self::PyPiSdk1 => python("GATEHOUSE_TEST_WORLD_PYTHON_SDK_1", "world-python-sdk-1"),
        }
    }
}

/// A program: a file of an npm package, a script that a Python package brings, or a file of ours.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    /// The path below `node_modules`.
    Npm(&'static str),
    /// The name in the environment's `bin`.
    Script(Registry, &'static str),
    /// The name in `tests/world/mcp`.
    Ours(Registry, &'static str),
}

impl Program {
    /// What starts it, without arguments.
    pub(crate) fn words(self) -> Vec<PathBuf> {
        match self {
            Self::Npm(path) => vec![node(), modules().join(path)],
            // A script begins with the path of its interpreter, which can be too long for the kernel.
            Self::Script(registry, name) => {
                let interpreter = registry.interpreter();
                let script = interpreter.with_file_name(name);
                vec![interpreter, script]
            }
            Self::Ours(registry, name) => vec![registry.interpreter(), folder().join(name)],
        }
    }

    /// A command that starts it, far from the internet and from the machine's own settings.
    pub(crate) fn command(self) -> Command {
        let words = self.words();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null());
        // Nothing listens there: what would leave the machine fails at once, and everywhere in the same way.
        command.env("HTTPS_PROXY", "http://127.0.0.1:9").env("NODE_USE_ENV_PROXY", "1");
        for counts_its_users in ["DO_NOT_TRACK", "DISABLE_TELEMETRY", "FASTMCP_CHECK_FOR_UPDATES_OFF"] {
            command.env(counts_its_users, "1");
        }
        command.env("MCP_USE_ANONYMIZED_TELEMETRY", "false");
        command
    }
}

/// The folder of the lists, and of the programs that are ours.
pub(crate) fn folder() -> PathBuf {
    repository().join(FOLDER)
}

fn modules() -> PathBuf {
    folder().join("node_modules")
}

/// The Node.js that is installed as a package: some programs need a newer one than we ask of a machine.
pub(crate) fn node() -> PathBuf {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    modules().join(format!("node-linux-{architecture}/bin/node"))
}

fn python(variable: &str, environment: &str) -> PathBuf {
    let default = repository().join("target").join(environment).join("bin/python");
    PathBuf::from(tool(variable, &default.to_string_lossy()))
}
