//! What the documents say of the tests.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The repository's folder.
fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask/ is in the repository")
}

/// The files below `folder` that end with `ending`; not what is built or installed.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder that can be read") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !["target", "node_modules", ".git"].contains(&name) {
            files(&path, ending, found);
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The functions of every source file.
fn functions() -> BTreeSet<String> {
    let mut sources = Vec::new();
    files(repository(), ".rs", &mut sources);
    let mut names = BTreeSet::new();
    for source in sources {
        let text = fs::read_to_string(&source).expect("a source file");
        let after_fn = text.split("fn ").skip(1);
        names.extend(
            after_fn.filter_map(|rest| rest.split(['(', '<']).next()).filter(|name| is_name(name)).map(str::to_owned),
        );
    }
    names
}

/// The tests that the documents name, `PATH::TEST`, each with the document.
fn named_tests() -> BTreeMap<String, String> {
    let mut documents = Vec::new();
    files(&repository().join("docs"), ".md", &mut documents);
    let mut named = BTreeMap::new();
    for document in documents {
        let text = fs::read_to_string(&document).expect("a document");
        for code in text.split('`').skip(1).step_by(2) {
            if let Some((_, test)) = code.rsplit_once("::")
                && is_name(test)
                && test.contains('_')
            {
                named.insert(test.to_owned(), document.display().to_string());
            }
        }
    }
    named
}

#[test]
fn the_documents_name_only_tests_that_exist() {
    let (functions, named) = (functions(), named_tests());
    assert!(named.len() > 200, "{} names were found", named.len());
    let missing: Vec<_> = named.iter().filter(|(test, _)| !functions.contains(*test)).collect();
    assert_eq!(missing, Vec::<(&String, &String)>::new());
}

#[test]
fn every_case_has_a_row() {
    let text = fs::read_to_string(repository().join("docs/cases.md")).expect("a document");
    for case in 1..=22 {
        assert!(text.contains(&format!("\n| S{case} |")), "S{case}");
    }
}
