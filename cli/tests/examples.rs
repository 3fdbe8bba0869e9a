//! The configurations in `examples/` are ones that Gatehouse takes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn gatehouse(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gatehouse")).args(arguments).output().unwrap()
}

/// Every `gatehouse.toml` in `examples/` and in the folders there.
fn configurations() -> Vec<PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folders = fs::read_dir(&examples).unwrap().map(|entry| entry.unwrap().path());
    let files = [examples].into_iter().chain(folders).map(|folder| folder.join("gatehouse.toml"));
    files.filter(|file| file.is_file()).collect()
}

#[test]
fn every_example_is_a_configuration_without_a_warning() {
    let configurations = configurations();
    assert!(configurations.len() >= 5, "{configurations:?}");
    for file in configurations {
        let checked = gatehouse(&["check", file.to_str().unwrap()]);
        let (out, errors) = (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
        assert!(checked.status.success() && errors.is_empty(), "{}: {errors}", file.display());
        assert!(out.starts_with("Public URL: http") && !out.contains("Warning"), "{}: {out}", file.display());
    }
}

#[test]
fn the_example_of_a_policy_decides_as_it_says() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/policy/gatehouse.toml");
    for (options, is_allowed) in [
        (["--group", "engineering", "--tool", "read_file"].as_slice(), true),
        (&["--group", "engineering", "--tool", "write_file"], false),
        (&["--group", "engineering", "--tool", "write_file", "--scope", "mcp", "--scope", "files:write"], true),
        (&["--tool", "read_file"], false),
        (&["--subject", "client:nightly-report", "--tool", "read_file"], true),
        (&["--subject", "client:nightly-report", "--tool", "read_secret"], false),
    ] {
        let explained = gatehouse(&[&["explain", example], options].concat());
        assert_eq!(explained.status.success(), is_allowed, "{options:?}");
    }
}
