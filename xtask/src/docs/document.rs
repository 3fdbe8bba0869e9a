//! The configuration document as its types say: every key, with its type, default, bounds and meaning.
//!
//! A key's doc comment begins with its meaning. Lines that begin with `Default: `, `Bounds: `, `Values: `, `Most: ` or
//! `Example: ` say the rest. A constant in them stands for its value, so numbers are those that the code checks.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result, anyhow, bail, ensure};
use syn::{Attribute, BinOp, Expr, ExprLit, Fields, GenericArgument, Item, Lit, Meta, PathArguments, Type};

use super::files::{files, read};

/// The table that the document itself is.
pub const ROOT: &str = "Document";
/// The table that names the variable of a secret.
pub const SECRET: &str = "SecretDocument";

/// The tables of the document, by the names of their types.
pub struct Document {
    tables: BTreeMap<String, Table>,
}

/// A table of the document.
pub struct Table {
    /// What it is, in Markdown.
    pub meaning: String,
    /// Its keys, as the type has them.
    pub keys: Vec<Key>,
}

/// A key of a table.
pub struct Key {
    /// As it is written.
    pub name: String,
    /// What its value is.
    pub kind: Kind,
    /// Whether the document cannot be read without it.
    pub is_required: bool,
    /// What it means, in Markdown.
    pub meaning: String,
    /// What holds without it, in Markdown.
    pub default: Option<String>,
    /// The smallest and the largest number.
    pub bounds: Option<(u64, u64)>,
    /// The texts that it may be, where there are so many and no more.
    pub values: Vec<String>,
    /// The most entries of a list.
    pub most: Option<u64>,
    /// A right value, in Markdown.
    pub example: Option<String>,
}

/// What a value is.
pub enum Kind {
    Text,
    Boolean,
    Integer,
    /// A table of this type.
    Table(String),
    List(Box<Kind>),
    /// A table whose keys are the operator's.
    Map(Box<Kind>),
}

impl Kind {
    /// The type of the table that is, or that tables in it are.
    pub fn table(&self) -> Option<&str> {
        match self {
            Self::Text | Self::Boolean | Self::Integer => None,
            Self::Table(name) => Some(name),
            Self::List(inner) | Self::Map(inner) => inner.table(),
        }
    }
}

impl Document {
    /// Reads the types in `folder` and in the file of the same name beside it.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut sources = files(folder, ".rs")?;
        sources.retain(|file| !file.ends_with("tests.rs"));
        sources.push(folder.with_extension("rs"));
        let mut items = Vec::new();
        for file in sources {
            let parsed = syn::parse_file(&read(&file)?);
            items.extend(parsed.with_context(|| format!("cannot parse {}", file.display()))?.items);
        }
        Self::of(&items)
    }

    fn of(items: &[Item]) -> Result<Self> {
        let mut constants = BTreeMap::new();
        for item in items {
            if let Item::Const(constant) = item {
                constants.insert(constant.ident.to_string(), constant.expr.as_ref());
            }
        }
        let structs: BTreeMap<_, _> = items
            .iter()
            .filter_map(|item| match item {
                Item::Struct(it) => Some((it.ident.to_string(), it)),
                _ => None,
            })
            .collect();
        let mut tables = BTreeMap::new();
        let mut wanted = vec![ROOT.to_owned()];
        while let Some(name) = wanted.pop() {
            if tables.contains_key(&name) {
                continue;
            }
            let source = structs.get(&name).with_context(|| format!("the document has no type {name}"))?;
            let Fields::Named(fields) = &source.fields else { bail!("{name} is not a table") };
            let meaning = comment(&source.attrs);
            ensure!(!meaning.is_empty(), "{name} has no doc comment");
            let keys: Vec<Key> = fields
                .named
                .iter()
                .map(|field| {
                    let key = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
                    // A key may be a word of Rust's.
                    let key = key.trim_start_matches("r#").to_owned();
                    Key::of(&key, &field.ty, &field.attrs, &constants).with_context(|| format!("{name}.{key}"))
                })
                .collect::<Result<_>>()?;
            wanted.extend(keys.iter().filter_map(|key| key.kind.table().map(str::to_owned)));
            tables.insert(name, Table { meaning, keys });
        }
        Ok(Self { tables })
    }

    /// The table of this type; every one that a key names is there.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }

    /// Every table, by its type.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &Table)> {
        self.tables.iter().map(|(name, table)| (name.as_str(), table))
    }

    /// The tables in the order in which a reader meets them, each with the paths at which it stands (`routes[].limits`).
    pub fn in_order(&self) -> Vec<(&str, Vec<String>)> {
        let mut found: Vec<(&str, Vec<String>)> = Vec::new();
        self.walk(ROOT, String::new(), &mut found);
        // Secrets are everywhere; their own section comes last.
        let (secrets, mut others): (Vec<_>, Vec<_>) = found.into_iter().partition(|(name, _)| *name == SECRET);
        others.extend(secrets);
        others
    }

    fn walk<'a>(&'a self, name: &str, path: String, found: &mut Vec<(&'a str, Vec<String>)>) {
        let Some((name, table)) = self.tables.get_key_value(name) else { return };
        match found.iter_mut().find(|(known, _)| known == name) {
            Some((_, paths)) => paths.push(path.clone()),
            None => found.push((name, vec![path.clone()])),
        }
        for key in &table.keys {
            let Some(inner) = key.kind.table() else { continue };
            let brackets = if matches!(key.kind, Kind::List(_)) { "[]" } else { "" };
            let dot = if path.is_empty() { "" } else { "." };
            self.walk(inner, format!("{path}{dot}{}{brackets}", key.name), found);
        }
    }
}

