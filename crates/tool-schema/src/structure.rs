//! Which parts of a schema apply to which parts of arguments.

use std::collections::{HashMap, HashSet};
use std::ptr;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::UnusableSchema;
use crate::dialect::Dialect;

/// Levels of a schema, and references in a row: real ones have a dozen.
const DEEPEST: usize = 64;
const MOST_PATTERNS: usize = 64;

/// A schema that refers to nothing outside itself, and whose references end.
#[derive(Debug)]
pub(crate) struct Structure<'s> {
    pub(crate) root: &'s Value,
    pub(crate) dialect: Dialect,
    /// All that have the name: in which of them a reader finds it does not matter for what they cost.
    anchors: HashMap<&'s str, Vec<&'s Value>>,
    /// The values that every part compares with, by its address.
    compared: HashMap<*const Value, u64>,
}

/// To what a part of a schema applies, where another part applies to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope<'s> {
    /// The same value.
    Same,
    /// One of its properties.
    Property(&'s str),
    /// Any of its properties.
    EachProperty,
    /// The names of its properties.
    Names,
    /// One of its items.
    Item(usize),
    /// Any of its items.
    EachItem,
}

impl<'s> Structure<'s> {
    pub(crate) fn of(root: &'s Value) -> Result<Self, UnusableSchema> {
        let dialect = Dialect::of(root)?;
        let mut structure = Self { root, dialect, anchors: HashMap::new(), compared: HashMap::new() };
        let mut patterns = 0;
        structure.look_at(root, 0, &mut patterns)?;
        structure.ends()?;
        Ok(structure)
    }

    /// Every object counts, also one that is no schema: then it has no anchor, or one that nobody refers to.
    fn look_at(&mut self, value: &'s Value, depth: usize, patterns: &mut usize) -> Result<(), UnusableSchema> {
        if depth > DEEPEST {
            return Err(UnusableSchema::TooDeep);
        }
        match value {
            Value::Object(members) => {
                if depth > 0 && members.get("$id").is_some_and(Value::is_string) {
                    return Err(UnusableSchema::NestedId);
                }
                for key in ["$anchor", "$dynamicAnchor"] {
                    if let Some(Value::String(name)) = members.get(key) {
                        self.anchors.entry(name).or_default().push(value);
                    }
                }
                let compared = ["enum", "const", "required", "dependentRequired", "dependencies", "type"];
                let compared = compared.iter().filter_map(|key| members.get(*key)).map(size).sum();
                self.compared.insert(ptr::from_ref(value), compared);
                *patterns += patterns_of(members).count() + usize::from(members.get("pattern").is_some());
                if *patterns > MOST_PATTERNS {
                    return Err(UnusableSchema::TooManyPatterns);
                }
                members.values().try_for_each(|member| self.look_at(member, depth + 1, patterns))
            }
            Value::Array(items) => items.iter().try_for_each(|item| self.look_at(item, depth + 1, patterns)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    /// What a part of the schema compares values with, in values.
    pub(crate) fn compared(&self, part: &Value) -> u64 {
        self.compared.get(&ptr::from_ref(part)).copied().unwrap_or_default()
    }

    /// The parts that apply where `part` does.
    pub(crate) fn applied(&self, part: &'s Value) -> Result<Vec<(Scope<'s>, &'s Value)>, UnusableSchema> {
        let Value::Object(members) = part else { return Ok(Vec::new()) };
        let mut applied = Vec::new();
        for (key, value) in members {
            match (key.as_str(), value) {
                ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(reference)) => {
                    applied.extend(self.resolved(reference)?.into_iter().map(|part| (Scope::Same, part)));
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(parts)) => {
                    applied.extend(parts.iter().map(|part| (Scope::Same, part)));
                }
                ("not" | "if" | "then" | "else", part) => applied.push((Scope::Same, part)),
                ("dependentSchemas" | "dependencies", Value::Object(parts)) => {
                    applied.extend(parts.values().map(|part| (Scope::Same, part)));
                }
                ("properties", Value::Object(parts)) => {
                    applied.extend(parts.iter().map(|(name, part)| (Scope::Property(name), part)));
                }
                ("patternProperties", Value::Object(parts)) => {
                    applied.extend(parts.values().map(|part| (Scope::EachProperty, part)));
                }
                ("additionalProperties" | "unevaluatedProperties", part) => applied.push((Scope::EachProperty, part)),
                ("propertyNames", part) => applied.push((Scope::Names, part)),
                ("items" | "prefixItems", Value::Array(parts)) => {
                    applied.extend(parts.iter().enumerate().map(|(index, part)| (Scope::Item(index), part)));
                }
                ("items" | "additionalItems" | "unevaluatedItems" | "contains", part) => {
                    applied.push((Scope::EachItem, part));
                }
                _ => {}
            }
        }
        Ok(applied)
    }

    /// Where a reference leads: `#`, `#/a/b` (RFC 6901) or `#name`.
    fn resolved(&self, reference: &str) -> Result<Vec<&'s Value>, UnusableSchema> {
        let fragment = reference.strip_prefix('#').ok_or(UnusableSchema::Reference)?;
        let fragment = percent_decode_str(fragment).decode_utf8().map_err(|_| UnusableSchema::Reference)?;
        let found = if fragment.is_empty() || fragment.starts_with('/') {
            self.root.pointer(&fragment).map(|part| vec![part])
        } else {
            self.anchors.get(&*fragment).cloned()
        };
        found.ok_or(UnusableSchema::Reference)
    }

    /// Checks that no value makes the validator go in a circle, or along an endless chain.
    fn ends(&self) -> Result<(), UnusableSchema> {
        let mut chains = Chains { structure: self, open: HashSet::new(), lengths: HashMap::new() };
        let mut seen = HashSet::from([ptr::from_ref(self.root)]);
        let mut left = vec![self.root];
        while let Some(part) = left.pop() {
            chains.length(part)?;
            for (_, part) in self.applied(part)? {
                if seen.insert(ptr::from_ref(part)) {
                    left.push(part);
                }
            }
        }
        Ok(())
    }
}

/// The parts that apply to one value one after another.
struct Chains<'c, 's> {
    structure: &'c Structure<'s>,
    open: HashSet<*const Value>,
    lengths: HashMap<*const Value, usize>,
}

impl<'s> Chains<'_, 's> {
    /// How long the longest chain from here is.
    fn length(&mut self, part: &'s Value) -> Result<usize, UnusableSchema> {
        let address = ptr::from_ref(part);
        if let Some(length) = self.lengths.get(&address) {
            return Ok(*length);
        }
        if !self.open.insert(address) {
            return Err(UnusableSchema::Circle);
        }
        let mut longest = 0;
        if self.open.len() > DEEPEST {
            return Err(UnusableSchema::TooDeep);
        }
        for (scope, part) in self.structure.applied(part)? {
            if scope == Scope::Same {
                longest = longest.max(self.length(part)?);
            }
        }
        self.open.remove(&address);
        let length = longest + 1;
        if length > DEEPEST {
            return Err(UnusableSchema::TooDeep);
        }
        self.lengths.insert(address, length);
        Ok(length)
    }
}

/// The patterns for names of properties.
pub(crate) fn patterns_of(members: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let patterns = members.get("patternProperties").and_then(Value::as_object);
    patterns.into_iter().flat_map(|patterns| patterns.keys().map(String::as_str))
}

/// The values within a value, and itself.
pub(crate) fn size(value: &Value) -> u64 {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<u64>(),
        Value::Object(members) => 1 + members.values().map(size).sum::<u64>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}
