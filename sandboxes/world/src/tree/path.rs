//! What paths mean in the tree.

use super::{Content, Failure, Id, MOST_BYTES_OF_A_NAME, MOST_BYTES_OF_A_PATH, ROOT, Tree};

/// Whether a folder can have something of this name.
pub(super) fn is_a_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

impl Tree {
    /// The folder that a path leads to, and the last name in it, which may be that of nothing; no name where the path ends with `.`, `..`
    /// or nothing. And whether the path can only be that of a folder.
    pub(super) fn walk<'a>(&self, from: Id, path: &'a str) -> Result<(Id, Option<&'a str>, bool), Failure> {
        if path.is_empty() {
            return Err(Failure::Absent);
        }
        // Absolute paths are libc's affair: it knows what is open.
        if path.starts_with('/') {
            return Err(Failure::NotPermitted);
        }
        let mut above = Vec::new();
        let mut here = from;
        let mut names = path.split('/').filter(|name| !matches!(*name, "" | ".")).peekable();
        let must_be_folder = path.ends_with('/') || path.ends_with("/.") || path.ends_with("..");
        while let Some(name) = names.next() {
            if !matches!(self.node(here)?.content, Content::Folder(_)) {
                return Err(Failure::NotFolder);
            }
            if name == ".." {
                // What is above the root is the root.
                here = match above.pop() {
                    Some(folder) => folder,
                    None if from == ROOT => ROOT,
                    None => return Err(Failure::NotPermitted),
                };
                continue;
            }
            if name.len() > MOST_BYTES_OF_A_NAME {
                return Err(Failure::TooLong);
            }
            if names.peek().is_none() {
                return Ok((here, Some(name), must_be_folder));
            }
            above.push(here);
            here = self.child(here, name)?.ok_or(Failure::Absent)?;
        }
        Ok((here, None, must_be_folder))
    }

    /// Whether a folder can have something of this name.
    pub(super) fn check_name(&self, folder: Id, name: &str) -> Result<(), Failure> {
        if !is_a_name(name) {
            return Err(Failure::Invalid);
        }
        let (mut bytes, mut here) = (name.len(), folder);
        while here != ROOT {
            let Some(parent) = self.node(here)?.parent else { break };
            bytes += self.name_of(parent, here).map_or(0, |name| name.len() + 1);
            here = parent;
        }
        if bytes > MOST_BYTES_OF_A_PATH || name.len() > MOST_BYTES_OF_A_NAME {
            return Err(Failure::TooLong);
        }
        Ok(())
    }

    fn name_of(&self, folder: Id, id: Id) -> Option<&str> {
        match &self.node(folder).ok()?.content {
            Content::Folder(children) => {
                children.iter().find(|(_, child)| **child == id).map(|(name, _)| name.as_str())
            }
            Content::File(_) => None,
        }
    }

    /// Whether `inner` is `outer` or below it.
    pub(super) fn is_within(&self, inner: Id, outer: Id) -> bool {
        let mut here = inner;
        loop {
            if here == outer {
                return true;
            }
            match self.node(here).ok().and_then(|node| node.parent) {
                Some(parent) if here != ROOT => here = parent,
                _ => return false,
            }
        }
    }
}
