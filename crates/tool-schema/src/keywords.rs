//! Whether a schema says what JSON Schema lets it say, and what its validation needs of it.

use std::collections::{HashMap, HashSet};
use std::ptr;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::UnusableSchema;
use crate::dialect::Dialect;
use crate::pattern::Pattern;
use crate::structure::{Structure, patterns_of};

/// What the keywords of a schema say, as far as it is better found once.
#[derive(Debug, Default)]
pub(crate) struct Keywords<'s> {
    patterns: HashMap<&'s str, Pattern>,
    /// Where references lead.
    references: HashMap<&'s str, &'s Value>,
}

impl<'s> Keywords<'s> {
    /// Reads every part of the schema that is a schema, also those that nothing applies.
    ///
    /// # Errors
    /// [`UnusableSchema::Invalid`].
    pub(crate) fn of(structure: &Structure<'s>) -> Result<Self, UnusableSchema> {
        let anchors = HashMap::new();
        let mut reading = Reading { dialect: structure.dialect, anchors, led: Vec::new(), keywords: Self::default() };
        let mut seen = HashSet::new();
        let mut left = vec![structure.root];
        while !left.is_empty() {
            while let Some(part) = left.pop() {
                if seen.insert(ptr::from_ref(part)) {
                    reading.schema(part, &mut left)?;
                }
            }
            // A reference may lead to what no keyword leads to, and more references be there.
            for reference in std::mem::take(&mut reading.led) {
                let target = resolved(structure.root, &reading.anchors, reference)?;
                reading.keywords.references.insert(reference, target);
                left.push(target);
            }
        }
        Ok(reading.keywords)
    }

    pub(crate) fn pattern(&self, pattern: &str) -> Option<&Pattern> {
        self.patterns.get(pattern)
    }

    pub(crate) fn target(&self, reference: &str) -> Option<&'s Value> {
        self.references.get(reference).copied()
    }

    /// Whether a pattern looks around or back.
    pub(crate) fn looks_around(&self) -> bool {
        self.patterns.values().any(|pattern| pattern.looks_around)
    }
}

/// `#`, `#/a/b` (RFC 6901) or `#name`. Of those that something applies, [`Structure`] has said what is wrong.
fn resolved<'s>(
    root: &'s Value,
    anchors: &HashMap<&'s str, &'s Value>,
    reference: &str,
) -> Result<&'s Value, UnusableSchema> {
    let fragment = reference.strip_prefix('#').ok_or(UnusableSchema::Invalid)?;
    let fragment = percent_decode_str(fragment).decode_utf8().map_err(|_| UnusableSchema::Invalid)?;
    let target = if fragment.is_empty() || fragment.starts_with('/') {
        root.pointer(&fragment)
    } else {
        anchors.get(&*fragment).copied()
    };
    target.ok_or(UnusableSchema::Invalid)
}

struct Reading<'s> {
    dialect: Dialect,
    anchors: HashMap<&'s str, &'s Value>,
    /// References that are still to be resolved.
    led: Vec<&'s str>,
    keywords: Keywords<'s>,
}

impl<'s> Reading<'s> {
    /// Leaves the schemas within in `left`.
    fn schema(&mut self, part: &'s Value, left: &mut Vec<&'s Value>) -> Result<(), UnusableSchema> {
        let members = match part {
            Value::Object(members) => members,
            Value::Bool(_) => return Ok(()),
            _ => return Err(UnusableSchema::Invalid),
        };
        for (keyword, value) in members {
            if self.dialect.knows(keyword) && !self.keyword(part, keyword, value, left)? {
                return Err(UnusableSchema::Invalid);
            }
        }
        for pattern in patterns_of(members) {
            self.pattern(pattern)?;
        }
        Ok(())
    }