impl Key {
    fn of(name: &str, ty: &Type, attributes: &[Attribute], constants: &Constants<'_>) -> Result<Self> {
        let (ty, is_optional) = match argument_of(ty, "Option") {
            Some(inner) => (inner, true),
            None => (ty, false),
        };
        let mut key = Self {
            name: name.to_owned(),
            kind: Kind::of(ty)?,
            is_required: !is_optional && !has_serde_default(attributes),
            meaning: String::new(),
            default: None,
            bounds: None,
            values: Vec::new(),
            most: None,
            example: None,
        };
        for paragraph in paragraphs(&comment(attributes)) {
            let text = with_values(&paragraph, constants)?;
            match text.split_once(": ") {
                Some(("Default", rest)) => key.default = Some(rest.to_owned()),
                Some(("Bounds", rest)) => key.bounds = Some(bounds(rest)?),
                Some(("Values", rest)) => key.values = code(rest),
                Some(("Most", rest)) => {
                    let most = rest.trim_matches('`').parse();
                    key.most = Some(most.with_context(|| format!("`{rest}` is no number"))?);
                }
                Some(("Example", rest)) => key.example = Some(rest.to_owned()),
                _ => key.meaning = format!("{} {text}", key.meaning).trim().to_owned(),
            }
        }
        key.check()?;
        Ok(key)
    }

    /// Refuses what would leave a reader without an answer.
    fn check(&self) -> Result<()> {
        ensure!(!self.meaning.is_empty(), "has no doc comment that says what it means");
        let has_default = self.default.is_some();
        ensure!(!(self.is_required && has_default), "is required, and its doc comment has a line `Default: `");
        if matches!(self.kind, Kind::Integer | Kind::Boolean) {
            ensure!(self.is_required || has_default, "may be absent, and its doc comment has no line `Default: `");
        }
        if matches!(self.kind, Kind::Integer) {
            ensure!(self.bounds.is_some(), "is a number, and its doc comment has no line `Bounds: `");
        }
        Ok(())
    }
}

impl Kind {
    fn of(ty: &Type) -> Result<Self> {
        if let Some(inner) = argument_of(ty, "Vec") {
            return Ok(Self::List(Box::new(Self::of(inner)?)));
        }
        if let Some(inner) = argument_of(ty, "BTreeMap") {
            return Ok(Self::Map(Box::new(Self::of(inner)?)));
        }
        let Type::Path(path) = ty else { bail!("has a type that is not known here") };
        let name = path.path.require_ident()?.to_string();
        Ok(match name.as_str() {
            "String" => Self::Text,
            "bool" => Self::Boolean,
            "u8" | "u16" | "u32" | "u64" | "usize" => Self::Integer,
            _ => Self::Table(name),
        })
    }
}

