//! `cargo xtask vendor-wit`: `wit/deps` is a copy of what four published crates carry; this makes the copy, or checks
//! it. What no crate carries that we depend on is held against its digest.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::digest;
use crate::metadata::Metadata;
use crate::progress;
use crate::workspace::Workspace;

#[derive(Args)]
pub struct Arguments {
    /// Change nothing; fail if a file differs
    #[arg(long)]
    check: bool,
}

/// The crate that carries Spin's interfaces, and the `wasi:keyvalue` that Spin has.
const SPIN_SDK: &str = "spin-sdk";
/// The crates that carry the `wasi:keyvalue` and `wasi:config` of wasmCloud and wasmtime.
const WASMTIME_KEYVALUE: &str = "wasmtime-wasi-keyvalue";
const WASMTIME_CONFIG: &str = "wasmtime-wasi-config";
/// The crate that carries `wasi:*`. Its version ends with theirs: `2.0.1+wasi-0.2.12`.
const WASIP2: &str = "wasip2";
/// Spin's package has its name in another file than the one we need.
const SPIN_PACKAGE: &str = "package fermyon:spin@2.0.0;\n\n";

/// The files of `wasi:otel` as spin-sdk 7.0.0 carries them, and wash 2.10 and Spin 4.1 have them. The repository of the proposal has since changed
/// `tracing.wit` under the same version. We cannot depend on that crate: its other packages are none that we want in the lock file.
const OTEL: (&str, [(&str, &str); 5]) = (
    "wasi-otel@0.2.0-rc.2",
    [
        ("logs.wit", "80b3bde0c89cdaaf00036436635650d33f95e36ed14f82df42d93cdb46afb888"),
        ("metrics.wit", "28fc854ae5bd3cbb6dbc01306f080991ad04f4f7a5f26cb4e33115623cfca651"),
        ("tracing.wit", "be050cd47f1fedfe34cf2bd117f52d863dbe34222411613c94fd1559a8ed75a7"),
        ("types.wit", "903b882c78715a452f4740587fd3a5c1e6ca695bb1c330a667e3f87057de02a6"),
        ("world.wit", "f8e150d584ef48d20173dc63b1f8a08c3901fd449d012dd510718dbc53330981"),
    ],
);

/// A file of `wit/deps`, by its path there, and what it must hold.
struct Copy {
    path: PathBuf,
    text: String,
}

/// Copies, or compares.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if arguments.check {
        let (files, differing) = compare(workspace)?;
        if !differing.is_empty() {
            bail!("these differ from their sources (or are missing): {}", differing.join(", "));
        }
        progress::say(&format!("wit/deps: {files} files are as published"));
        return Ok(());
    }
    let copies = published(workspace)?;
    let deps = workspace.path("wit/deps");
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

/// How many files of `wit/deps` were compared with their sources, and which of them differ or are missing.
pub fn compare(workspace: &Workspace) -> Result<(usize, Vec<String>)> {
    let (copies, deps) = (published(workspace)?, workspace.path("wit/deps"));
    let mut differing = differences(&deps, &copies);
    let (package, files) = OTEL;
    for (name, sha256) in files {
        let file = Path::new(package).join(name);
        if digest::of_file(&deps.join(&file)).ok().as_deref() != Some(sha256) {
            differing.push(file.display().to_string());
        }
    }
    Ok((copies.len() + files.len(), differing))
}

/// What the crates carry that our components depend on, in the versions of the lock file. Cargo downloads them if need be.
fn published(workspace: &Workspace) -> Result<Vec<Copy>> {
    let metadata = Metadata::of_all(workspace)?;
    let (spin_sdk, wasip2) = (metadata.pinned(SPIN_SDK)?, metadata.pinned(WASIP2)?);
    let wasi_version = wasip2.version.split_once("+wasi-").map(|(_, version)| version);
    let wasi_version =
        wasi_version.with_context(|| format!("{WASIP2} {} does not tell its version of WASI", wasip2.version))?;
    let sources = Sources {
        spin_sdk: spin_sdk.folder(),
        wasmtime_keyvalue: metadata.pinned(WASMTIME_KEYVALUE)?.folder(),
        wasmtime_config: metadata.pinned(WASMTIME_CONFIG)?.folder(),
        wasip2: wasip2.folder(),
    };
    copies(&sources, wasi_version)
}