    /// Whether a keyword's value is of the kind that the keyword wants.
    fn keyword(
        &mut self,
        part: &'s Value,
        keyword: &str,
        value: &'s Value,
        left: &mut Vec<&'s Value>,
    ) -> Result<bool, UnusableSchema> {
        Ok(match (keyword, value) {
            ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(reference)) => {
                self.led.push(reference);
                true
            }
            ("$anchor" | "$dynamicAnchor", Value::String(name)) => {
                self.anchors.entry(name).or_insert(part);
                true
            }
            ("pattern", Value::String(pattern)) => {
                self.pattern(pattern)?;
                true
            }
            ("$ref" | "$dynamicRef" | "$recursiveRef" | "$anchor" | "$dynamicAnchor" | "pattern", _) => false,
            (
                "$id" | "$comment" | "title" | "description" | "format" | "contentEncoding" | "contentMediaType",
                value,
            ) => value.is_string(),
            ("uniqueItems" | "readOnly" | "writeOnly" | "deprecated", value) => value.is_boolean(),
            ("enum" | "examples", values) => values.is_array(),
            ("allOf" | "anyOf" | "oneOf" | "prefixItems", Value::Array(parts)) => {
                left.extend(parts);
                !parts.is_empty()
            }
            ("items", Value::Array(parts)) if self.dialect <= Dialect::Draft2019 => {
                left.extend(parts);
                true
            }
            (
                "not"
                | "if"
                | "then"
                | "else"
                | "items"
                | "additionalItems"
                | "unevaluatedItems"
                | "contains"
                | "additionalProperties"
                | "unevaluatedProperties"
                | "propertyNames",
                part,
            ) => {
                left.push(part);
                true
            }
            (
                "$defs" | "definitions" | "properties" | "patternProperties" | "dependentSchemas",
                Value::Object(parts),
            ) => {
                left.extend(parts.values());
                true
            }
            ("dependencies", Value::Object(parts)) => {
                left.extend(parts.values().filter(|part| !part.is_array()));
                parts.values().all(|part| !part.is_array() || are_names(part))
            }
            ("dependentRequired", Value::Object(parts)) => parts.values().all(are_names),
            (
                "allOf" | "anyOf" | "oneOf" | "prefixItems" | "$defs" | "definitions" | "properties"
                | "patternProperties" | "dependentSchemas" | "dependencies" | "dependentRequired",
                _,
            ) => false,
            ("required", names) => are_names(names),
            ("type", types) => are_types(types),
            ("minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum", limit) => limit.is_number(),
            ("multipleOf", of) => of.as_f64().is_some_and(|of| of > 0.0),
            (
                "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties" | "minContains"
                | "maxContains",
                limit,
            ) => limit.as_f64().is_some_and(|limit| limit >= 0.0 && limit.fract() == 0.0),
            _ => true,
        })
    }

    fn pattern(&mut self, pattern: &'s str) -> Result<(), UnusableSchema> {
        if !self.keywords.patterns.contains_key(pattern) {
            self.keywords.patterns.insert(pattern, Pattern::parse(pattern)?);
        }
        Ok(())
    }
}

fn are_names(value: &Value) -> bool {
    let names = value.as_array().map(Vec::as_slice);
    names.is_some_and(|names| {
        let mut seen = HashSet::new();
        names.iter().all(|name| name.as_str().is_some_and(|name| seen.insert(name)))
    })
}

fn are_types(value: &Value) -> bool {
    const TYPES: [&str; 7] = ["array", "boolean", "integer", "null", "number", "object", "string"];
    let is_type = |one: &Value| one.as_str().is_some_and(|name| TYPES.contains(&name));
    match value {
        Value::Array(types) => !types.is_empty() && types.iter().all(is_type) && are_names(value),
        one => is_type(one),
    }
}

/// The members of the object at `keyword`, where there is one.
pub(crate) fn object<'s>(members: &'s Map<String, Value>, keyword: &str) -> Option<&'s Map<String, Value>> {
    members.get(keyword).and_then(Value::as_object)
}
