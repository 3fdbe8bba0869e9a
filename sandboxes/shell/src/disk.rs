//! The shell's file system: bashkit's, in memory, which notes when it was full. Snapshots of the shell cannot bring files into it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use bashkit::{
    DirEntry, Error, FileSystem, FileSystemExt, FsLimits, FsUsage, InMemoryFs, Metadata, Result, VfsEntry, async_trait,
};

/// How bashkit's refusals begin that stand for a limit of the whole file system (`FsLimitExceeded`, which it makes a text of).
const FULL: [&str; 4] = ["filesystem full:", "file too large:", "too many files:", "too many directories:"];

/// The file system.
pub struct Disk {
    files: InMemoryFs,
    was_full: AtomicBool,
}

impl Disk {
    /// An empty one.
    pub fn new(limits: FsLimits) -> Self {
        Self { files: InMemoryFs::with_limits(limits), was_full: AtomicBool::new(false) }
    }

    /// Whether something was refused for want of room.
    pub fn was_full(&self) -> bool {
        self.was_full.load(Ordering::Relaxed)
    }

    /// Adds a file, and the folders above it.
    pub fn add_file(&self, path: &Path, contents: &[u8], mode: u32) {
        self.files.add_file(path, contents, mode);
    }

    /// Adds a folder, and those above it.
    pub fn add_folder(&self, path: &Path) {
        self.files.add_dir(path, 0o755);
    }

    /// Everything in it.
    pub fn entries(&self) -> Vec<VfsEntry> {
        self.files.snapshot().entries().to_vec()
    }

    fn noted<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(Error::Io(error)) = &result {
            let text = error.to_string();
            if FULL.iter().any(|start| text.starts_with(start)) {
                self.was_full.store(true, Ordering::Relaxed);
            }
        }
        result
    }
}

#[async_trait]
impl FileSystemExt for Disk {
    fn usage(&self) -> FsUsage {
        self.files.usage()
    }

    async fn mkfifo(&self, path: &Path, mode: u32) -> Result<()> {
        self.noted(self.files.mkfifo(path, mode).await)
    }

    fn limits(&self) -> FsLimits {
        self.files.limits()
    }

    fn backend_kind(&self) -> &'static str {
        "environment"
    }
}

#[async_trait]
impl FileSystem for Disk {
    async fn read_file(&self, path: &Path) -> Result<Vec<u8>> {
        self.files.read_file(path).await
    }

    async fn write_file(&self, path: &Path, content: &[u8]) -> Result<()> {
        self.noted(self.files.write_file(path, content).await)
    }

    async fn append_file(&self, path: &Path, content: &[u8]) -> Result<()> {
        self.noted(self.files.append_file(path, content).await)
    }

    async fn mkdir(&self, path: &Path, recursive: bool) -> Result<()> {
        self.noted(self.files.mkdir(path, recursive).await)
    }

    async fn remove(&self, path: &Path, recursive: bool) -> Result<()> {
        self.files.remove(path, recursive).await
    }

    async fn stat(&self, path: &Path) -> Result<Metadata> {
        self.files.stat(path).await
    }

    async fn lstat(&self, path: &Path) -> Result<Metadata> {
        self.files.lstat(path).await
    }

    async fn read_dir(&self, path: &Path) -> Result<Vec<DirEntry>> {
        self.files.read_dir(path).await
    }

    async fn exists(&self, path: &Path) -> Result<bool> {
        self.files.exists(path).await
    }

    async fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.noted(self.files.rename(from, to).await)
    }

    async fn copy(&self, from: &Path, to: &Path) -> Result<()> {
        self.noted(self.files.copy(from, to).await)
    }

    async fn symlink(&self, target: &Path, link: &Path) -> Result<()> {
        self.noted(self.files.symlink(target, link).await)
    }

    async fn read_link(&self, path: &Path) -> Result<PathBuf> {
        self.files.read_link(path).await
    }

    async fn chmod(&self, path: &Path, mode: u32) -> Result<()> {
        self.files.chmod(path, mode).await
    }

    async fn set_modified_time(&self, path: &Path, time: bashkit::time::SystemTime) -> Result<()> {
        self.files.set_modified_time(path, time).await
    }
}
