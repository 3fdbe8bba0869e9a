//! What is open in the tree.

use crate::run;
use crate::tree::Id;

/// A file or folder that is open: it stays as long as this does.
pub struct Handle(Id);

impl Handle {
    /// Opens it.
    pub fn new(id: Id) -> Self {
        run::with(|run| run.tree.open(id));
        Self(id)
    }

    /// Of what.
    pub fn id(&self) -> Id {
        self.0
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        run::with(|run| run.tree.close(self.0));
    }
}
