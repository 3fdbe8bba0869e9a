//! `cargo xtask dist`: one archive with everything that runs Gatehouse on a Linux machine without Rust.

mod sbom;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use crate::workspace::Workspace;
use crate::{build, digest, process, progress};

/// The files of the archive that are in the repository as they are.
const FILES: [(&str, &str); 8] = [
    ("examples/archive/README.md", "README.md"),
    ("examples/archive/gatehouse.toml", "gatehouse.toml"),
    ("examples/archive/Containerfile", "Containerfile"),
    ("target/gatehouse.wasm", "gatehouse.wasm"),
    ("target/gatehouse-wasmcloud.wasm", "gatehouse-wasmcloud.wasm"),
    ("target/gatehouse-otel.wasm", "gatehouse-otel.wasm"),
    ("target/gatehouse-wasmcloud-otel.wasm", "gatehouse-wasmcloud-otel.wasm"),
    ("LICENSE", "LICENSE"),
];
/// The folder with what the targets of deployment read, which is in the archive as it is.
const DEPLOYMENT: &str = "deploy";
/// The program, in the archive.
const PROGRAM: &str = "gatehouse";
const SBOM: &str = "gatehouse.cdx.json";
const SUMS: &str = "SHA256SUMS";

#[derive(Args)]
pub struct Arguments {
    /// Where the archive goes [default: target/dist]
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Pack what was built before, as it is
    #[arg(long)]
    no_build: bool,
    /// Pack this program, in place of target/native/gatehouse
    #[arg(long, value_name = "FILE", requires = "no_build")]
    program: Option<PathBuf>,
}

/// Builds what is shipped, and packs it. The same commit and program give the same bytes.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    if !arguments.no_build {
        build::all(workspace)?;
        build::released_program(workspace.root(), &workspace.native_target())?;
    }
    let program = arguments.program.clone().unwrap_or_else(|| workspace.native_target().join("native/gatehouse"));
    ensure!(program.is_file(), "{} is not there; leave out --no-build", program.display());

    let name = name();
    let output = arguments.output.clone().unwrap_or_else(|| workspace.target().join("dist"));
    let folder = output.join(&name);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    progress::stage(&format!("Packing {name}"));
    for (from, to) in FILES {
        copy(&workspace.path(from), &folder.join(to), 0o644)?;
    }
    let deployment = workspace.path(DEPLOYMENT);
    for file in files_below(&deployment)? {
        copy(&deployment.join(&file), &folder.join(DEPLOYMENT).join(&file), 0o644)?;
    }
    copy(&program, &folder.join(PROGRAM), 0o755)?;
    compile_ahead(&program, &folder)?;
    write(&folder.join("spin.toml"), &manifest(&read(&workspace.path("spin.toml"))?)?)?;
    write(&folder.join(SBOM), &sbom::of(workspace)?)?;
    write(&folder.join(SUMS), &sums(&folder)?)?;
    let archive = pack(workspace, &output, &name)?;
    progress::say(&format!("Packed: {}", workspace.shown(&archive)));
    Ok(())
}

/// Packs what was built before into `output`; returns the folder that is in the archive.
pub fn pack_into(workspace: &Workspace, output: &Path) -> Result<PathBuf> {
    run(workspace, &Arguments { output: Some(output.to_owned()), no_build: true, program: None })?;
    Ok(output.join(name()))
}

/// The archive's name, without its ending.
fn name() -> String {
    format!("gatehouse-{}-{}-linux", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH)
}

/// Leaves the artefact's machine code beside it, so that the first start need not compile it.
fn compile_ahead(program: &Path, folder: &Path) -> Result<()> {
    let mut compile = process::command(program);
    compile.arg("compile").arg(folder.join("gatehouse.wasm"));
    process::run(&mut compile, "compiling the artefact for its first start")
}

/// The manifest, with the artefact beside it and without what builds it.
fn manifest(shipped: &str) -> Result<String> {
    const SOURCE: &str = "source = \"target/gatehouse.wasm\"";
    const BUILD: &str = "[component.gatehouse.build]";
    ensure!(shipped.matches(SOURCE).count() == 1, "spin.toml has no {SOURCE}");
    let (before, build) = shipped.split_once(BUILD).context("spin.toml has no build section")?;
    ensure!(!build.contains("\n["), "spin.toml has a section behind {BUILD}");
    Ok(format!("{}\n", before.replace(SOURCE, "source = \"gatehouse.wasm\"").trim_end()))
}

/// The digests of all files below `folder`, as `sha256sum -c` reads them.
fn sums(folder: &Path) -> Result<String> {
    let line = |file: &PathBuf| Ok(format!("{}  {}\n", digest::of_file(&folder.join(file))?, file.display()));
    files_below(folder)?.iter().map(line).collect()
}

/// The files below `folder`, by their paths in it, in a fixed order.
fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        let path = folder.join(&below);
        for entry in fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))? {
            let entry = entry.with_context(|| format!("cannot list {}", path.display()))?;
            let place = below.join(entry.file_name());
            if entry.path().is_dir() { folders.push(place) } else { found.push(place) }
        }
    }
    found.sort();
    Ok(found)
}

/// Packs the folder `name` of `output`; what differs from machine to machine and from time to time is left out.
fn pack(workspace: &Workspace, output: &Path, name: &str) -> Result<PathBuf> {
    let archive = format!("{name}.tar.gz");
    let mut tar = process::command("tar");
    tar.current_dir(output).args(["--sort=name", "--format=ustar", "--owner=0", "--group=0", "--numeric-owner"]);
    tar.arg(format!("--mtime=@{}", commit_time(workspace)));
    tar.args(["--use-compress-program=gzip -n", "--create", "--file", &archive, name]);
    process::run(&mut tar, "packing")?;
    let archive = output.join(archive);
    let digest = digest::of_file(&archive)?;
    write(&output.join(format!("{name}.tar.gz.sha256")), &format!("{digest}  {name}.tar.gz\n"))?;
    Ok(archive)
}

/// `SOURCE_DATE_EPOCH`, else when the commit was made; the beginning of time outside of git.
fn commit_time(workspace: &Workspace) -> String {
    if let Ok(time) = std::env::var("SOURCE_DATE_EPOCH") {
        return time;
    }
    let mut git = process::command("git");
    git.current_dir(workspace.root()).args(["log", "-1", "--format=%ct"]);
    process::output(&mut git, "asking git for the commit's time").map_or("0".to_owned(), |time| time.trim().to_owned())
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    set_mode(file, 0o644)
}

fn copy(from: &Path, to: &Path, mode: u32) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    set_mode(to, mode)
}

#[cfg(unix)]
fn set_mode(file: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let set = fs::set_permissions(file, fs::Permissions::from_mode(mode));
    set.with_context(|| format!("cannot set the mode of {}", file.display()))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archives_manifest_has_the_artefact_beside_it_and_builds_nothing() {
        let manifest = manifest(include_str!("../../spin.toml")).unwrap();
        assert!(manifest.contains("\nsource = \"gatehouse.wasm\"\n") && !manifest.contains("cargo"), "{manifest}");
        assert!(manifest.contains("registration_token = \"{{ registration_token }}\"\n"));
        assert!(super::manifest("[component.gatehouse]\nsource = \"other.wasm\"\n").is_err());
    }

    #[test]
    fn the_sums_are_those_that_sha256sum_reads() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("b")).unwrap();
        fs::write(folder.path().join("b/c"), "").unwrap();
        fs::write(folder.path().join("a"), "abc").unwrap();
        assert_eq!(
            sums(folder.path()).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n\
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b/c\n"
        );
    }
}
