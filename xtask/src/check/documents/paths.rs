//! Paths and tests that the documents name in code spans.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::page::Page;
use crate::check::tree::Tree;

/// What was found.
#[derive(Default)]
pub struct Named {
    pub faults: Vec<String>,
    /// How many paths were looked up, and how many tests.
    pub paths: usize,
    pub tests: usize,
}

/// Looks every named path and test up.
pub fn faults(tree: &Tree, pages: &[Page]) -> Result<Named> {
    let functions = functions(tree)?;
    let top: BTreeSet<&str> = tree.files().filter_map(|file| Some(file.split_once('/')?.0)).collect();
    let mut named = Named::default();
    for page in pages {
        let short = short_forms(page);
        for (span, line) in &page.spans {
            let (path, test) = span.split_once("::").map_or((span.as_str(), None), |(path, rest)| {
                (path, rest.rsplit("::").next().filter(|test| is_test(test)))
            });
            if span.contains("::") && test.is_none() {
                continue;
            }
            let mut files = None;
            let first = path.split('/').next().unwrap_or_default();
            if is_path(path) && (top.contains(first) || short.contains_key(first)) {
                named.paths += 1;
                let found = alternatives(path).iter().map(|path| find(tree, &short, path)).collect::<Option<Vec<_>>>();
                if found.is_none() {
                    named.faults.push(format!("{}:{line}: there is no {path}", page.file));
                }
                files = Some(found.unwrap_or_default().concat());
            }
            if let Some(test) = test {
                named.tests += 1;
                let places = functions.get(test);
                let is_there = places.is_some_and(|places| {
                    files
                        .as_ref()
                        .is_none_or(|files| files.is_empty() || files.iter().any(|file| places.contains(file)))
                });
                if !is_there {
                    named.faults.push(format!("{}:{line}: there is no test {span}", page.file));
                }
            }
        }
    }
    Ok(named)
}

/// The functions of all source files, each with the files that have one of this name.
fn functions(tree: &Tree) -> Result<BTreeMap<String, BTreeSet<String>>> {
    let mut functions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in tree.ending(".rs") {
        let text = tree.read(file)?;
        let names = text.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next());
        for name in names.filter(|name| is_test(name)) {
            functions.entry(name.to_owned()).or_default().insert(file.to_owned());
        }
    }
    Ok(functions)
}

/// Whether this is how our tests are called: a sentence of several words.
fn is_test(name: &str) -> bool {
    name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Whether a span is one path, and no pattern for the reader to fill in.
fn is_path(span: &str) -> bool {
    let is_plain = span.chars().all(|c| c.is_ascii_alphanumeric() || "/._-@*{},".contains(c));
    let mut words = span.trim_end_matches('/').split('/');
    let is_placeholder = |word: &str| {
        word == "x"
            || word.starts_with("x.")
            || (word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
    };
    is_plain && span.contains('/') && !words.any(is_placeholder)
}

/// The short forms that a page agrees on: a span `a/x`, followed by the span of what that is. The second is kept up to the `x`,
/// with what comes after it.
fn short_forms(page: &Page) -> BTreeMap<&str, (&str, &str)> {
    let spans = page.spans.iter().map(|(span, _)| span.as_str());
    let pairs = spans.clone().zip(spans.skip(1));
    pairs
        .filter_map(|(short, long)| {
            let short = short.strip_suffix("/x")?;
            let (before, after) = long.rsplit_once("/x")?;
            Some((short, (before, after)))
        })
        .collect()
}

/// The paths that `a/{b,c}` stands for.
fn alternatives(path: &str) -> Vec<String> {
    let parts = path.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    match parts {
        Some((before, (inside, after))) => {
            inside.split(',').flat_map(|one| alternatives(&format!("{before}{one}{after}"))).collect()
        }
        None => vec![path.to_owned()],
    }
}

/// The files that a path means; `None` where there is nothing of this name. For what is not git's, it is an empty list.
fn find(tree: &Tree, short: &BTreeMap<&str, (&str, &str)>, path: &str) -> Option<Vec<String>> {
    let plain = path.trim_end_matches('/');
    let mut candidates = vec![plain.to_owned()];
    if let Some((first, rest)) = plain.split_once('/')
        && let Some((before, after)) = short.get(first)
    {
        candidates.push(format!("{before}/{rest}{after}"));
        candidates.push(format!("{before}/{rest}"));
    }
    let found = candidates.iter().map(|path| matching(tree, path)).find(|files| !files.is_empty());
    found.or_else(|| tree.ignores(path).then(Vec::new))
}

/// The files whose path is this one, or ends with it, or lies in a folder of this path.
fn matching(tree: &Tree, path: &str) -> Vec<String> {
    let source = format!("{path}.rs");
    let fits = |file: &str| {
        [path, &source].iter().any(|path| {
            let words: Vec<&str> = path.split('/').collect();
            let own: Vec<&str> = file.split('/').collect();
            let ends = own.len().checked_sub(words.len()).and_then(|start| own.get(start..));
            [own.get(..words.len()), ends]
                .into_iter()
                .flatten()
                .any(|own| own.iter().zip(&words).all(|(name, pattern)| fits_pattern(name, pattern)))
        })
    };
    tree.files().filter(|file| fits(file)).map(str::to_owned).collect()
}

/// Whether a file's or folder's name fits one with at most one `*`.
fn fits_pattern(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        Some((before, after)) => {
            name.strip_prefix(before).is_some_and(|rest| rest.len() >= after.len() && rest.ends_with(after))
        }
        None => name == pattern,
    }
}
