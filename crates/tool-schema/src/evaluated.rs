//! Which properties and items of a value a schema has looked at (JSON Schema, "unevaluatedItems", "unevaluatedProperties").

use std::collections::HashSet;

/// What is evaluated of one value.
#[derive(Debug, Default)]
pub(crate) struct Evaluated<'i> {
    all_properties: bool,
    properties: HashSet<&'i str>,
    all_items: bool,
    items: HashSet<usize>,
}

impl<'i> Evaluated<'i> {
    pub(crate) fn property(&mut self, name: &'i str) {
        self.properties.insert(name);
    }

    pub(crate) fn item(&mut self, index: usize) {
        self.items.insert(index);
    }

    pub(crate) fn all_properties(&mut self) {
        self.all_properties = true;
    }

    pub(crate) fn all_items(&mut self) {
        self.all_items = true;
    }

    pub(crate) fn has_property(&self, name: &str) -> bool {
        self.all_properties || self.properties.contains(name)
    }

    pub(crate) fn has_item(&self, index: usize) -> bool {
        self.all_items || self.items.contains(&index)
    }

    /// Adds what another part has looked at. What is less is added to what is more, so that chains of parts take no longer.
    pub(crate) fn add(&mut self, other: Self) {
        self.all_properties |= other.all_properties;
        self.all_items |= other.all_items;
        extend(&mut self.properties, other.properties);
        extend(&mut self.items, other.items);
    }
}

fn extend<T: std::hash::Hash + Eq>(one: &mut HashSet<T>, mut other: HashSet<T>) {
    if one.len() < other.len() {
        std::mem::swap(one, &mut other);
    }
    one.extend(other);
}
