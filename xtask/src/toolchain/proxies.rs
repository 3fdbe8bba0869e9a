//! The proxies that the guide configures (docs/proxies.md), for their test: those of the machine, else Debian's.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use super::unpacked::{self, Packaged, Program};
use crate::progress;
use crate::workspace::Workspace;

/// Each with the variable that tells the test where it is.
const PROXIES: [(Packaged, &str); 3] = [
    (Packaged { name: "nginx", package: "nginx", place: "usr/sbin/nginx" }, "GATEHOUSE_TEST_NGINX"),
    (Packaged { name: "haproxy", package: "haproxy", place: "usr/sbin/haproxy" }, "GATEHOUSE_TEST_HAPROXY"),
    (Packaged { name: "caddy", package: "caddy", place: "usr/bin/caddy" }, "GATEHOUSE_TEST_CADDY"),
];
/// The folders with the libraries of unpacked packages.
const LIBRARIES: &str = "GATEHOUSE_TEST_PROXY_LIBRARIES";

/// Tells `tests` where the proxies are. One that cannot be had is left out, with a word; its tests are skipped then.
pub fn tell(workspace: &Workspace, tests: &mut Command) {
    let mut libraries = Vec::new();
    for (proxy, variable) in &PROXIES {
        match program(workspace, proxy) {
            Ok(program) => {
                tests.env(variable, program.path);
                libraries.extend(program.libraries);
            }
            Err(error) => progress::note(&format!("    the tests behind {} are skipped: {error:#}", proxy.name)),
        }
    }
    if let (false, Ok(libraries)) = (libraries.is_empty(), std::env::join_paths(&libraries)) {
        tests.env(LIBRARIES, libraries);
    }
}

/// nginx, and the folder of its libraries where it is Debian's, unpacked.
pub fn nginx(workspace: &Workspace) -> Result<(PathBuf, Option<PathBuf>)> {
    let [(nginx, _), ..] = &PROXIES;
    let program = program(workspace, nginx)?;
    Ok((program.path, program.libraries))
}

fn program(workspace: &Workspace, proxy: &Packaged) -> Result<Program> {
    unpacked::program(proxy, &workspace.target().join("proxies").join(proxy.name))
}
