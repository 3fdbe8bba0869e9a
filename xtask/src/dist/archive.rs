//! An archive: a folder with digests of everything in it, packed so that the same files give the same bytes.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace::Workspace;
use crate::{digest, process, progress};

const SUMS: &str = "SHA256SUMS";

/// An archive that is being filled.
pub struct Archive<'a> {
    workspace: &'a Workspace,
    output: PathBuf,
    name: String,
}

impl<'a> Archive<'a> {
    /// An empty one, in the folder `output`. `name` is that of its folder and, with an ending, of its file.
    pub fn begin(workspace: &'a Workspace, output: Option<&Path>, name: String) -> Result<Self> {
        progress::stage(&format!("Packing {name}"));
        let output = output.map_or_else(|| workspace.target().join("dist"), Path::to_owned);
        let archive = Self { workspace, output, name };
        let folder = archive.folder();
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(archive)
    }

    /// The folder with what is in it so far.
    pub fn folder(&self) -> PathBuf {
        self.output.join(&self.name)
    }

    /// Puts a file of the repository, or one at an absolute path, into it.
    pub fn copy(&self, from: impl AsRef<Path>, to: impl AsRef<Path>, mode: u32) -> Result<()> {
        let (from, to) = (self.workspace.root().join(from), self.folder().join(to));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        fs::copy(&from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        set_mode(&to, mode)
    }

    /// Puts a folder of the repository into it, under the same name.
    pub fn copy_folder(&self, folder: &str) -> Result<()> {
        for file in files_below(&self.workspace.path(folder))? {
            let file = Path::new(folder).join(file);
            self.copy(&file, &file, 0o644)?;
        }
        Ok(())
    }

    /// Puts a text into it.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        write(&self.folder().join(name), text)
    }

    /// Packs it, and its digest beside it. What differs from machine to machine and from time to time is left out.
    pub fn pack(self) -> Result<()> {
        self.write(SUMS, &sums(&self.folder())?)?;
        let Self { workspace, output, name } = self;
        let archive = format!("{name}.tar.gz");
        let mut tar = process::command("tar");
        tar.current_dir(&output).args(["--sort=name", "--format=ustar", "--owner=0", "--group=0", "--numeric-owner"]);
        tar.arg(format!("--mtime=@{}", commit_time(workspace)));
        tar.args(["--use-compress-program=gzip -n", "--create", "--file", &archive, &name]);
        process::run(&mut tar, "packing")?;
        let digest = digest::of_file(&output.join(&archive))?;
        write(&output.join(format!("{archive}.sha256")), &format!("{digest}  {archive}\n"))?;
        progress::say(&format!("Packed: {}", workspace.shown(&output.join(archive))));
        Ok(())
    }
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

/// `SOURCE_DATE_EPOCH`, else when the commit was made; the beginning of time outside of git.
fn commit_time(workspace: &Workspace) -> String {
    if let Ok(time) = std::env::var("SOURCE_DATE_EPOCH") {
        return time;
    }
    let mut git = process::command("git");
    git.current_dir(workspace.root()).args(["log", "-1", "--format=%ct"]);
    process::output(&mut git, "asking git for the commit's time").map_or("0".to_owned(), |time| time.trim().to_owned())
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))?;
    set_mode(file, 0o644)
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
