//! No symbolic links: git on Windows writes them as text files, and what follows a link finds the same file twice.

use anyhow::Result;

use super::report::Report;
use super::tree::Tree;
use crate::workspace::Workspace;

/// Looks at every file of the repository.
pub fn run(workspace: &Workspace) -> Result<Report> {
    Ok(report(&Tree::of(workspace.root())?))
}

fn report(tree: &Tree) -> Report {
    let faults = tree.symbolic_links().map(|file| format!("{file} is a symbolic link")).collect();
    Report { summary: format!("{} files", tree.files().count()), faults }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::check::example;

    #[test]
    fn a_symbolic_link_is_told_and_a_file_is_not() {
        let (folder, _) = example::repository(&[("file", "text")]);
        std::os::unix::fs::symlink("file", folder.path().join("link")).unwrap();
        let report = report(&Tree::of(folder.path()).unwrap());
        assert_eq!(report.faults, ["link is a symbolic link"]);
    }
}
