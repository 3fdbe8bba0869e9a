//! Where things are in this repository.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The repository that this xtask was built from.
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The parent of this crate's folder. `cargo run` passes it at run time; a binary started without cargo knows it
    /// from its build.
    pub fn of_this_build() -> Result<Self> {
        let manifest =
            env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest.parent().context("the xtask crate has no parent folder")?.to_owned();
        Ok(Self { root })
    }

    #[cfg(test)]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Where the composed components lie (`spin.toml` names them there) and where set-up keeps what it made. Always
    /// inside the repository, so that deleting `target/` undoes it all.
    pub fn target(&self) -> PathBuf {
        self.path("target")
    }

    /// Where native builds go: the user's `CARGO_TARGET_DIR`, if any, so that nothing is built twice.
    pub fn native_target(&self) -> PathBuf {
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.target(), |dir| self.root.join(dir))
    }

    /// `path` as a person in the repository's folder would write it.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_inside_the_repository_are_shown_relative_to_it_and_others_in_full() {
        let workspace = Workspace::at(Path::new("/repository"));
        assert_eq!(workspace.shown(Path::new("/repository/target/gatehouse.wasm")), "target/gatehouse.wasm");
        assert_eq!(workspace.shown(Path::new("/elsewhere/x")), "/elsewhere/x");
    }
}