/// The folders of the crates.
struct Sources<'a> {
    spin_sdk: &'a Path,
    wasmtime_keyvalue: &'a Path,
    wasmtime_config: &'a Path,
    wasip2: &'a Path,
}

fn copies(sources: &Sources<'_>, wasi_version: &str) -> Result<Vec<Copy>> {
    let mut copies = Vec::new();
    for (package, folder) in [
        ("wasi-keyvalue@0.2.0-draft2", sources.spin_sdk.join("wit/deps/keyvalue-2024-10-17")),
        ("wasi-keyvalue@0.2.0-draft", sources.wasmtime_keyvalue.join("wit/deps/keyvalue")),
        ("wasi-config@0.2.0-rc.1", sources.wasmtime_config.join("wit/deps/config")),
        // Of `wasi:otel`, which has its times.
        ("wasi-clocks@0.2.0", sources.spin_sdk.join("wit/deps/clocks@0.2.0")),
        ("wasi-io@0.2.0", sources.spin_sdk.join("wit/deps/io@0.2.0")),
    ] {
        for (name, text) in wit_files(&folder)? {
            copies.push(Copy { path: Path::new(package).join(name), text });
        }
    }
    let variables = sources.spin_sdk.join("wit/deps/spin@2.0.0/variables.wit");
    let text = fs::read_to_string(&variables).with_context(|| format!("cannot read {}", variables.display()))?;
    copies
        .push(Copy { path: PathBuf::from("fermyon-spin@2.0.0/variables.wit"), text: format!("{SPIN_PACKAGE}{text}") });
    for (name, text) in wit_files(&sources.wasip2.join("wit/deps"))? {
        let package = name.trim_end_matches(".wit");
        copies.push(Copy { path: PathBuf::from(format!("wasi-{package}@{wasi_version}/{name}")), text });
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
        let [spin, keyvalue, config, wasi] =
            ["spin", "keyvalue", "config", "wasi"].map(|name| folder.path().join(name));
        for (file, text) in [
            ("spin/wit/deps/keyvalue-2024-10-17/store.wit", "interface store {}\n"),
            ("spin/wit/deps/spin@2.0.0/variables.wit", "interface variables {}\n"),
            ("keyvalue/wit/deps/keyvalue/store.wit", "interface store {}\n"),
            ("config/wit/deps/config/store.wit", "interface store {}\n"),
            ("spin/wit/deps/clocks@0.2.0/wall-clock.wit", "interface wall-clock {}\n"),
            ("spin/wit/deps/io@0.2.0/poll.wit", "interface poll {}\n"),
            ("wasi/wit/deps/io.wit", "package wasi:io@0.2.12;\n"),
            ("wasi/wit/deps/README.md", "not WIT"),
        ] {
            let file = folder.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let sources =
            Sources { spin_sdk: &spin, wasmtime_keyvalue: &keyvalue, wasmtime_config: &config, wasip2: &wasi };
        let copies = copies(&sources, "0.2.12").unwrap();
        let paths: Vec<String> = copies.iter().map(|copy| copy.path.display().to_string()).collect();
        assert_eq!(
            paths,
            [
                "wasi-keyvalue@0.2.0-draft2/store.wit",
                "wasi-keyvalue@0.2.0-draft/store.wit",
                "wasi-config@0.2.0-rc.1/store.wit",
                "wasi-clocks@0.2.0/wall-clock.wit",
                "wasi-io@0.2.0/poll.wit",
                "fermyon-spin@2.0.0/variables.wit",
                "wasi-io@0.2.12/io.wit"
            ]
        );
        assert_eq!(copies.get(5).unwrap().text, "package fermyon:spin@2.0.0;\n\ninterface variables {}\n");
    }
}
