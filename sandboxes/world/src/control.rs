//! What the runner does with the tree.

use crate::World;
use crate::bindings::exports::gatehouse::sandbox::tree::{Changes, Cut, File, Guest, Limits};
use crate::run;
use crate::tree::{Room, Tree};

impl Guest for World {
    fn load(files: Vec<File>, state: Vec<u8>, limits: Limits) -> Result<(), String> {
        let now = run::now();
        let mut tree = Tree::new(Room { bytes: size(limits.file_bytes), entries: size(limits.files) }, now);
        for file in files {
            tree.load(&file.path, file.contents, now).map_err(|failure| format!("{}: {failure:?}", file.path))?;
        }
        run::begin(tree, state, limits.seconds, size(limits.output_bytes));
        Ok(())
    }

    fn take_changes() -> Changes {
        run::flush();
        let output_was_cut = run::output_was_cut();
        run::with(|run| {
            let changes = run.tree.take_changes();
            let cut = match (run.tree.was_full(), output_was_cut) {
                (true, _) => Some(Cut::Files),
                (false, true) => Some(Cut::Output),
                (false, false) => None,
            };
            let changed = changes.changed.into_iter().map(|(path, contents)| File { path, contents }).collect();
            Changes { changed, removed: changes.removed, cut, empty_folders: changes.empty_folders }
        })
    }
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
