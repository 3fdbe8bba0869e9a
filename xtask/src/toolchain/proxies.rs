//! The proxies that the guide configures (docs/proxies.md), for their test: those of the machine, else Debian's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::apt;
use crate::workspace::Workspace;
use crate::{process, progress};

/// Program, Debian package, the program's place in it, and the variable that tells the test.
const PROXIES: [(&str, &str, &str, &str); 3] = [
    ("nginx", "nginx", "usr/sbin/nginx", "GATEHOUSE_TEST_NGINX"),
    ("haproxy", "haproxy", "usr/sbin/haproxy", "GATEHOUSE_TEST_HAPROXY"),
    ("caddy", "caddy", "usr/bin/caddy", "GATEHOUSE_TEST_CADDY"),
];
/// Where unpacked packages have their libraries, below `usr/lib`: the one folder that is named like the machine.
const LIBRARIES: &str = "GATEHOUSE_TEST_PROXY_LIBRARIES";

/// Tells `tests` where the proxies are. One that cannot be had is left out, with a word; its tests are skipped then.
pub fn tell(workspace: &Workspace, tests: &mut Command) {
    let folder = workspace.target().join("proxies");
    for (name, package, place, variable) in PROXIES {
        match program(&folder, name, package, place) {
            Ok(program) => {
                tests.env(variable, program);
            }
            Err(error) => progress::note(&format!("    the tests behind {name} are skipped: {error:#}")),
        }
    }
    if let Some(libraries) = libraries(&folder) {
        tests.env(LIBRARIES, libraries);
    }
}

fn program(folder: &Path, name: &str, package: &str, place: &str) -> Result<PathBuf> {
    // Debian's are in a folder that is root's search path only.
    let own = [PathBuf::from("/").join(place), folder.join(place)].into_iter().find(|program| program.is_file());
    if let Some(program) = process::find_program(&[name]).or(own) {
        return Ok(program);
    }
    apt::unpack(&[package], folder)?;
    Ok(folder.join(place))
}

fn libraries(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder.join("usr/lib")).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| path.to_string_lossy().ends_with("-linux-gnu"))
}