/// The last argument of a generic type of this name.
pub fn argument_of<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.last() {
        Some(GenericArgument::Type(inner)) => Some(inner),
        _ => None,
    }
}

fn has_serde_default(attributes: &[Attribute]) -> bool {
    let mut found = false;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        // What else the attribute says is not of interest, and what follows it need not be read.
        let _ = attribute.parse_nested_meta(|meta| {
            found |= meta.path.is_ident("default");
            Ok(())
        });
    }
    found
}

/// The doc comment, without the space at the beginning of each line.
pub fn comment(attributes: &[Attribute]) -> String {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                let text = text.value();
                Some(text.strip_prefix(' ').unwrap_or(&text).to_owned())
            }
            _ => None,
        },
        _ => None,
    };
    attributes.iter().filter_map(line).collect::<Vec<_>>().join("\n")
}

/// Paragraphs of a key's comment, each in one line. One of the words for the rest begins a paragraph, too.
fn paragraphs(comment: &str) -> Vec<String> {
    const WORDS: [&str; 5] = ["Default: ", "Bounds: ", "Values: ", "Most: ", "Example: "];
    let mut paragraphs: Vec<String> = Vec::new();
    let mut is_new = true;
    for line in comment.lines() {
        match paragraphs.last_mut() {
            _ if line.is_empty() => is_new = true,
            Some(last) if !is_new && !WORDS.iter().any(|word| line.starts_with(word)) => {
                last.push(' ');
                last.push_str(line);
            }
            _ => {
                paragraphs.push(line.to_owned());
                is_new = false;
            }
        }
    }
    paragraphs
}

/// The text with the value of each constant in its place: `[`NAME`]` or `` `NAME` ``.
fn with_values(text: &str, constants: &Constants<'_>) -> Result<String> {
    let is_constant = |code: &str| {
        code.starts_with(|first: char| first.is_ascii_uppercase())
            && code.contains('_')
            && code.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    };
    let mut written = text.to_owned();
    for name in code(text).iter().filter(|code| is_constant(code)) {
        let value = value(&Constant::of(name, constants)?);
        written = written.replace(&format!("[`{name}`]"), &format!("`{value}`"));
        written = written.replace(&format!("`{name}`"), &format!("`{value}`"));
    }
    Ok(written)
}

/// What a constant is, by its name.
type Constants<'a> = BTreeMap<String, &'a Expr>;

enum Constant {
    Number(u64),
    Text(String),
}

fn value(constant: &Constant) -> String {
    match constant {
        Constant::Number(number) => number.to_string(),
        Constant::Text(text) => format!("{text:?}"),
    }
}

impl Constant {
    fn of(name: &str, constants: &Constants<'_>) -> Result<Self> {
        let expression = *constants.get(name).with_context(|| format!("names {name}, which is no constant"))?;
        match expression {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(Self::Text(text.value())),
            _ => number(expression, constants).map(Self::Number),
        }
    }
}

fn number(expression: &Expr, constants: &Constants<'_>) -> Result<u64> {
    match expression {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => Ok(number.base10_parse()?),
        Expr::Paren(inner) => number(&inner.expr, constants),
        Expr::Path(path) => match Constant::of(&path.path.require_ident()?.to_string(), constants)? {
            Constant::Number(number) => Ok(number),
            Constant::Text(_) => bail!("names a text where a number should be"),
        },
        Expr::Binary(both) => {
            let (left, right) = (number(&both.left, constants)?, number(&both.right, constants)?);
            let result = match both.op {
                BinOp::Add(_) => left.checked_add(right),
                BinOp::Sub(_) => left.checked_sub(right),
                BinOp::Mul(_) => left.checked_mul(right),
                _ => None,
            };
            result.ok_or_else(|| anyhow!("names a constant that cannot be worked out here"))
        }
        _ => bail!("names a constant that cannot be worked out here"),
    }
}

/// `LEAST to MOST`, with or without backticks.
fn bounds(text: &str) -> Result<(u64, u64)> {
    let parse = |number: &str| number.trim_matches('`').parse().ok();
    let parsed = text.split_once(" to ").and_then(|(least, most)| Some((parse(least)?, parse(most)?)));
    parsed.with_context(|| format!("`{text}` is not `LEAST to MOST`"))
}

/// What stands between backticks.
pub fn code(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
