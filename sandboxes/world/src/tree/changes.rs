//! What was there before the run, and what the run has changed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Content, Failure, Id, Tree, WORK, path};

/// What became of the files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Path and contents of those that are new or were written to.
    pub changed: Vec<(String, Vec<u8>)>,
    /// Those that were there and are not.
    pub removed: Vec<String>,
    /// Folders without a file in or below them.
    pub empty_folders: Vec<String>,
}

impl Tree {
    /// Adds a file that the environment has, with the folders on its way.
    ///
    /// # Errors
    /// Where the path is none, or there is no room.
    pub fn load(&mut self, file: &str, contents: Vec<u8>, now: u64) -> Result<(), Failure> {
        let mut folder = WORK;
        let mut names = file.split('/').peekable();
        while let Some(name) = names.next() {
            if !path::is_a_name(name) {
                return Err(Failure::Invalid);
            }
            if names.peek().is_none() {
                let id = self.make(folder, name, Content::File(Vec::new()), now)?;
                self.grow(id, contents.len())?;
                let node = self.node_mut(id)?;
                node.content = Content::File(contents);
                node.changed = false;
                self.loaded.insert(file.to_owned());
                return Ok(());
            }
            folder = match self.child(folder, name)? {
                Some(next) => next,
                None => self.make(folder, name, Content::Folder(BTreeMap::new()), now)?,
            };
        }
        Err(Failure::Invalid)
    }

    /// What has changed since it was loaded. The files' contents are gone from the tree after that.
    pub fn take_changes(&mut self) -> Changes {
        let mut changes = Changes::default();
        let mut there = BTreeSet::new();
        self.collect(WORK, "", &mut there, &mut changes);
        changes.removed = self.loaded.iter().filter(|path| !there.contains(*path)).cloned().collect();
        changes
    }

    /// Whether there are files in or below a folder.
    fn collect(&mut self, folder: Id, prefix: &str, there: &mut BTreeSet<String>, changes: &mut Changes) -> bool {
        let mut any = false;
        for (name, id) in self.children(folder).unwrap_or_default() {
            let path = format!("{prefix}{name}");
            let Some(node) = self.nodes.get_mut(&id) else { continue };
            match &mut node.content {
                Content::File(contents) => {
                    any = true;
                    if node.changed || !self.loaded.contains(&path) {
                        changes.changed.push((path.clone(), std::mem::take(contents)));
                    }
                    there.insert(path);
                }
                Content::Folder(_) => {
                    if self.collect(id, &format!("{path}/"), there, changes) {
                        any = true;
                    } else {
                        changes.empty_folders.push(path);
                    }
                }
            }
        }
        any
    }
}
