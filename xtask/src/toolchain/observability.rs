//! Prometheus, with `promtool`, for the tests of what is measured: the machine's, else Debian's.

use std::process::Command;

use super::unpacked::{self, Packaged};
use crate::progress;
use crate::workspace::Workspace;

const PROMETHEUS: (Packaged, &str) =
    (Packaged { name: "prometheus", package: "prometheus", place: "usr/bin/prometheus" }, "GATEHOUSE_TEST_PROMETHEUS");

/// Tells `tests` where it is. Where it cannot be had, its tests are skipped, with a word.
pub fn tell(workspace: &Workspace, tests: &mut Command) {
    let (prometheus, variable) = PROMETHEUS;
    // A program without libraries of its own.
    match unpacked::program(&prometheus, &workspace.target().join("prometheus")) {
        Ok(program) => drop(tests.env(variable, program.path)),
        Err(error) => progress::note(&format!("    the tests with Prometheus are skipped: {error:#}")),
    }
}
