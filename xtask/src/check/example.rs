//! A small repository for the tests of the checks.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::tree::Tree;

/// A new git repository with these files, by path and text.
pub fn repository(files: &[(&str, &str)]) -> (TempDir, Tree) {
    let folder = folder(files);
    let made = Command::new("git").args(["init", "--quiet"]).current_dir(folder.path()).status().unwrap();
    assert!(made.success());
    let tree = Tree::of(folder.path()).unwrap();
    (folder, tree)
}

/// A folder with these files.
pub fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        write(folder.path(), path, text);
    }
    folder
}

fn write(folder: &Path, path: &str, text: &str) {
    let file = folder.join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, text).unwrap();
}
