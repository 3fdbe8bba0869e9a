//! The modules of one crate, read from its files as the compiler would read them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use syn::visit::Visit;
use syn::{Attribute, Expr, ExprLit, Item, ItemMod, Lit, Meta};

use super::names::{self, Names, Use};

/// A crate's modules; the first is its root.
pub struct Crate {
    modules: Vec<Module>,
}

/// The place of a module in [`Crate`].
pub type ModuleId = usize;

/// A module, in a file of its own or inside one.
pub struct Module {
    /// The file that it is written in.
    pub file: PathBuf,
    /// The module that it lies in; `None` for the root.
    pub parent: Option<ModuleId>,
    /// The modules in it, by their names.
    pub children: BTreeMap<String, ModuleId>,
    /// The items that it defines, by their names.
    pub items: BTreeSet<String>,
    /// What it imports.
    pub uses: Vec<Use>,
    /// The paths that its code names, with their lines.
    pub paths: Vec<(Vec<String>, usize)>,
}

impl Crate {
    /// Reads the crate whose root is the file `root`.
    ///
    /// # Errors
    /// Where a file cannot be read or is no Rust.
    pub fn read(root: &Path) -> Result<Self> {
        let mut source = Self { modules: Vec::new() };
        let folder = root.parent().unwrap_or(Path::new("")).to_owned();
        source.read_file(root, folder, None)?;
        Ok(source)
    }

    /// The module, or the root where there is none of this number.
    pub fn module(&self, id: ModuleId) -> Option<&Module> {
        self.modules.get(id)
    }

    /// All of them, each with its place.
    pub fn modules(&self) -> impl Iterator<Item = (ModuleId, &Module)> {
        self.modules.iter().enumerate()
    }

    /// How many files there are.
    pub fn files(&self) -> usize {
        self.modules.iter().map(|module| &module.file).collect::<BTreeSet<_>>().len()
    }

    /// Whether `module` lies in `ancestor`, at any depth.
    pub fn lies_in(&self, module: ModuleId, ancestor: ModuleId) -> bool {
        let parent = |id: ModuleId| self.module(id).and_then(|module| module.parent);
        std::iter::successors(parent(module), |id| parent(*id)).any(|id| id == ancestor)
    }

    /// Reads a file as a module; `folder` is where the files of its children are.
    fn read_file(&mut self, file: &Path, folder: PathBuf, parent: Option<ModuleId>) -> Result<ModuleId> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let syntax = syn::parse_file(&text).with_context(|| format!("{} is no Rust", file.display()))?;
        self.add(file, &folder, parent, &syntax.items)
    }

    fn add(&mut self, file: &Path, folder: &Path, parent: Option<ModuleId>, items: &[Item]) -> Result<ModuleId> {
        let mut names = Names::default();
        for item in items {
            names.visit_item(item);
        }
        let id = self.modules.len();
        let Names { items: defined, uses, paths } = names;
        self.modules.push(Module {
            file: file.to_owned(),
            parent,
            children: BTreeMap::new(),
            items: defined,
            uses,
            paths,
        });
        for item in items {
            if let Item::Mod(module) = item
                && !names::is_for_tests(&module.attrs)
            {
                let child = self.child(file, folder, id, module)?;
                if let Some(this) = self.modules.get_mut(id) {
                    this.children.insert(names::text(&module.ident), child);
                }
            }
        }
        Ok(id)
    }

    fn child(&mut self, file: &Path, folder: &Path, parent: ModuleId, module: &ItemMod) -> Result<ModuleId> {
        let name = names::text(&module.ident);
        if let Some((_, items)) = &module.content {
            return self.add(file, &folder.join(name), Some(parent), items);
        }
        if let Some(path) = module.attrs.iter().find_map(named_file) {
            let file = file.parent().unwrap_or(Path::new("")).join(path);
            let folder = file.parent().unwrap_or(Path::new("")).to_owned();
            return self.read_file(&file, folder, Some(parent));
        }
        let beside = folder.join(format!("{name}.rs"));
        let file = if beside.is_file() { beside } else { folder.join(&name).join("mod.rs") };
        self.read_file(&file, folder.join(&name), Some(parent))
    }
}

/// The file of a `#[path = "…"]`.
fn named_file(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}
