//! A compiler for `wasm32-wasip2` where rustup's server cannot be reached: made from Debian packages.
//!
//! Debian has a current compiler and the source of its standard library (`rustc-web`, `cargo-web`, `rust-web-src`)
//! and, since trixie, a C library for the target (`wasi-libc`), but not the target's standard library. So that is
//! built here, once, into a sysroot of our own under `target/`; nothing is written into the machine's.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use super::{apt, rustc};
use crate::stamp::Stamp;
use crate::workspace::Workspace;
use crate::{process, progress};

/// The compiler, its cargo, and the source of its standard library: three packages of one version.
const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
/// Not the `rustc` on the search path, which is rustup's.
const RUSTC: &str = "/usr/bin/rustc";
const CARGO: &str = "/usr/bin/cargo";
/// bookworm's `wasi-libc` is too old for this target; the package depends on nothing, so a newer release's serves.
const LIBC_PACKAGE: &str = "wasi-libc";
const LIBC_SUITE: &str = "trixie";
const LIBC_FOLDER: &str = "usr/lib/wasm32-wasip2";
/// What the linker looks for in `self-contained`.
const LIBC_FILES: [&str; 3] = ["libc.a", "crt1-command.o", "crt1-reactor.o"];
/// The throw-away crate that makes cargo build the standard library.
const STD_CRATE: &str = "std-for-wasm";
/// Where it is built.
const STD_BUILD: &str = "std-build";
/// Part of the stamp. Change it whenever the recipe below changes.
const RECIPE: &str = "std + panic_abort, embedded bitcode, wasi-libc of trixie; 1";

/// Debian's compiler with our sysroot.
pub struct DebianToolchain {
    sysroot: PathBuf,
    linkers: PathBuf,
    version: String,
}

impl DebianToolchain {
    /// A cargo that compiles for the target against our sysroot, with these flags as well.
    pub fn cargo(&self, mut flags: OsString) -> Result<Command> {
        flags.push("\u{1f}--sysroot=");
        flags.push(&self.sysroot);
        let mut cargo = cargo_with_linkers(&self.linkers)?;
        // The encoded form, because a path may hold spaces. It reaches the target only, not build scripts: `--target`
        // is given.
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags);
        Ok(cargo)
    }
}

impl fmt::Display for DebianToolchain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "of Debian's {} in {}", self.version, self.sysroot.display())
    }
}

/// The toolchain, if an earlier run made it with the compiler that is installed now.
pub fn existing(workspace: &Workspace) -> Result<Option<DebianToolchain>> {
    if !Path::new(RUSTC).is_file() || !Path::new(CARGO).is_file() {
        return Ok(None);
    }
    let version = compiler_version()?;
    if !stamp(workspace, &version).is_current() {
        return Ok(None);
    }
    let sysroot = sysroot(workspace);
    Ok(Some(DebianToolchain { sysroot, linkers: linkers()?, version: first_line(&version) }))
}

