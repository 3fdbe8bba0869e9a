//! The licence texts that have to be passed on with what is linked: found where the packages are installed, and not kept in this repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::sbom::{Bill, Key};
use crate::metadata::Metadata;

/// How the names of such files begin. A `NOTICE` is one of them: Apache-2.0 asks for it.
const NAMES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];
/// A crate whose `LICENSE-MIT` is MIT's text and nothing else, without anybody's name.
const MIT_ALONE: (&str, &str) = ("serde", "LICENSE-MIT");

/// A text, and what it is for.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    pub of: String,
    pub text: String,
}

/// The texts of all crates of the bill that are not ours. A crate without a file is used under Apache-2.0 if it may be, with or without
/// LLVM's exceptions; under MIT's licence, it gets MIT's text with the names of its authors.
///
/// # Errors
/// Where a crate has no text, and its licence is another one.
pub fn of_crates(bill: &Bill, workspaces: &[Metadata]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mit = mit_text(workspaces)?;
    for ((name, version), part) in bill.parts.iter().filter(|(_, part)| part.purl.starts_with("pkg:cargo/")) {
        let of = format!("{name} {version}");
        let found = workspaces.iter().find_map(|metadata| metadata.package(name, version));
        // What came in the wheel of componentize-py is in no lock file, and no file of it is here.
        let Some(package) = found else {
            sources.push(without_a_file(&of, &part.license, "", &mit)?);
            continue;
        };
        if package.is_ours() {
            continue;
        }
        let texts = texts_in(package.folder())?;
        if texts.is_empty() {
            sources.push(without_a_file(&of, &part.license, &package.authors.join(", "), &mit)?);
        }
        sources.extend(texts.into_iter().map(|text| Source { of: of.clone(), text }));
    }
    Ok(sources)
}

/// The text for something that has MIT's licence and no file with it.
pub fn mit(of: &str, authors: &str, workspaces: &[Metadata]) -> Result<Source> {
    without_a_file(of, "MIT", authors, &mit_text(workspaces)?)
}

fn mit_text(workspaces: &[Metadata]) -> Result<String> {
    let (name, file) = MIT_ALONE;
    let package = workspaces.iter().find_map(|metadata| metadata.packages_named(name).next());
    let file = package.with_context(|| format!("no crate depends on {name}"))?.folder().join(file);
    fs::read_to_string(&file).with_context(|| format!("there is no text of MIT's licence: {}", file.display()))
}

fn without_a_file(of: &str, license: &str, authors: &str, mit: &str) -> Result<Source> {
    // A licence with `AND` or parentheses is none of these.
    let may_be = |wanted: &str| license.split(" OR ").any(|one| one == wanted);
    let text = if may_be("Apache-2.0") {
        "Used under the Apache License, Version 2.0. LICENSE has its text.".to_owned()
    } else if may_be("Apache-2.0 WITH LLVM-exception") {
        // The wheel has it, so it is always there.
        "Used under the Apache License, Version 2.0, with LLVM Exceptions. Its text is in this file, for componentize-py.".to_owned()
    } else if may_be("MIT") && !authors.is_empty() {
        format!("Copyright (c) {authors}\n\n{mit}")
    } else {
        bail!("{of} ({license}) has no file with its licence, which must be passed on");
    };
    Ok(Source { of: of.to_owned(), text })
}

/// The texts in a package's folder, and in its folder of licences.
fn texts_in(folder: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(folder)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .with_context(|| format!("cannot list {}", folder.display()))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().to_uppercase();
        let path = entry.path();
        let is_source = path.extension().is_some_and(|ending| ending == "rs");
        if !NAMES.iter().any(|start| name.starts_with(start)) || is_source {
            continue;
        }
        if path.is_dir() {
            for file in fs::read_dir(&path).with_context(|| format!("cannot list {}", path.display()))? {
                texts.push(text_of(&file?.path())?);
            }
        } else {
            texts.push(text_of(&path)?);
        }
    }
    texts.sort();
    Ok(texts)
}

/// Without the ends of lines of other systems, so that the same text is the same.
fn text_of(file: &Path) -> Result<String> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n").trim_end().to_owned())
}

