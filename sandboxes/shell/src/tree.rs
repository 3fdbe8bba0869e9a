//! The environment's files in the shell's file system, and what a program has made of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bashkit::{FileSystem as _, FsUsage, VfsEntry, VfsEntryKind};
use sandbox_run::{File, Limits, TreePath, WORK_FOLDER};

use crate::disk::Disk;
use crate::kept::Shape;
use crate::limits;

/// The permissions of a file of which nothing else is known.
const USUAL_MODE: u32 = 0o644;
/// What of a mode is kept.
const MODE_BITS: u32 = 0o777;

/// The files as they were before the run.
pub struct Tree {
    before: BTreeMap<TreePath, Vec<u8>>,
    /// Files that this file system cannot hold: they stay as they are, and are not seen.
    unseen: usize,
    shape: Shape,
}

/// What has become of them.
pub struct Changes {
    pub changed: Vec<File>,
    pub removed: Vec<TreePath>,
    pub shape: Shape,
    pub notes: Vec<String>,
}

/// Puts the files into a new file system, and what the tree holds beside them.
pub async fn load(files: Vec<File>, shape: Shape, limits: &Limits) -> (Tree, Disk) {
    let total = |files: &[File]| files.iter().map(|file| size(&file.contents)).sum::<u64>();
    let (bytes, count) = (total(&files), size(&files));
    let room = limits::files(limits, bytes, count);
    let (seen, unseen): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|file| room.validate_path(&absolute(&file.path)).is_ok());
    // What is not seen takes its part of the room; what is there in any case (`/dev/null`) takes none.
    let FsUsage { total_bytes, file_count, .. } = bashkit::FileSystemExt::usage(&Disk::new(room.clone()));
    let (free_bytes, free_files) = (
        room.max_total_bytes.saturating_sub(total(&unseen)).saturating_add(total_bytes),
        room.max_file_count.saturating_sub(size(&unseen)).saturating_add(file_count),
    );
    let disk = Disk::new(room.max_total_bytes(free_bytes).max_file_count(free_files));
    disk.add_folder(Path::new(WORK_FOLDER));
    for file in &seen {
        let mode = shape.modes.get(&file.path).copied().unwrap_or(USUAL_MODE);
        disk.add_file(&absolute(&file.path), &file.contents, mode);
    }
    let before: BTreeMap<_, _> = seen.into_iter().map(|file| (file.path, file.contents)).collect();
    add_shape(&shape, &before, &disk).await;
    (Tree { before, unseen: unseen.len(), shape }, disk)
}

/// Folders and links, unless there are files in their place now.
async fn add_shape(shape: &Shape, files: &BTreeMap<TreePath, Vec<u8>>, disk: &Disk) {
    let is_free = |path: &TreePath| {
        let is_file = |text: &str| TreePath::parse(text).is_ok_and(|path| files.contains_key(&path));
        !is_file(path.as_str()) && !path.folders().any(is_file)
    };
    for path in shape.folders.iter().filter(|path| is_free(path)) {
        disk.add_folder(&absolute(path));
    }
    for (path, target) in shape.links.iter().filter(|(path, _)| is_free(path)) {
        let link = absolute(path);
        if let Some(parent) = link.parent() {
            disk.add_folder(parent);
        }
        // Where a folder is in its place now, the folder stays.
        let _taken = disk.symlink(Path::new(target), &link).await;
    }
}

impl Tree {
    /// Compares with what is there now.
    pub fn changes(mut self, disk: &Disk) -> Changes {
        let mut changes =
            Changes { changed: Vec::new(), removed: Vec::new(), shape: Shape::default(), notes: Vec::new() };
        let mut folders = BTreeSet::new();
        let mut unkept = 0_usize;
        for VfsEntry { path, kind, mode } in disk.entries() {
            if !path.starts_with(WORK_FOLDER) || path == Path::new(WORK_FOLDER) {
                continue;
            }
            let Some(path) = relative(&path) else {
                unkept = unkept.saturating_add(1);
                continue;
            };
            match kind {
                VfsEntryKind::File { content } => {
                    if mode & MODE_BITS != USUAL_MODE {
                        changes.shape.modes.insert(path.clone(), mode & MODE_BITS);
                    }
                    if self.before.remove(&path).is_none_or(|before| before != content) {
                        changes.changed.push(File { path, contents: content });
                    }
                }
                VfsEntryKind::Directory => {
                    folders.insert(path);
                }
                VfsEntryKind::Symlink { target } => {
                    changes.shape.links.insert(path, target.to_string_lossy().into_owned());
                }
                VfsEntryKind::Fifo => unkept = unkept.saturating_add(1),
            }
        }
        changes.removed = self.before.into_keys().collect();
        changes.changed.sort_by(|one, other| one.path.cmp(&other.path));
        changes.shape.folders = folders;
        if changes.shape.links.keys().any(|path| !self.shape.links.contains_key(path)) {
            changes.notes.push("Symbolic links are kept for the shell alone: Python does not see them.".to_owned());
        }
        if unkept > 0 {
            changes.notes.push(format!("{unkept} entries are neither files nor folders and could not be kept."));
        }
        if self.unseen > 0 {
            let unseen = self.unseen;
            changes.notes.push(format!(
                "The shell does not see {unseen} files, whose names have control characters or invisible ones. They stay as they are."
            ));
        }
        changes
    }
}

fn absolute(path: &TreePath) -> PathBuf {
    Path::new(WORK_FOLDER).join(path.as_str())
}

fn relative(path: &Path) -> Option<TreePath> {
    TreePath::parse(path.strip_prefix(WORK_FOLDER).ok()?.to_str()?).ok()
}

fn size<T>(items: &[T]) -> u64 {
    u64::try_from(items.len()).unwrap_or(u64::MAX)
}
