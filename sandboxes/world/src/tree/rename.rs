//! Other names for what is there.

use super::{Failure, Id, ROOT, TEMPORARY, Tree};

impl Tree {
    /// Gives something another name, in place of what has it.
    ///
    /// # Errors
    /// Where POSIX has one, and between `/work` and `/tmp`.
    pub fn rename(&mut self, from: Id, path: &str, to: Id, new_path: &str, now: u64) -> Result<(), Failure> {
        let id = self.find(from, path)?;
        let (folder, name, must_be_folder) = self.walk(to, new_path)?;
        let name = name.ok_or(Failure::NotPermitted)?.to_owned();
        let is_folder = self.status(id)?.is_folder;
        if id <= TEMPORARY {
            return Err(Failure::NotPermitted);
        }
        if must_be_folder && !is_folder {
            return Err(Failure::NotFolder);
        }
        if self.node(id)?.place != self.node(folder)?.place {
            return Err(if folder == ROOT { Failure::ReadOnly } else { Failure::OtherPlace });
        }
        if self.is_within(folder, id) {
            return Err(Failure::Invalid);
        }
        self.check_name(folder, &name)?;
        if let Some(present) = self.child(folder, &name)? {
            if present == id {
                return Ok(());
            }
            match (is_folder, self.status(present)?.is_folder) {
                (true, false) => return Err(Failure::NotFolder),
                (false, true) => return Err(Failure::IsFolder),
                (true, true) if !self.children(present)?.is_empty() => return Err(Failure::NotEmpty),
                _ => self.unlink(present, now)?,
            }
        }
        if let Some(parent) = self.node(id)?.parent {
            self.children_mut(parent)?.retain(|_, child| *child != id);
            self.node_mut(parent)?.modified = now;
        }
        self.children_mut(folder)?.insert(name, id);
        self.node_mut(folder)?.modified = now;
        let node = self.node_mut(id)?;
        node.parent = Some(folder);
        // Under its new name, it is not what was loaded under that.
        self.mark(id);
        Ok(())
    }

    fn mark(&mut self, id: Id) {
        let children = self.children(id).unwrap_or_default();
        if let Some(node) = self.nodes.get_mut(&id) {
            node.changed = true;
        }
        for child in children.into_values() {
            self.mark(child);
        }
    }
}