/// Brings everything. Needs a Debian machine, its mirror and crates.io.
pub fn install(workspace: &Workspace) -> Result<DebianToolchain> {
    progress::stage("Making a compiler for wasm32-wasip2 from Debian packages instead (once, 1 to 3 minutes)");
    progress::note(
        "    It stays in target/wasm-toolchain, apart from three Debian packages: docs/set-up.md says why and what.",
    );
    let linkers = linkers()?;
    apt::install(&PACKAGES, "Debian's Rust compiler and the source of its standard library").context(
        "the target wasm32-wasip2 is missing, rustup could not bring it, and the other way needs Debian 12 or newer; \
         run `rustup target add wasm32-wasip2` where its server can be reached",
    )?;
    let version = compiler_version()?;
    let scratch = scratch(workspace);
    fs::create_dir_all(&scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
    let stamp = stamp(workspace, &version);
    stamp.clear()?;

    progress::stage(&format!("Downloading {LIBC_PACKAGE} from Debian {LIBC_SUITE} into {}", workspace.shown(&scratch)));
    let libc = libc(&scratch)?;

    let started = Instant::now();
    progress::stage(&format!("Building the standard library for wasm32-wasip2 with {}", first_line(&version)));
    let rlibs = build_standard_library(&scratch, &libc, &linkers)?;
    let sysroot = sysroot(workspace);
    fill_sysroot(&sysroot, &rlibs, &libc)?;
    stamp.set()?;
    // The sysroot has what is needed of it; what is left over does no harm.
    let _ = fs::remove_dir_all(scratch.join(STD_BUILD));
    progress::note(&format!("    built in {}", progress::elapsed(started)));
    Ok(DebianToolchain { sysroot, linkers, version: first_line(&version) })
}

fn scratch(workspace: &Workspace) -> PathBuf {
    workspace.target().join("wasm-toolchain")
}

fn sysroot(workspace: &Workspace) -> PathBuf {
    scratch(workspace).join("sysroot")
}

fn stamp(workspace: &Workspace, version: &str) -> Stamp {
    Stamp::new(scratch(workspace).join("stamp"), &[version, RECIPE])
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn compiler_version() -> Result<String> {
    process::output(process::command(RUSTC).arg("-vV"), "asking Debian's rustc for its version")
}

/// The folder with `wasm-component-ld` and `rust-lld`, which Debian does not have. Every rustup toolchain has them.
fn linkers() -> Result<PathBuf> {
    let mut rustc = rustc::native_rustc();
    let sysroot = process::output(rustc.args(["--print", "sysroot"]), "asking rustc for its sysroot")?;
    let mut rustc = rustc::native_rustc();
    let version = process::output(rustc.arg("-vV"), "asking rustc for its version")?;
    let host = host_triple(&version).context("`rustc -vV` does not tell its host")?;
    let folder = Path::new(sysroot.trim()).join("lib/rustlib").join(host).join("bin");
    if !folder.join("wasm-component-ld").is_file() {
        bail!("{} has no wasm-component-ld; a Rust toolchain from https://rustup.rs has one", folder.display());
    }
    Ok(folder)
}

fn host_triple(version: &str) -> Option<&str> {
    version.lines().find_map(|line| line.strip_prefix("host: "))
}

fn cargo_with_linkers(linkers: &Path) -> Result<Command> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = [linkers.to_owned(), linkers.join("gcc-ld")].into_iter().chain(env::split_paths(&path));
    let mut cargo = process::command(CARGO);
    cargo.env("PATH", env::join_paths(folders).context("a folder on the search path has a colon in its name")?);
    cargo.env("RUSTC", RUSTC);
    // Wrappers are chosen for the native compiler; rustup's choice means nothing to Debian's.
    for variable in ["RUSTFLAGS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTUP_TOOLCHAIN", "CARGO"] {
        cargo.env_remove(variable);
    }
    Ok(cargo)
}

/// The target's C library, unpacked; returns its folder.
fn libc(scratch: &Path) -> Result<PathBuf> {
    let unpacked = scratch.join("libc");
    let folder = unpacked.join(LIBC_FOLDER);
    if LIBC_FILES.iter().all(|file| folder.join(file).is_file()) {
        return Ok(folder);
    }
    let package = apt::download_from_suite(LIBC_PACKAGE, LIBC_SUITE, &scratch.join("apt"))?;
    let unpacking = format!("unpacking {}", package.display());
    process::run(process::command("dpkg").arg("-x").arg(&package).arg(&unpacked), &unpacking)?;
    for file in LIBC_FILES {
        if !folder.join(file).is_file() {
            bail!("{} has no {LIBC_FOLDER}/{file}", package.display());
        }
    }
    Ok(folder)
}

/// Builds `std` for the target on a throw-away crate; returns the folder with the rlibs.
fn build_standard_library(scratch: &Path, libc: &Path, linkers: &Path) -> Result<PathBuf> {
    let package = scratch.join(STD_BUILD);
    // Whatever an interrupted or older build left would end up in the sysroot, too.
    if package.exists() {
        fs::remove_dir_all(&package).with_context(|| format!("cannot remove {}", package.display()))?;
    }
    fs::create_dir_all(package.join("src")).with_context(|| format!("cannot create {}", package.display()))?;
    fs::write(package.join("Cargo.toml"), throw_away_manifest())?;
    fs::write(package.join("src/lib.rs"), "")?;

    // Fat LTO of a component fails with "can't find section .llvmbc" unless the standard library has its bitcode
    // embedded.
    let mut flags = OsString::from("-Cembed-bitcode=yes\u{1f}-L\u{1f}native=");
    flags.push(libc);
    let mut cargo = cargo_with_linkers(linkers)?;
    cargo
        .current_dir(&package)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", flags)
        .args(["build", "-Zbuild-std=std,panic_abort", "--release", "--target", rustc::TARGET, "--target-dir"])
        .arg(package.join("target"));
    process::run(&mut cargo, "building the standard library")?;
    Ok(package.join("target").join(rustc::TARGET).join("release/deps"))
}

/// A manifest that is its own workspace, so that cargo does not look for one above it: it lies inside ours.
fn throw_away_manifest() -> String {
    format!(
        "[package]\nname = \"{STD_CRATE}\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n\n[profile.release]\npanic = \"abort\"\n"
    )
}

/// Puts the libraries where the compiler looks for them under `--sysroot`.
fn fill_sysroot(sysroot: &Path, rlibs: &Path, libc: &Path) -> Result<()> {
    if sysroot.exists() {
        fs::remove_dir_all(sysroot).with_context(|| format!("cannot remove {}", sysroot.display()))?;
    }
    let libraries = sysroot.join("lib/rustlib").join(rustc::TARGET).join("lib");
    let self_contained = libraries.join("self-contained");
    fs::create_dir_all(&self_contained).with_context(|| format!("cannot create {}", self_contained.display()))?;
    for file in fs::read_dir(rlibs).with_context(|| format!("cannot list {}", rlibs.display()))? {
        let file = file?;
        let name = file.file_name();
        if belongs_to_standard_library(&name.to_string_lossy()) {
            fs::copy(file.path(), libraries.join(&name))
                .with_context(|| format!("cannot copy {}", file.path().display()))?;
        }
    }
    for name in LIBC_FILES {
        let file = libc.join(name);
        fs::copy(&file, self_contained.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
    }
    Ok(())
}

fn belongs_to_standard_library(file: &str) -> bool {
    file.ends_with(".rlib") && !file.starts_with(&format!("lib{}-", STD_CRATE.replace('-', "_")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_read_from_what_rustc_prints() {
        let printed =
            "rustc 1.95.0 (59807616e 2026-04-14)\nbinary: rustc\nhost: x86_64-unknown-linux-gnu\nrelease: 1.95.0\n";
        assert_eq!(host_triple(printed), Some("x86_64-unknown-linux-gnu"));
        assert_eq!(host_triple("rustc 1.95.0"), None);
    }

    #[test]
    fn the_throw_away_crate_and_metadata_stay_out_of_the_sysroot() {
        assert!(belongs_to_standard_library("libstd-400d366749b792af.rlib"));
        assert!(belongs_to_standard_library("libwasi-02b905a6528c5c9b.rlib"));
        assert!(!belongs_to_standard_library("libstd-400d366749b792af.rmeta"));
        assert!(!belongs_to_standard_library("libstd_for_wasm-400d366749b792af.rlib"));
        assert!(!belongs_to_standard_library("std-400d366749b792af.d"));
    }

    #[test]
    fn the_sysroot_holds_the_libraries_of_the_last_build_only() {
        let folder = tempfile::tempdir().unwrap();
        let (rlibs, libc, sysroot) =
            (folder.path().join("deps"), folder.path().join("libc"), folder.path().join("sysroot"));
        fs::create_dir_all(&rlibs).unwrap();
        fs::create_dir_all(&libc).unwrap();
        for file in LIBC_FILES {
            fs::write(libc.join(file), file).unwrap();
        }
        fs::write(rlibs.join("libstd-1.rlib"), "old").unwrap();
        fill_sysroot(&sysroot, &rlibs, &libc).unwrap();
        fs::rename(rlibs.join("libstd-1.rlib"), rlibs.join("libstd-2.rlib")).unwrap();
        fill_sysroot(&sysroot, &rlibs, &libc).unwrap();

        let libraries = sysroot.join("lib/rustlib/wasm32-wasip2/lib");
        assert!(!libraries.join("libstd-1.rlib").exists());
        assert!(libraries.join("libstd-2.rlib").exists());
        assert!(libraries.join("self-contained/crt1-command.o").exists());
    }
}
