//! What `cargo metadata` tells of the workspace and of its dependencies, as far as it is needed here.
//!
//! Read by hand, because the crate for it has serde_json and serde compiled with other features for all of the workspace: every
//! test would then build wasmtime anew.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;
use crate::workspace::Workspace;

/// The packages: the workspace's, or with their dependencies.
#[derive(Deserialize)]
pub struct Metadata {
    packages: Vec<Package>,
    /// The ids of our own.
    workspace_members: Vec<String>,
}

/// A package in one version.
#[derive(Deserialize)]
pub struct Package {
    id: String,
    pub name: String,
    /// With its build metadata: `2.0.1+wasi-0.2.12`.
    pub version: String,
    #[serde(default)]
    pub authors: Vec<String>,
    /// The registry that it is from; `None` for our own.
    #[serde(default)]
    source: Option<String>,
    manifest_path: PathBuf,
    pub targets: Vec<Target>,
    pub dependencies: Vec<Dependency>,
}

/// What is compiled of a package, by itself.
#[derive(Deserialize)]
pub struct Target {
    /// `lib`, `bin`, `test` and so on.
    pub kind: Vec<String>,
    pub src_path: PathBuf,
}

/// A dependency, as the manifest has it.
#[derive(Deserialize)]
pub struct Dependency {
    pub name: String,
    /// `None` for a normal one; else `dev` or `build`.
    pub kind: Option<String>,
    /// The version that is required, such as `=2.0.1`.
    pub req: String,
    /// The folder, where it is one of ours.
    pub path: Option<PathBuf>,
}

impl Metadata {
    /// The packages alone of the cargo workspace in this folder of the repository. Nothing is downloaded.
    pub fn of_the_workspace(folder: &Path) -> Result<Self> {
        Self::read(folder, &["--no-deps"])
    }

    /// All packages of the lock file. Cargo downloads those that are not there.
    pub fn of_all(workspace: &Workspace) -> Result<Self> {
        Self::of_all_in(workspace.root())
    }

    /// The same of the cargo workspace in `folder`.
    pub fn of_all_in(folder: &Path) -> Result<Self> {
        Self::read(folder, &["--locked"])
    }

    fn read(folder: &Path, arguments: &[&str]) -> Result<Self> {
        let mut cargo = process::native_cargo();
        cargo.current_dir(folder).args(["metadata", "--format-version", "1"]).args(arguments);
        let text = process::output(&mut cargo, "asking cargo for the workspace's packages")?;
        serde_json::from_str(&text).context("cannot read what cargo metadata prints")
    }

    /// Our own packages.
    pub fn ours(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// The packages of this name.
    pub fn packages_named(&self, name: &str) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(move |package| package.name == name)
    }

    /// The package of this name in this version.
    pub fn package(&self, name: &str, version: &str) -> Option<&Package> {
        self.packages_named(name).find(|package| package.version == version)
    }

    /// The package of this name that one of ours requires in one version; others may require other ones.
    pub fn pinned(&self, name: &str) -> Result<&Package> {
        let wanted = self.ours().flat_map(|package| &package.dependencies).find(|dependency| dependency.name == name);
        let wanted = wanted.with_context(|| format!("no crate of ours depends on {name}"))?;
        let is_it = |version: &str| version.split('+').next() == Some(wanted.req.trim_start_matches('='));
        let found = self.packages.iter().find(|package| package.name == name && is_it(&package.version));
        found.with_context(|| format!("there is no package {name} {}", wanted.req))
    }
}

impl Package {
    /// The folder of its manifest.
    pub fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new(""))
    }

    /// Whether it is of this repository.
    pub fn is_ours(&self) -> bool {
        self.source.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{
        "packages": [
            {"id": "ours", "name": "adapter", "version": "0.1.0", "manifest_path": "/r/adapter/Cargo.toml", "targets": [],
             "dependencies": [{"name": "wasip2", "kind": null, "req": "=2.0.1", "path": null, "features": []}]},
            {"id": "1", "name": "wasip2", "version": "1.0.4+wasi-0.2.12", "manifest_path": "/c/1/Cargo.toml", "targets": [], "dependencies": []},
            {"id": "2", "name": "wasip2", "version": "2.0.1+wasi-0.2.12", "manifest_path": "/c/2/Cargo.toml", "targets": [], "dependencies": []}
        ],
        "workspace_members": ["ours"], "resolve": null}"#;

    #[test]
    fn of_two_versions_the_one_is_found_that_we_require() {
        let metadata: Metadata = serde_json::from_str(PRINTED).unwrap();
        assert_eq!(metadata.ours().map(|package| package.name.as_str()).collect::<Vec<_>>(), ["adapter"]);
        assert_eq!(metadata.pinned("wasip2").unwrap().folder(), Path::new("/c/2"));
        assert!(metadata.pinned("spin-sdk").is_err());
    }
}
