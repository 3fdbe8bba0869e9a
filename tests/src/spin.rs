//! A real Spin, where there is one.

use std::path::Path;

use tokio::process::Command;

/// Whether `spin` is on the path. Where it is not, the tests on it say so and do nothing else.
pub fn spin_is_installed() -> bool {
    let installed =
        std::process::Command::new("spin").arg("--version").output().is_ok_and(|output| output.status.success());
    if !installed {
        eprintln!("spin is not on PATH: nothing was tested on it");
    }
    installed
}

/// Has Spin offer `wasi:otel`, and send what it gets to a receiver of OTLP over HTTP.
pub(crate) fn tell(command: &mut Command, receiver: &str) {
    command.arg("--experimental-wasi-otel").env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver);
    // It waits for five seconds as it comes.
    command.env("OTEL_BSP_SCHEDULE_DELAY", "100");
}

/// `spin up`, with its own files in `state_directory`.
pub(crate) fn command(state_directory: &Path) -> Command {
    let mut command = Command::new("spin");
    command.arg("up").current_dir(state_directory).env("SPIN_DATA_DIR", state_directory).env_remove("RUST_BACKTRACE");
    // Room for more requests at once than as it comes: docs/limits.md.
    command.env("SPIN_MAX_INSTANCE_COUNT", "2000");
    command
}
