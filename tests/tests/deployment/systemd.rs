//! The unit of systemd.

use std::path::Path;

use gatehouse_tests::{artefact, outcome, tool};
use tokio::process::Command;

use crate::filled::{as_it_is, filled};
use crate::program::Machine;

const UNIT: &str = "systemd/gatehouse.service";
/// Where the unit expects the program.
const PROGRAM: &str = "/opt/gatehouse/gatehouse";

/// systemd's own checker; `None` where it is not, which is said.
fn systemd_analyze() -> Option<Command> {
    let program = tool("GATEHOUSE_TEST_SYSTEMD_ANALYZE", "systemd-analyze");
    let command = || {
        let mut command = std::process::Command::new(&program);
        if let Some(libraries) = std::env::var_os("GATEHOUSE_TEST_SYSTEMD_LIBRARIES") {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    };
    if command().arg("--version").output().is_ok_and(|output| output.status.success()) {
        return Some(command().into());
    }
    eprintln!("there is no systemd-analyze: the unit was not verified");
    None
}

/// The unit, with a program that is there.
fn unit(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("gatehouse.service");
    let program = artefact("debug/gatehouse").display().to_string();
    std::fs::write(&file, as_it_is(UNIT).replace(&format!("{PROGRAM} "), &format!("{program} "))).expect("a file");
    file
}

#[tokio::test]
async fn systemd_understands_every_line_of_the_unit() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut analyze) = systemd_analyze() else { return };
    let output = analyze.args(["verify", "--man=no"]).arg(unit(folder.path())).output().await.expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    // It only warns of a line that it does not know.
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}

#[tokio::test]
async fn the_unit_is_hardened_as_far_as_a_compiler_and_the_network_allow() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(mut analyze) = systemd_analyze() else { return };
    // Ten times the exposure that systemd counts, from 0 to 100. A unit that says nothing has 96.
    analyze.args(["security", "--offline=true", "--no-pager", "--threshold=15"]).arg(unit(folder.path()));
    outcome(&mut analyze).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_unit_starts_the_program_with_arguments_that_it_understands() {
    let machine = Machine::new();
    let unit = as_it_is(UNIT);
    let settings = |key: &'static str| unit.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='));
    // systemd's copies of the secrets.
    for credential in settings("LoadCredential") {
        let (name, file) = credential.split_once(':').expect("a name and a file");
        let text = std::fs::read_to_string(machine.path(file)).expect("the operator put it there");
        machine.write(&format!("run/credentials/{name}"), &text);
    }
    let started = settings("ExecStart").next().expect("a command");
    let words: Vec<String> = started
        .split(' ')
        .map(|word| word.replace("%S", "/var/lib").replace("%C", "/var/cache").replace("%d", "/run/credentials"))
        .collect();
    assert_eq!(words[0], PROGRAM);
    assert!(!started.contains(":/etc"), "a secret is read where systemd puts it, and not where root keeps it");
    let environment = filled("systemd/environment");
    let variables = environment.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let variables: Vec<_> = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    assert_eq!(variables.len(), 2);
    machine.serves(&words, &variables).await;
}
