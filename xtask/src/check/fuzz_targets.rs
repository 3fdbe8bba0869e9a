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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::example;

    /// The faults where the fuzz targets have this source.
    fn faults(source: &str) -> usize {
        let manifest = "[package]\nname = \"fuzz\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n";
        let lock = "version = 4\n\n[[package]]\nname = \"fuzz\"\nversion = \"0.1.0\"\n";
        let files = [("fuzz/Cargo.toml", manifest), ("fuzz/Cargo.lock", lock), ("fuzz/src/lib.rs", source)];
        let folder = example::folder(&files);
        run(&Workspace::at(folder.path())).unwrap().faults.len()
    }

    #[test]
    fn targets_that_do_not_compile_are_told_and_others_are_not() {
        assert_eq!(faults("pub fn target(input: Absent) {}\n"), 1);
        assert_eq!(faults("pub fn target(_input: &[u8]) {}\n"), 0);
    }
}
