//! `docs/decisions/README.md`: the index of the decisions.

use std::path::Path;

use anyhow::{Context, Result};

use super::files::{files, read};

/// The index, in the repository.
pub const INDEX: &str = "docs/decisions/README.md";

const HEAD: &str = "<!-- Written by `cargo xtask docs` from the pages' headings. Do not edit it. -->\n\n\
                    # Decisions\n\n\
                    Each page says what was to be decided, what was decided, and what follows from it. A new decision is a \
                    new page with\na heading and these sections; `cargo xtask docs` adds it here.\n\n";

/// A line for each page, by its heading.
pub fn index(root: &Path) -> Result<String> {
    let index = root.join(INDEX);
    let folder = index.parent().context("the index has no folder")?;
    let mut lines = Vec::new();
    for page in files(folder, ".md")? {
        if page == index {
            continue;
        }
        let text = read(&page)?;
        let heading = text.lines().find_map(|line| line.strip_prefix("# "));
        let heading = heading.with_context(|| format!("{} has no heading", page.display()))?;
        let name = page.file_name().unwrap_or_default().to_string_lossy();
        lines.push(format!("* [{heading}]({name})\n"));
    }
    Ok(format!("{HEAD}{}", lines.concat()))
}
