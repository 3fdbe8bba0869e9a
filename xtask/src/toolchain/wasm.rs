//! Which compiler builds for `wasm32-wasip2`: chosen here, and nowhere else.
//!
//! The rlibs of one compiler are refused by another, so a build that mixed two would fail with puzzling messages.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::debian::{self, DebianToolchain};
use super::reproducible;
use super::rustc::{TARGET, native_rustc};
use crate::process::{self, Limited};
use crate::progress;
use crate::workspace::Workspace;

/// Names a way instead of taking the first that works: `rustup` or `debian`. Tests of the set-up use it.
const CHOICE: &str = "GATEHOUSE_WASM_TOOLCHAIN";

/// Time for `rustup target add`: some 25 MB, and a few attempts when the server is away.
const RUSTUP_LIMIT: Duration = Duration::from_secs(180);

/// Flags of the compiler, as `CARGO_ENCODED_RUSTFLAGS` wants them: apart by its own separator.
///
/// * Each component begins with two megabytes of memory instead of with what its data and stack fill (1.3 to 1.5 of them): what most
///   requests use. A memory that grows costs every request two changes of the process's page tables, here and when it is given back.
/// * Vectors of 128 bits are in WebAssembly 2.0 and in every host since 2022. Copies and comparisons take less code with them.
const FLAGS: &str = "-Clink-arg=--initial-memory=2097152\u{1f}-Ctarget-feature=+simd128";

/// A compiler whose standard library for the target is in place.
pub enum WasmToolchain {
    /// The compiler that builds everything else, too.
    Native,
    /// Debian's compiler with a standard library that we built.
    Debian(DebianToolchain),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    FirstThatWorks,
    Rustup,
    Debian,
}

impl WasmToolchain {
    /// Finds a compiler for the target, or brings one.
    ///
    /// What is there already is taken first, so that a second run neither downloads nor asks a server.
    pub fn ready(workspace: &Workspace) -> Result<Self> {
        let choice = choice(env::var(CHOICE).ok().as_deref())?;
        if choice != Choice::Debian && native_has_the_target()? {
            return Ok(Self::Native);
        }
        if choice != Choice::Rustup
            && let Some(toolchain) = debian::existing(workspace)?
        {
            return Ok(Self::Debian(toolchain));
        }
        if choice != Choice::Debian && add_with_rustup()? {
            return Ok(Self::Native);
        }
        if choice == Choice::Rustup {
            bail!("{CHOICE}=rustup, and rustup could not add {TARGET} (its message is above)");
        }
        debian::install(workspace).map(Self::Debian)
    }

    /// A cargo that compiles for the target the crates of the cargo workspace in `folder`. Add `build`, `--target` and what else it
    /// needs.
    pub fn cargo(&self, folder: &Path) -> Result<Command> {
        // First, because it may make the folder in which the sources of other people's crates are.
        let mut fetch = self.cargo_with(FLAGS.into())?;
        fetch.current_dir(folder).args(["fetch", "--quiet", "--locked", "--target", TARGET]);
        process::run(&mut fetch, "fetching the crates")?;
        let mut flags = OsString::from(FLAGS);
        for folder in reproducible::folders_of_sources()? {
            flags.push("\u{1f}");
            flags.push(reproducible::without(&folder));
        }
        self.cargo_with(flags)
    }

    /// A cargo that compiles for the target with these flags, encoded as cargo wants them.
    fn cargo_with(&self, flags: OsString) -> Result<Command> {
        let mut cargo = match self {
            Self::Native => {
                let mut cargo = process::native_cargo();
                cargo.env("CARGO_ENCODED_RUSTFLAGS", flags);
                cargo
            }
            Self::Debian(toolchain) => toolchain.cargo(flags)?,
        };
        // Flags that somebody set for native builds would change the artefact.
        cargo.env_remove("RUSTFLAGS");
        Ok(cargo)
    }
}

impl fmt::Display for WasmToolchain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native => write!(formatter, "{TARGET} of the Rust toolchain in use"),
            Self::Debian(toolchain) => write!(formatter, "{TARGET} {toolchain}"),
        }
    }
}

fn choice(value: Option<&str>) -> Result<Choice> {
    match value {
        None | Some("" | "auto") => Ok(Choice::FirstThatWorks),
        Some("rustup") => Ok(Choice::Rustup),
        Some("debian") => Ok(Choice::Debian),
        Some(other) => {
            bail!("{CHOICE}={other} is not known; it may be `rustup` or `debian`, or unset")
        }
    }
}

fn native_has_the_target() -> Result<bool> {
    let printed = process::output(
        native_rustc().args(["--print", "target-libdir", "--target", TARGET]),
        "asking rustc for its target folder",
    )
    .context("no Rust compiler on this machine? https://rustup.rs has it")?;
    Ok(holds_a_standard_library(Path::new(printed.trim())))
}

fn holds_a_standard_library(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|files| {
        files.flatten().any(|file| {
            let name = PathBuf::from(file.file_name());
            name.extension().is_some_and(|extension| extension == "rlib")
                && name.to_string_lossy().starts_with("libstd-")
        })
    })
}

/// Whether rustup could add the target.
fn add_with_rustup() -> Result<bool> {
    progress::stage(&format!("Adding the target {TARGET} with rustup (once)"));
    let ended = process::run_limited(process::command("rustup").args(["target", "add", TARGET]), RUSTUP_LIMIT)?;
    match ended {
        Limited::Succeeded if native_has_the_target()? => return Ok(true),
        Limited::Succeeded => progress::note("    rustup added it to another toolchain than the one in use."),
        Limited::Failed => progress::note("    rustup could not download it (its message is above)."),
        Limited::TimedOut => {
            progress::note(&format!("    rustup had not finished after {} s.", RUSTUP_LIMIT.as_secs()))
        }
        Limited::Missing => progress::note("    There is no rustup on this machine."),
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_ways_can_be_chosen() {
        assert_eq!(choice(None).unwrap(), Choice::FirstThatWorks);
        assert_eq!(choice(Some("")).unwrap(), Choice::FirstThatWorks);
        assert_eq!(choice(Some("debian")).unwrap(), Choice::Debian);
        assert_eq!(choice(Some("rustup")).unwrap(), Choice::Rustup);
        assert!(choice(Some("nix")).unwrap_err().to_string().contains("nix"));
    }

    #[test]
    fn a_folder_without_libstd_is_not_a_target() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!holds_a_standard_library(&folder.path().join("absent")));
        std::fs::write(folder.path().join("libcore-0.rlib"), "").unwrap();
        assert!(!holds_a_standard_library(folder.path()));
        std::fs::write(folder.path().join("libstd-0.rmeta"), "").unwrap();
        assert!(!holds_a_standard_library(folder.path()));
        std::fs::write(folder.path().join("libstd-0.rlib"), "").unwrap();
        assert!(holds_a_standard_library(folder.path()));
    }
}
