//! The fuzz targets compile: they are a workspace of their own, which no other command builds.

use anyhow::Result;

use super::report::Report;
use crate::process;
use crate::workspace::Workspace;

/// Type-checks them with the compiler in use; only fuzzing itself needs a nightly one.
pub fn run(workspace: &Workspace) -> Result<Report> {
    let target = workspace.native_target().join("fuzz-check");
    let mut cargo = process::native_cargo();
    cargo.current_dir(workspace.root()).args(["check", "--quiet", "--locked", "--manifest-path", "fuzz/Cargo.toml"]);
    // Nothing is linked, so that libFuzzer, in C++, need not be compiled: it is said to be there already.
    cargo.arg("--target-dir").arg(&target).env("CUSTOM_LIBFUZZER_PATH", target.join("libabsent.a"));
    let faults = if process::succeeds(&mut cargo, "type-checking the fuzz targets")? {
        Vec::new()
    } else {
        vec![
            "the fuzz targets do not compile, or fuzz/Cargo.lock is not up to date; cargo's messages are above"
                .to_owned(),
        ]
    };
    Ok(Report { summary: "fuzz/ with its own lock file".to_owned(), faults })
}
