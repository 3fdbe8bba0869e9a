//! A real Spin, where there is one.

use std::path::Path;

use tokio::process::Command;

use crate::program::Program;

/// Whether `spin` is on the path. Where it is not, the tests on it say so and do nothing else.
pub fn spin_is_installed() -> bool {
    let installed =
        std::process::Command::new("spin").arg("--version").output().is_ok_and(|output| output.status.success());
    if !installed {
        eprintln!("spin is not on PATH: nothing was tested on it");
    }
    installed
}

/// Runs the manifest on Spin and waits until it serves.
pub(crate) async fn up(manifest: &Path, port: u16, state_directory: &Path, variables: &[(String, String)]) -> Program {
    let mut command = Command::new("spin");
    command.arg("up").arg("--from").arg(manifest).arg("--listen").arg(format!("127.0.0.1:{port}"));
    command.arg("--state-dir").arg(state_directory).current_dir(state_directory);
    command.env("SPIN_DATA_DIR", state_directory).env_remove("RUST_BACKTRACE");
    for (name, value) in variables {
        command.arg("--variable").arg(format!("{name}={value}"));
    }
    let mut program = Program::start("spin up", command);
    while !program.line().await.contains("Serving http://") {}
    program
}
