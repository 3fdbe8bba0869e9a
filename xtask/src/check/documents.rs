//! The documents name only what is there: pages, places in pages, files, folders and tests; and a reader of README finds every
//! page.
//!
//! Looked at are all Markdown files of the repository:
//!
//! * **Links** to our own files must lead to a file or a folder, and after `#` to one of its headings.
//! * **Pages** in `docs/` must be reachable from README.md by links.
//! * **Paths in code spans** that begin with a folder of ours must exist. `*` and `{a,b}` may stand in them; spans with `<`, `…`
//!   or a word in capitals are patterns and are passed over. A path may leave out its beginning or `.rs`.
//! * **Tests in code spans**, `path::name_of_the_test`, must exist, and in that file where the path is one.
//! * A document can agree short forms: "`attacks/x` is `tests/tests/attacks/x.rs`".

mod links;
mod page;
mod paths;

use anyhow::Result;

use super::report::Report;
use super::tree::Tree;
use crate::workspace::Workspace;

use page::Page;

/// Looks at every Markdown file.
pub fn run(workspace: &Workspace) -> Result<Report> {
    report(&Tree::of(workspace.root())?)
}

fn report(tree: &Tree) -> Result<Report> {
    let pages = tree.ending(".md").map(|file| Page::read(tree, file)).collect::<Result<Vec<_>>>()?;
    let (mut faults, links) = links::faults(tree, &pages);
    let named = paths::faults(tree, &pages)?;
    faults.extend(named.faults);
    let summary = format!("{} pages with {links} links, {} paths and {} tests", pages.len(), named.paths, named.tests);
    Ok(Report { summary, faults })
}

#[cfg(test)]
mod tests;
