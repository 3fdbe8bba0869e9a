//! The repository's own files: what git holds or would take, and nothing that is built or installed.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::process;

/// The files, by their paths from the root, with `/` between the folders.
pub struct Tree {
    root: PathBuf,
    files: BTreeSet<String>,
}

impl Tree {
    /// Asks git, so that new files count before they are committed, and deleted ones do not.
    pub fn of(root: &Path) -> Result<Self> {
        let mut git = process::command("git");
        git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = process::output(&mut git, "asking git for the repository's files")?;
        let is_there = |file: &&str| root.join(file).symlink_metadata().is_ok();
        let files = listed.split('\0').filter(|file| !file.is_empty()).filter(is_there).map(str::to_owned).collect();
        Ok(Self { root: root.to_owned(), files })
    }

    /// All files.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    /// The files whose names end with `ending`.
    pub fn ending(&self, ending: &str) -> impl Iterator<Item = &str> {
        self.files().filter(move |file| file.ends_with(ending))
    }

    /// Whether there is a file or a folder of this path.
    pub fn holds(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        path.is_empty() || self.files.contains(path) || self.below(path).next().is_some()
    }

    /// The files in a folder, at any depth.
    pub fn below(&self, folder: &str) -> impl Iterator<Item = &str> {
        let folder = format!("{}/", folder.trim_end_matches('/'));
        let start = folder.clone();
        self.files.range(start..).map(String::as_str).take_while(move |file| file.starts_with(&folder))
    }

    /// Whether git would leave this path out: what is built or installed there is named in documents, too. Asked for a file and
    /// for a folder: what is not there yet can become either.
    pub fn ignores(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        [path.to_owned(), format!("{path}/")].iter().any(|path| {
            let mut git = process::command("git");
            git.current_dir(&self.root).args(["check-ignore", "--quiet", path]);
            process::succeeds(&mut git, "asking git what it ignores").unwrap_or(false)
        })
    }

    /// A file's text.
    pub fn read(&self, file: &str) -> Result<String> {
        fs::read_to_string(self.root.join(file)).with_context(|| format!("cannot read {file}"))
    }

    /// Those of the files that are symbolic links.
    pub fn symbolic_links(&self) -> impl Iterator<Item = &str> {
        self.files().filter(|file| self.root.join(file).is_symlink())
    }
}
