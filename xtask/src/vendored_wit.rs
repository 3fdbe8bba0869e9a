//! `cargo xtask vendor-wit`: `wit/deps` is a copy of what two published crates carry; this makes the copy, or checks
//! it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{process, progress, workspace::Workspace};

#[derive(Args)]
pub struct Arguments {
    /// Change nothing; fail if a file differs
    #[arg(long)]
    check: bool,
}

/// A crate with WIT packages in it, and the version that `wit/deps` was copied from.
struct Source {
    crate_name: &'static str,
    version: &'static str,
}

const SPIN_SDK: Source = Source { crate_name: "spin-sdk", version: "5.2.0" };
const WASIP2: Source = Source { crate_name: "wasip2", version: "2.0.1" };

/// The version of the `wasi:*` packages of [`WASIP2`].
const WASI_VERSION: &str = "0.2.12";
/// Spin's package has its name in another file than the one we need.
const SPIN_PACKAGE: &str = "package fermyon:spin@2.0.0;\n\n";

/// A file of `wit/deps`, by its path there, and what it must hold.
struct Copy {
    path: PathBuf,
    text: String,
}

/// Copies, or compares.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let registry = fetch(workspace)?;
    let copies = copies(&find(&registry, &SPIN_SDK)?, &find(&registry, &WASIP2)?)?;
    let deps = workspace.path("wit/deps");
    if arguments.check {
        let differing = differences(&deps, &copies);
        if !differing.is_empty() {
            bail!("these differ from their sources (or are missing): {}", differing.join(", "));
        }
        progress::say(&format!("wit/deps: {} files are as published", copies.len()));
        return Ok(());
    }
    for copy in &copies {
        let file = deps.join(&copy.path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        fs::write(&file, &copy.text).with_context(|| format!("cannot write {}", file.display()))?;
    }
    progress::say(&format!("wit/deps: {} files copied", copies.len()));
    Ok(())
}

/// Has cargo download the crates, by way of a throw-away crate that depends on them; returns cargo's registry.
fn fetch(workspace: &Workspace) -> Result<PathBuf> {
    let folder = workspace.target().join("vendor-wit");
    fs::create_dir_all(folder.join("src")).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut manifest =
        "[package]\nname = \"vendor-wit\"\nedition = \"2021\"\n\n[workspace]\n\n[dependencies]\n".to_owned();
    for Source { crate_name, version } in [SPIN_SDK, WASIP2] {
        manifest.push_str(&format!("{crate_name} = \"={version}\"\n"));
    }
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("src/lib.rs"), "")?;
    let mut cargo = process::native_cargo();
    process::run(
        cargo.current_dir(&folder).args(["fetch", "--quiet"]),
        "downloading the crates with the WIT packages",
    )?;

    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|user| user.join(".cargo"))).context("there is no home folder")?;
    Ok(home.join("registry/src"))
}

/// The unpacked crate. Its folder's name may end in build metadata: `wasip2-2.0.1+wasi-0.2.12`.
fn find(registry: &Path, source: &Source) -> Result<PathBuf> {
    let name = format!("{}-{}", source.crate_name, source.version);
    let with_metadata = format!("{name}+");
    fs::read_dir(registry)
        .with_context(|| format!("cannot list {}", registry.display()))?
        .flatten()
        .filter_map(|index| fs::read_dir(index.path()).ok())
        .flat_map(|folders| folders.flatten())
        .find(|folder| {
            let found = folder.file_name();
            found.to_string_lossy() == name || found.to_string_lossy().starts_with(&with_metadata)
        })
        .map(|folder| folder.path())
        .with_context(|| format!("cargo did not download {name}"))
}

fn copies(spin_sdk: &Path, wasip2: &Path) -> Result<Vec<Copy>> {
    let mut copies = Vec::new();
    for (name, text) in wit_files(&spin_sdk.join("wit/deps/keyvalue-2024-10-17"))? {
        copies.push(Copy { path: Path::new("wasi-keyvalue@0.2.0-draft2").join(name), text });
    }
    let variables = spin_sdk.join("wit/deps/spin@2.0.0/variables.wit");
    let text = fs::read_to_string(&variables).with_context(|| format!("cannot read {}", variables.display()))?;
    copies
        .push(Copy { path: PathBuf::from("fermyon-spin@2.0.0/variables.wit"), text: format!("{SPIN_PACKAGE}{text}") });
    for (name, text) in wit_files(&wasip2.join("wit/deps"))? {
        let package = name.trim_end_matches(".wit");
        copies.push(Copy { path: PathBuf::from(format!("wasi-{package}@{WASI_VERSION}/{name}")), text });
    }
    Ok(copies)
}

fn wit_files(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".wit") {
            files.push((name, fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?));
        }
    }
    files.sort();
    Ok(files)
}

fn differences(deps: &Path, copies: &[Copy]) -> Vec<String> {
    copies
        .iter()
        .filter(|copy| fs::read_to_string(deps.join(&copy.path)).ok().as_deref() != Some(copy.text.as_str()))
        .map(|copy| copy.path.display().to_string())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_and_a_missing_file_differ_and_an_equal_one_does_not() {
        let deps = tempfile::tempdir().unwrap();
        let copy = |name: &str| Copy { path: PathBuf::from(name), text: "package a:b;\n".to_owned() };
        fs::write(deps.path().join("equal.wit"), "package a:b;\n").unwrap();
        fs::write(deps.path().join("changed.wit"), "package a:c;\n").unwrap();
        let found = differences(deps.path(), &[copy("equal.wit"), copy("changed.wit"), copy("missing.wit")]);
        assert_eq!(found, ["changed.wit", "missing.wit"]);
    }

    #[test]
    fn files_are_found_where_the_crates_have_them_and_spins_gets_its_package_name() {
        let folder = tempfile::tempdir().unwrap();
        let (spin, wasi) = (folder.path().join("spin"), folder.path().join("wasi"));
        for (file, text) in [
            ("spin/wit/deps/keyvalue-2024-10-17/store.wit", "interface store {}\n"),
            ("spin/wit/deps/spin@2.0.0/variables.wit", "interface variables {}\n"),
            ("wasi/wit/deps/io.wit", "package wasi:io@0.2.12;\n"),
            ("wasi/wit/deps/README.md", "not WIT"),
        ] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let copies = copies(&spin, &wasi).unwrap();
        let paths: Vec<String> = copies.iter().map(|copy| copy.path.display().to_string()).collect();
        assert_eq!(
            paths,
            ["wasi-keyvalue@0.2.0-draft2/store.wit", "fermyon-spin@2.0.0/variables.wit", "wasi-io@0.2.12/io.wit"]
        );
        assert_eq!(copies.get(1).unwrap().text, "package fermyon:spin@2.0.0;\n\ninterface variables {}\n");
    }

    #[test]
    fn a_crate_is_found_with_and_without_build_metadata_and_not_by_a_longer_version() {
        let registry = tempfile::tempdir().unwrap();
        let crates = registry.path().join("index.crates.io-0");
        for folder in ["spin-sdk-5.2.0", "wasip2-2.0.10", "wasip2-2.0.1+wasi-0.2.12"] {
            fs::create_dir_all(crates.join(folder)).unwrap();
        }
        assert_eq!(find(registry.path(), &SPIN_SDK).unwrap(), crates.join("spin-sdk-5.2.0"));
        assert_eq!(find(registry.path(), &WASIP2).unwrap(), crates.join("wasip2-2.0.1+wasi-0.2.12"));
    }
}
