//! Which file depends on which: every name, followed to the file that defines it.

use std::path::Path;

use super::graph::Graph;
use super::modules::{Crate, Module, ModuleId};

/// How many re-exports are followed one after the other. Longer chains are circles of imports, which no compiler takes.
const DEPTH: usize = 32;

/// What a path leads to.
#[derive(Clone, Copy)]
enum Found {
    Module(ModuleId),
    /// An item that this module defines, or that a macro made there.
    ItemOf(ModuleId),
}

/// The files of the crate and their dependencies, by the names that `shown` gives to files.
pub fn graph(source: &Crate, shown: impl Fn(&Path) -> String) -> Graph {
    let mut graph = Graph::default();
    for (id, module) in source.modules() {
        for (target, line) in targets(source, id, module) {
            if let Some(target) = source.module(target) {
                graph.add(&shown(&module.file), &shown(&target.file), Some(line));
            }
        }
    }
    graph
}

/// The modules whose items a module names, with the lines.
fn targets(source: &Crate, id: ModuleId, module: &Module) -> Vec<(ModuleId, usize)> {
    let mut targets = Vec::new();
    for import in &module.uses {
        let target = match (resolve(source, id, &import.path, DEPTH), &import.name) {
            (Some(Found::ItemOf(target)), _) | (Some(Found::Module(target)), None) => target,
            (Some(Found::Module(_)), Some(_)) | (None, _) => continue,
        };
        if !(import.is_re_export && source.lies_in(target, id)) {
            targets.push((target, import.line));
        }
    }
    for (path, line) in &module.paths {
        if let Some(Found::ItemOf(target)) = resolve(source, id, path, DEPTH) {
            targets.push((target, *line));
        }
    }
    targets
}

/// What `path` means in the module `at`; `None` where it is not of this crate.
fn resolve(source: &Crate, at: ModuleId, path: &[String], depth: usize) -> Option<Found> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => walk(source, 0, rest, depth),
        "self" | "super" => walk(source, at, path, depth),
        name if holds(source, at, name, depth) => walk(source, at, path, depth),
        _ => None,
    }
}

/// Whether a module has the name: a module in it, an item, or an import.
fn holds(source: &Crate, at: ModuleId, name: &str, depth: usize) -> bool {
    source.module(at).is_some_and(|module| {
        module.children.contains_key(name)
            || module.items.contains(name)
            || module.uses.iter().any(|import| import.name.as_deref() == Some(name))
            || from_all(source, at, name, depth).is_some()
    })
}

/// The module that a `use …::*` of the module `at` names, and that has the name.
fn from_all(source: &Crate, at: ModuleId, name: &str, depth: usize) -> Option<ModuleId> {
    let depth = depth.checked_sub(1)?;
    source.module(at)?.uses.iter().filter(|import| import.name.is_none()).find_map(|import| {
        match resolve_module(source, at, &import.path, depth)? {
            target if target != at && holds(source, target, name, depth) => Some(target),
            _ => None,
        }
    })
}

fn resolve_module(source: &Crate, at: ModuleId, path: &[String], depth: usize) -> Option<ModuleId> {
    match resolve(source, at, path, depth)? {
        Found::Module(target) => Some(target),
        Found::ItemOf(_) => None,
    }
}

/// Goes from a module along the words of a path.
fn walk(source: &Crate, from: ModuleId, path: &[String], depth: usize) -> Option<Found> {
    let depth = depth.checked_sub(1)?;
    let mut at = from;
    let mut rest = path;
    while let Some((word, after)) = rest.split_first() {
        let module = source.module(at)?;
        let import = module.uses.iter().find(|import| import.name.as_deref() == Some(word));
        let is_item = import.is_some() || module.items.contains(word);
        match word.as_str() {
            "self" => {}
            "super" => at = module.parent?,
            // A module and a function may share their name; the last word means the function.
            _ if module.children.contains_key(word) && !(after.is_empty() && is_item) => {
                at = *module.children.get(word)?;
            }
            _ => {
                return if let Some(import) = import {
                    let path: Vec<String> = import.path.iter().chain(after).cloned().collect();
                    resolve(source, at, &path, depth)
                } else if module.items.contains(word) {
                    Some(Found::ItemOf(at))
                } else if let Some(target) = from_all(source, at, word, depth) {
                    walk(source, target, rest, depth)
                } else {
                    Some(Found::ItemOf(at))
                };
            }
        }
        rest = after;
    }
    Some(Found::Module(at))
}
