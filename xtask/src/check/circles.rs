//! No circles: neither modules of a crate nor crates of the workspace depend on each other in a circle.
//!
//! A module is a file (modules inside a file belong to it). File A depends on file B if A's code names an item that B defines:
//! in a `use`, in a path, or inside a macro call. These rules make that precise:
//!
//! * A name is followed through re-exports to the file that defines the item. Whoever names `crate::Thing` depends on the file of
//!   `Thing`, and not on `lib.rs` that re-exports it.
//! * A parent does not depend on its children by declaring them (`mod child;`) or by re-exporting their items (`pub use
//!   child::Thing;`). It does where its own code names such an item.
//! * A child does not depend on its parent by lying below it. It does where it names an item that the parent's file defines. So
//!   a parent may use its children, or the children may use their parent, but not both.
//! * Naming a module (`use crate::child;`) is no dependency yet; what is then taken from it (`child::thing()`) is.
//! * Tests may look at everything: what is behind `#[cfg(test)]` is left out, with the files that are declared there, and so are
//!   integration tests and benchmarks.
//!
//! Among crates the normal and the build dependencies count, whichever features and targets they are for.

mod graph;
mod modules;
mod names;
mod references;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

use crate::build::sandboxes::FOLDER;
use crate::check::report::Report;
use crate::metadata::{Metadata, Target};
use crate::workspace::Workspace;

use graph::Graph;
use modules::Crate;

/// Looks at every crate of the workspace, and of that of the sandboxes.
pub fn run(workspace: &Workspace) -> Result<Report> {
    let (mut files, mut packages, mut faults) = (0, 0, Vec::new());
    for folder in [workspace.root().to_owned(), workspace.path(FOLDER)] {
        let metadata = Metadata::of_the_workspace(&folder)?;
        faults.extend(crates(&metadata).circles().iter().map(ToString::to_string));
        for package in metadata.ours() {
            packages += 1;
            for target in package.targets.iter().filter(|target| is_code(target)) {
                let source = Crate::read(&target.src_path)?;
                files += source.files();
                let graph = references::graph(&source, |file| workspace.shown(file));
                faults.extend(graph.circles().iter().map(|circle| format!("{}: {circle}", package.name)));
            }
        }
    }
    Ok(Report { summary: format!("{files} files of {packages} crates"), faults })
}

/// Whether a target is the product's or a tool's code, and no test of it.
fn is_code(target: &Target) -> bool {
    !target.kind.iter().any(|kind| ["test", "bench", "example", "custom-build"].contains(&kind.as_str()))
}

/// The crates of the workspace, by whom they depend on.
fn crates(metadata: &Metadata) -> Graph {
    let by_folder: BTreeMap<&Path, &str> =
        metadata.ours().map(|package| (package.folder(), package.name.as_str())).collect();
    let mut graph = Graph::default();
    for package in metadata.ours() {
        for dependency in package.dependencies.iter().filter(|one| one.kind.as_deref() != Some("dev")) {
            if let Some(other) = dependency.path.as_deref().and_then(|path| by_folder.get(path)) {
                graph.add(&package.name, other, None);
            }
        }
    }
    graph
}

#[cfg(test)]
mod tests;
