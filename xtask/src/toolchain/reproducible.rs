//! What keeps this machine's folders out of the artefacts, so that every machine makes the same bytes.
//!
//! A place in the source is in the code of everything that can panic. Cargo names our own sources by their paths in the repository, and
//! the standard library comes with names that are nobody's; but the crates of others are named by where cargo keeps them.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Where cargo keeps what it downloads.
pub fn cargo_home() -> Result<PathBuf> {
    let named = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = named.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let home = home.context("neither CARGO_HOME nor a home folder is known")?;
    std::path::absolute(&home).with_context(|| format!("{} is no folder", home.display()))
}

/// The folders in which cargo has unpacked the crates of others: one for each registry, in a fixed order.
pub fn folders_of_sources() -> Result<Vec<PathBuf>> {
    folders_in(&cargo_home()?.join("registry/src"))
}

fn folders_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    Ok(folders)
}

/// The flag by which the compiler leaves `folder` out of the names of files: `aes-0.9.4/src/lib.rs` is left.
pub fn without(folder: &Path) -> OsString {
    let mut flag = OsString::from("--remap-path-prefix=");
    flag.push(folder);
    flag.push("=");
    flag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_of_each_registry_is_left_out_of_names() {
        let source = tempfile::tempdir().unwrap();
        for registry in ["index.crates.io-2", "index.crates.io-1"] {
            fs::create_dir(source.path().join(registry)).unwrap();
        }
        fs::write(source.path().join("file"), "").unwrap();
        let flags: Vec<_> = folders_in(source.path()).unwrap().iter().map(|folder| without(folder)).collect();
        let expected = ["index.crates.io-1", "index.crates.io-2"]
            .map(|registry| OsString::from(format!("--remap-path-prefix={}=", source.path().join(registry).display())));
        assert_eq!(flags, expected);
        assert!(folders_in(&source.path().join("absent")).is_err());
    }
}
