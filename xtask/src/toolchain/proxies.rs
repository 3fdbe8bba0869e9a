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
/// The folders with the libraries of unpacked packages.
const LIBRARIES: &str = "GATEHOUSE_TEST_PROXY_LIBRARIES";

/// Tells `tests` where the proxies are. One that cannot be had is left out, with a word; its tests are skipped then.
///
/// Debian's packages are unpacked and not installed: an installed one begins to serve, on every address.
pub fn tell(workspace: &Workspace, tests: &mut Command) {
    let mut libraries = Vec::new();
    for (name, package, place, variable) in PROXIES {
        let folder = workspace.target().join("proxies").join(name);
        match program(&folder, name, package, place) {
            Ok(program) => {
                tests.env(variable, program);
                libraries.extend(libraries_in(&folder));
            }
            Err(error) => progress::note(&format!("    the tests behind {name} are skipped: {error:#}")),
        }
    }
    if let (false, Ok(libraries)) = (libraries.is_empty(), std::env::join_paths(&libraries)) {
        tests.env(LIBRARIES, libraries);
    }
}

/// nginx, and the folder of its libraries where it is Debian's, unpacked.
pub fn nginx(workspace: &Workspace) -> Result<(PathBuf, Option<PathBuf>)> {
    let [(name, package, place, _), ..] = PROXIES;
    let folder = workspace.target().join("proxies").join(name);
    Ok((program(&folder, name, package, place)?, libraries_in(&folder)))
}

fn program(folder: &Path, name: &str, package: &str, place: &str) -> Result<PathBuf> {
    // Debian's are in a folder that is on root's search path only.
    let unpacked = folder.join("root").join(place);
    let own = [PathBuf::from("/").join(place), unpacked.clone()].into_iter().find(|program| program.is_file());
    if let Some(program) = process::find_program(&[name]).or(own) {
        return Ok(program);
    }
    progress::stage(&format!("Unpacking {name} of Debian into {}", folder.display()));
    apt::unpack(&[package], &[], folder)?;
    Ok(unpacked)
}

/// Where the unpacked packages have their libraries: below `usr/lib`, in the folder that is named like the machine.
fn libraries_in(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder.join("root/usr/lib")).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| path.to_string_lossy().ends_with("-linux-gnu"))
}
