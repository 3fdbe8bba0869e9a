//! The programs that know the published schemas of what operators deploy (`tests/deployment`).

use std::path::PathBuf;

use tokio::process::Command;

use crate::paths::{repository, tool};

/// Where the interpreter with their packages is.
const PYTHON: &str = "GATEHOUSE_TEST_DEPLOYMENT_PYTHON";

/// `tests/deployment/NAME`, to be given arguments.
pub fn deployment_check(name: &str) -> Command {
    let mut command = Command::new(tool(PYTHON, "python3"));
    command.arg(repository().join("tests/deployment").join(name));
    command
}

/// A program of the same environment.
pub fn deployment_program(name: &str) -> PathBuf {
    PathBuf::from(tool(PYTHON, "python3")).with_file_name(name)
}

/// What a command printed, or what it said when it failed.
pub async fn outcome(command: &mut Command) -> Result<String, String> {
    let output = command.output().await.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(format!("{}{}", text(&output.stdout), text(&output.stderr)))
    }
}
