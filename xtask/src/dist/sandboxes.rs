//! The archive of the sandboxes: the artefacts, a manifest, and what has to be said about the work of others in them.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::archive::Archive;
use super::sbom::{self, Bill};
use super::{interpreter, licenses};
use crate::build::sandboxes::{self, FOLDER, INTERPRETER_REQUIREMENTS};
use crate::metadata::Metadata;
use crate::workspace::Workspace;

const NAME: &str = "gatehouse-sandboxes";
const FILES: [(&str, &str); 2] = [("examples/archive/sandboxes.md", "README.md"), ("LICENSE", "LICENSE")];

/// Packs them; the same build gives the same bytes.
pub fn pack(workspace: &Workspace, output: Option<&Path>, builds: bool) -> Result<()> {
    if builds {
        sandboxes::all(workspace)?;
    }
    let archive = Archive::begin(workspace, output, format!("{NAME}-{}", env!("CARGO_PKG_VERSION")))?;
    for (from, to) in FILES {
        archive.copy(from, to, 0o644)?;
    }
    for artefact in sandboxes::names() {
        archive.copy(workspace.target().join(artefact), artefact, 0o644)?;
    }
    let shipped = workspace.path("sandboxes/spin.toml");
    let shipped = fs::read_to_string(&shipped).with_context(|| format!("cannot read {}", shipped.display()))?;
    archive.write("spin.toml", &manifest(&shipped)?)?;
    let requirements = fs::read_to_string(workspace.path(INTERPRETER_REQUIREMENTS))
        .with_context(|| format!("cannot read {INTERPRETER_REQUIREMENTS}"))?;
    let packages = sandboxes::python_packages(workspace)?;
    let bill = bill(workspace, &requirements, &packages)?;
    archive.write(&format!("{NAME}.cdx.json"), &bill.to_json(NAME)?)?;
    archive.write("NOTICE", &licenses::notice(&bill, NAME))?;

    let workspaces = [Metadata::of_all(workspace)?, Metadata::of_all_in(&workspace.path(FOLDER))?];
    let mut texts = licenses::of_crates(&bill, &workspaces)?;
    texts.extend(interpreter::licenses(workspace, &requirements, &packages)?);
    for (of, authors) in interpreter::MIT_WITHOUT_A_TEXT {
        texts.push(licenses::mit(of, authors, &workspaces)?);
    }
    archive.write("THIRD-PARTY-LICENSES", &licenses::document(&texts))?;
    archive.pack()
}

/// What is in the artefacts. The product's adapters are of the root's lock file, and the rest is of the sandboxes' own.
fn bill(workspace: &Workspace, requirements: &str, packages: &Path) -> Result<Bill> {
    let mut bill = Bill::default();
    for artefact in sandboxes::names() {
        let linked = sandboxes::linked(artefact)?;
        bill.add_components(&workspace.path(FOLDER), &linked.crates, artefact)?;
        bill.add_components(workspace.root(), &linked.adapters, artefact)?;
    }
    bill.add_digests(&sbom::lock_file(workspace.root())?);
    bill.add_digests(&sbom::lock_file(&workspace.path(FOLDER))?);
    let component = workspace.target().join(interpreter::ARTEFACT);
    let component = fs::read(&component).with_context(|| format!("cannot read {}", component.display()))?;
    interpreter::add(&mut bill, requirements, packages, &component)?;
    Ok(bill)
}

/// The manifest, with the artefacts beside it and without what builds them.
fn manifest(shipped: &str) -> Result<String> {
    const BUILD: &str = "[component.sandbox.build]\n";
    let (before, behind) = shipped.split_once(BUILD).context("sandboxes/spin.toml has no build section")?;
    let (_, behind) = behind.split_once("\n\n").context("sandboxes/spin.toml ends with its build section")?;
    let manifest = format!("{before}{behind}");
    ensure!(manifest.matches("\"../target/").count() == 3, "sandboxes/spin.toml has not three artefacts in ../target");
    Ok(manifest.replace("\"../target/", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archives_manifest_has_the_artefacts_beside_it_and_builds_nothing() {
        let manifest = manifest(include_str!("../../../sandboxes/spin.toml")).unwrap();
        for name in ["sandbox", "sandbox-shell", "sandbox-python"] {
            assert!(manifest.contains(&format!("\nsource = \"{name}.wasm\"\n")), "{manifest}");
        }
        assert!(!manifest.contains("cargo") && !manifest.contains("../"), "{manifest}");
        assert!(manifest.contains("\n[component.shell]\n") && manifest.contains("\npython_url = "), "{manifest}");
        assert!(super::manifest("[component.sandbox.build]\ncommand = \"x\"\n\n").is_err());
    }

    #[test]
    fn the_readme_of_the_archive_is_short() {
        let readme = include_str!("../../../examples/archive/sandboxes.md");
        assert!(readme.lines().count() <= 16 && readme.contains("api_keys"), "{readme}");
    }
}
