//! `cargo xtask docs`: the pages that follow from the code, and the check that they still do.

mod audit;
mod decisions;
mod document;
mod files;
mod log_texts;
mod markdown;
mod schema;

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};
use clap::Args;

use self::audit::AuditLine;
use self::document::Document;
use crate::{progress, workspace::Workspace};

#[derive(Args)]
pub struct Arguments {
    /// Change nothing; fail where a generated page differs from the code, or a page quotes a log text that the code lacks
    #[arg(long)]
    check: bool,
}

/// Where the types of the configuration document are.
const DOCUMENT: &str = "crates/configuration/src/document";

/// A page that follows from the code, by its path in the repository.
struct Page {
    path: &'static str,
    text: String,
}

/// Writes the pages, or compares them with the code.
pub fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let root = workspace.root();
    let pages = pages(root)?;
    if !arguments.check {
        for page in &pages {
            let file = root.join(page.path);
            fs::write(&file, &page.text).with_context(|| format!("cannot write {}", file.display()))?;
            progress::say(&format!("Written: {}", page.path));
        }
        return Ok(());
    }
    let faults = faults(root, &pages)?;
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    progress::say("docs: the generated pages and the quoted log texts are those of the code");
    Ok(())
}

fn pages(root: &Path) -> Result<Vec<Page>> {
    let document = Document::read(&root.join(DOCUMENT))?;
    Ok(vec![
        Page { path: "docs/configuration.md", text: markdown::page(&document) },
        Page { path: "docs/configuration.schema.json", text: schema::text(&document)? },
        Page { path: "docs/audit.schema.json", text: AuditLine::read(root)?.schema()? },
        Page { path: decisions::INDEX, text: decisions::index(root)? },
    ])
}

/// What is not as the code says, each in a line.
fn faults(root: &Path, pages: &[Page]) -> Result<Vec<String>> {
    let is_current = |page: &Page| fs::read_to_string(root.join(page.path)).is_ok_and(|text| text == page.text);
    let drifted = pages.iter().filter(|page| !is_current(page));
    let mut faults: Vec<_> =
        drifted.map(|page| format!("{} differs from the code: run `cargo xtask docs`", page.path)).collect();
    faults.extend(log_texts::faults(root)?);
    faults.extend(AuditLine::read(root)?.faults(&files::read(&root.join(audit::PAGE))?)?);
    Ok(faults)
}

#[cfg(test)]
mod tests;
