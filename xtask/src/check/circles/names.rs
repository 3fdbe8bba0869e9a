//! The names that a module's code defines, imports and mentions.

use std::collections::BTreeSet;

use proc_macro2::{Ident, Spacing, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItemFn, Item, ItemUse, LitStr, Macro, Meta, Path, Token, UseTree, Visibility};

/// An import.
pub struct Use {
    /// What is imported, from its first word on: `crate::a::Thing`.
    pub path: Vec<String>,
    /// The name that it has here; `None` for everything (`*`).
    pub name: Option<String>,
    /// Whether others can import it from here.
    pub is_re_export: bool,
    pub line: usize,
}

/// Collects from one module's items; modules among them are left to the caller.
#[derive(Default)]
pub struct Names {
    pub items: BTreeSet<String>,
    pub uses: Vec<Use>,
    pub paths: Vec<(Vec<String>, usize)>,
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_for_tests(attributes(item)) || matches!(item, Item::Mod(_)) {
            return;
        }
        self.items.extend(defined(item).map(text));
        visit::visit_item(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // From another crate, whatever a module of ours is called.
        if item.leading_colon.is_some() {
            return;
        }
        let is_re_export = !matches!(item.vis, Visibility::Inherited);
        self.add_uses(&mut Vec::new(), &item.tree, is_re_export);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none()
            && let Some(first) = path.segments.first()
        {
            let words = path.segments.iter().map(|segment| text(&segment.ident)).collect();
            self.paths.push((words, first.ident.span().start().line));
        }
        visit::visit_path(self, path);
    }

    /// What may see an item is no dependency: `pub(in crate::a)`.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_macro(&mut self, call: &'ast Macro) {
        visit::visit_macro(self, call);
        self.add_tokens(call.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.add_tokens(list.tokens.clone());
            self.add_texts(list.tokens.clone());
        }
    }
}

impl Names {
    fn add_uses(&mut self, before: &mut Vec<String>, tree: &UseTree, is_re_export: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(text(&path.ident));
                self.add_uses(before, &path.tree, is_re_export);
                before.pop();
            }
            UseTree::Name(name) => self.add_use(before, &name.ident, &name.ident, is_re_export),
            UseTree::Rename(name) => self.add_use(before, &name.ident, &name.rename, is_re_export),
            UseTree::Glob(glob) => {
                let line = glob.star_token.span.start().line;
                self.uses.push(Use { path: before.clone(), name: None, is_re_export, line });
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_uses(before, tree, is_re_export);
                }
            }
        }
    }

    fn add_use(&mut self, before: &[String], ident: &Ident, name: &Ident, is_re_export: bool) {
        let mut path = before.to_owned();
        // `use a::{self}` imports a itself, by its own name.
        let name = if ident == "self" && ident == name { before.last().cloned() } else { Some(text(name)) };
        if ident != "self" || path.is_empty() {
            path.push(text(ident));
        }
        self.uses.push(Use { path, name, is_re_export, line: ident.span().start().line });
    }

    /// The paths in what is given to a macro: names with `::` between them.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        // Whether what comes next goes on with the path; and whether it belongs to something else: a field, another crate.
        let (mut goes_on, mut is_foreign) = (false, false);
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) => {
                    if !goes_on {
                        self.add_path(&mut path, line);
                        line = ident.span().start().line;
                    }
                    if !is_foreign {
                        path.push(text(&ident));
                    }
                    goes_on = false;
                    if !matches!(tokens.peek(), Some(TokenTree::Punct(next)) if next.as_char() == ':') {
                        is_foreign = false;
                    }
                }
                TokenTree::Punct(mark) if mark.as_char() == ':' && mark.spacing() == Spacing::Joint => {
                    let _second = tokens.next();
                    is_foreign = is_foreign || path.is_empty();
                    goes_on = true;
                }
                TokenTree::Group(group) => {
                    self.add_path(&mut path, line);
                    (goes_on, is_foreign) = (false, false);
                    self.add_tokens(group.stream());
                }
                TokenTree::Punct(mark) => {
                    self.add_path(&mut path, line);
                    (goes_on, is_foreign) = (false, ['.', '$'].contains(&mark.as_char()));
                }
                TokenTree::Literal(_) => {
                    self.add_path(&mut path, line);
                    (goes_on, is_foreign) = (false, false);
                }
            }
        }
        self.add_path(&mut path, line);
    }

    fn add_path(&mut self, path: &mut Vec<String>, line: usize) {
        if !path.is_empty() {
            self.paths.push((std::mem::take(path), line));
        }
    }

    /// The paths that attributes hold as text, such as `#[serde(with = "crate::a")]`.
    fn add_texts(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.add_texts(group.stream()),
                TokenTree::Literal(literal) => {
                    let line = literal.span().start().line;
                    let text = syn::parse2::<LitStr>(TokenTree::Literal(literal).into());
                    let path = text.and_then(|text| syn::parse_str::<Path>(&text.value()));
                    // One word alone is rather a name on the wire.
                    if let Some(path) = path.ok().filter(|path| path.segments.len() > 1) {
                        let words = path.segments.iter().map(|segment| self::text(&segment.ident));
                        // `with` names a module, and stands for functions in it.
                        self.paths.push((words.chain(["*".to_owned()]).collect(), line));
                    }
                }
                _ => {}
            }
        }
    }
}

/// The name without `r#`.
pub fn text(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// Whether something exists in tests only: a `#[cfg(…)]` on it cannot be true without `test`.
pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            list.parse_args::<Meta>().is_ok_and(|condition| !holds_without_tests(&condition))
        }
        _ => false,
    })
}

fn holds_without_tests(condition: &Meta) -> bool {
    let Meta::List(list) = condition else { return !condition.path().is_ident("test") };
    let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).unwrap_or_default();
    match list.path.get_ident() {
        Some(word) if word == "all" => parts.iter().all(holds_without_tests),
        Some(word) if word == "any" => parts.iter().any(holds_without_tests),
        _ => true,
    }
}

/// The name of an item that others can name.
fn defined(item: &Item) -> Option<&Ident> {
    match item {
        Item::Const(item) => Some(&item.ident),
        Item::Enum(item) => Some(&item.ident),
        Item::Fn(item) => Some(&item.sig.ident),
        Item::Macro(item) => item.ident.as_ref(),
        Item::Static(item) => Some(&item.ident),
        Item::Struct(item) => Some(&item.ident),
        Item::Trait(item) => Some(&item.ident),
        Item::Type(item) => Some(&item.ident),
        Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