/// One document with every text once, and above each what it is for.
pub fn document(sources: &[Source]) -> String {
    let mut texts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Source { of, text } in sources {
        texts.entry(text.trim_end()).or_default().insert(of);
    }
    let mut texts: Vec<_> = texts.into_iter().collect();
    texts.sort_by(|(_, one), (_, other)| one.cmp(other));
    let line = "=".repeat(100);
    let mut document = String::from(
        "The licences of what others have written and what is in this archive. NOTICE says what is in which file.\n",
    );
    for (text, of) in texts {
        let of = of.into_iter().collect::<Vec<_>>().join("\n");
        // Writing to a string does not fail.
        let _ = write!(document, "\n{line}\n{of}\n{line}\n\n{text}\n");
    }
    document
}

/// What is in the archive, by whom and under which licence, one line each.
pub fn notice(bill: &Bill, name: &str) -> String {
    let mut notice = format!(
        "{name} {}\n\nLicensed under the Apache License, Version 2.0 (LICENSE). It has in it what others have written, under the licences that \
         are named\nhere; THIRD-PARTY-LICENSES has their texts.\n\n",
        env!("CARGO_PKG_VERSION")
    );
    let line = |((name, version), part): (&Key, &super::sbom::Part)| {
        let files = part.linked_into.iter().copied().collect::<Vec<_>>().join(", ");
        format!("{name} {version}: {} (in {files})\n", part.license)
    };
    notice.extend(bill.parts.iter().map(line));
    notice
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(folder: &Path, license: &str) -> Metadata {
        let package = |name: &str, authors: &str, source: &str| {
            format!(
                r#"{{"id": "{name}", "name": "{name}", "version": "1.0.0", "source": {source}, "authors": {authors}, "targets": [],
                    "manifest_path": "{}/{name}/Cargo.toml", "dependencies": [], "license": "{license}"}}"#,
                folder.display()
            )
        };
        let registry = "\"registry\"";
        let packages = [
            package("serde", "[]", registry),
            package("bare", "[\"A. Author\"]", registry),
            package("ours", "[]", "null"),
        ];
        serde_json::from_str(&format!(r#"{{"packages": [{}], "workspace_members": ["ours"]}}"#, packages.join(",")))
            .unwrap()
    }

    fn bill(license: &str) -> Bill {
        let mut bill = Bill::default();
        for name in ["bare", "ours", "serde"] {
            let part = super::super::sbom::Part {
                license: license.to_owned(),
                linked_into: ["a.wasm"].into(),
                purl: format!("pkg:cargo/{name}@1.0.0"),
                digest: None,
            };
            bill.parts.insert((name.to_owned(), "1.0.0".to_owned()), part);
        }
        bill
    }

    fn crates() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["serde", "bare", "ours"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::write(folder.path().join("serde/LICENSE-MIT"), "Permission is hereby granted\r\n").unwrap();
        fs::write(folder.path().join("serde/NOTICE"), "by somebody\n").unwrap();
        fs::write(folder.path().join("serde/license.rs"), "fn main() {}").unwrap();
        folder
    }

    #[test]
    fn every_crate_that_is_not_ours_brings_its_texts_and_one_without_a_file_gets_that_of_mit_with_its_authors() {
        let folder = crates();
        let sources = of_crates(&bill("MIT"), &[metadata(folder.path(), "MIT")]).unwrap();
        let document = document(&sources);
        assert!(document.contains("serde 1.0.0\n") && document.contains("\nby somebody\n"), "{document}");
        assert!(document.contains("Copyright (c) A. Author\n\nPermission is hereby granted"), "{document}");
        assert!(!document.contains("ours") && !document.contains("fn main"), "{document}");
        let notice = notice(&bill("MIT"), "archive");
        assert!(notice.contains("\nbare 1.0.0: MIT (in a.wasm)\n"), "{notice}");
    }

    #[test]
    fn a_crate_without_a_text_is_an_error_but_for_apaches_licence_and_mits_with_authors() {
        let folder = crates();
        let of = |license: &str| of_crates(&bill(license), &[metadata(folder.path(), license)]);
        for license in ["BSD-3-Clause", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
            let error = of(license).unwrap_err();
            assert!(error.to_string().contains(&format!("bare 1.0.0 ({license})")), "{error}");
        }
        assert!(document(&of("MIT OR Apache-2.0").unwrap()).contains("Used under the Apache License"));
        assert!(without_a_file("a 1", "MIT", "", "Permission").is_err());
    }

    #[test]
    fn a_text_stands_once_below_the_names_of_all_that_it_is_for() {
        let source = |of: &str| Source { of: of.to_owned(), text: "Text\n".to_owned() };
        let document = document(&[source("b 1"), source("a 1"), source("b 1")]);
        assert_eq!(document.matches("\nText\n").count(), 1);
        assert!(document.contains("\na 1\nb 1\n"), "{document}");
    }
}
