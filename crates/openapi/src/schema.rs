//! Schemas of a document as tools have them: JSON Schema 2020-12 without references, of bounded size.

use core::cell::{Cell, RefCell};

use serde_json::{Map, Value, json};

use crate::document::Document;
use crate::text::shortened;

/// Parts of a schema that are looked at; what has more is written less deep.
const MOST_PARTS: usize = 3_000;
/// Characters of a description within a schema.
const LONGEST_DESCRIPTION: usize = 300;
/// Characters of a pattern.
const LONGEST_PATTERN: usize = 256;
/// Values of an enumeration.
const MOST_VALUES: usize = 200;

/// Keywords whose value says the same in a tool's schema.
const KEPT: [&str; 17] = [
    "type",
    "format",
    "enum",
    "const",
    "default",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];
/// Keywords whose value is a schema.
const OF_ONE: [&str; 4] = ["items", "additionalProperties", "not", "propertyNames"];
/// Keywords whose value is a list of schemas.
const OF_MANY: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];

/// Whether values go to the API or come from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Request,
    Response,
}

/// Writes schemas of a document.
pub(crate) struct SchemaWriter<'d, 'a> {
    document: &'d Document<'a>,
    direction: Direction,
    parts_left: Cell<usize>,
    /// The references that lead to what is being written.
    followed: RefCell<Vec<String>>,
}

impl<'d, 'a> SchemaWriter<'d, 'a> {
    pub(crate) fn new(document: &'d Document<'a>, direction: Direction) -> Self {
        Self { document, direction, parts_left: Cell::new(0), followed: RefCell::default() }
    }

    /// The schema, as deep as `depths` allows: the first of them at which its text has at most `longest` bytes.
    pub(crate) fn write(&self, schema: &Value, depths: &[usize], longest: usize) -> Value {
        for depth in depths {
            self.parts_left.set(MOST_PARTS);
            self.followed.borrow_mut().clear();
            let written = self.schema(schema, *depth);
            if self.parts_left.get() > 0 && text_length(&written) <= longest {
                return written;
            }
        }
        json!({})
    }

    fn schema(&self, schema: &Value, depth: usize) -> Value {
        let left = self.parts_left.get().saturating_sub(1);
        self.parts_left.set(left);
        let Value::Object(schema) = schema else {
            // 3.1: `true` and `false`.
            return if schema.is_boolean() { schema.clone() } else { json!({}) };
        };
        if left == 0 {
            return json!({});
        }
        match schema.get("$ref").and_then(Value::as_str) {
            Some(pointer) => self.referenced(pointer, schema, depth),
            None => self.own(schema, depth),
        }
    }

    /// What a reference leads to, with the description that stands beside it. A schema within itself says no more than that
    /// it is one.
    fn referenced(&self, pointer: &str, beside: &Map<String, Value>, depth: usize) -> Value {
        let is_within_itself = self.followed.borrow().iter().any(|followed| followed == pointer);
        let found = if is_within_itself { None } else { self.document.schema_at(pointer) };
        let mut written = match found {
            Some(found) => {
                self.followed.borrow_mut().push(pointer.to_owned());
                let written = self.schema(&found, depth);
                self.followed.borrow_mut().pop();
                written
            }
            None => json!({}),
        };
        if let (Some(object), Some(text)) = (written.as_object_mut(), beside.get("description").and_then(Value::as_str))
        {
            object.insert("description".to_owned(), shortened(text, LONGEST_DESCRIPTION).into());
        }
        written
    }

    fn own(&self, schema: &Map<String, Value>, depth: usize) -> Value {
        let mut written = Map::new();
        for keyword in KEPT {
            if let Some(value) = schema.get(keyword) {
                written.insert(keyword.to_owned(), value.clone());
            }
        }
        mend(&mut written);
        if let Some(text) = schema.get("description").and_then(Value::as_str).filter(|text| !text.is_empty()) {
            written.insert("description".to_owned(), shortened(text, LONGEST_DESCRIPTION).into());
        }
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str).filter(|pattern| is_plain_pattern(pattern))
        {
            written.insert("pattern".to_owned(), pattern.into());
        }
        if let Some(deeper) = depth.checked_sub(1) {
            self.parts(schema, &mut written, deeper);
        }
        if schema.get("nullable") == Some(&Value::Bool(true)) { nullable(written) } else { Value::Object(written) }
    }

    fn parts(&self, schema: &Map<String, Value>, written: &mut Map<String, Value>, depth: usize) {
        let properties = schema.get("properties").and_then(Value::as_object);
        if let Some(properties) = properties {
            let kept = properties.iter().filter(|(_, property)| !self.is_of_the_other_direction(property));
            let kept: Map<_, _> = kept.map(|(name, property)| (name.clone(), self.schema(property, depth))).collect();
            if let Some(required) = schema.get("required").and_then(Value::as_array) {
                let is_there = |name: &&Value| {
                    name.as_str().is_some_and(|name| kept.contains_key(name) || !properties.contains_key(name))
                };
                let required: Vec<_> = required.iter().filter(is_there).cloned().collect();
                if !required.is_empty() {
                    written.insert("required".to_owned(), Value::Array(required));
                }
            }
            written.insert("properties".to_owned(), Value::Object(kept));
        }
        for keyword in OF_ONE {
            // `items` of draft 4 may be a list.
            if let Some(part) = schema.get(keyword).filter(|part| part.is_object() || part.is_boolean()) {
                written.insert(keyword.to_owned(), self.schema(part, depth));
            }
        }
        for keyword in OF_MANY {
            if let Some(parts) = schema.get(keyword).and_then(Value::as_array).filter(|parts| !parts.is_empty()) {
                let parts = parts.iter().map(|part| self.schema(part, depth)).collect();
                written.insert(keyword.to_owned(), Value::Array(parts));
            }
        }
    }

    /// Whether a property is only ever answered, or only ever sent.
    fn is_of_the_other_direction(&self, property: &Value) -> bool {
        let keyword = match self.direction {
            Direction::Request => "readOnly",
            Direction::Response => "writeOnly",
        };
        property.get(keyword) == Some(&Value::Bool(true))
    }
}

/// Makes keywords of 3.0 those of 2020-12, and takes out what no reader would take.
fn mend(schema: &mut Map<String, Value>) {
    for (exclusive, limit) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match schema.get(exclusive) {
            Some(Value::Bool(true)) => match schema.remove(limit) {
                Some(value) => drop(schema.insert(exclusive.to_owned(), value)),
                None => drop(schema.remove(exclusive)),
            },
            Some(Value::Number(_)) | None => {}
            Some(_) => drop(schema.remove(exclusive)),
        }
    }
    if schema
        .get("enum")
        .is_some_and(|values| values.as_array().is_none_or(|values| values.is_empty() || values.len() > MOST_VALUES))
    {
        schema.remove("enum");
    }
    if !schema.get("type").is_none_or(is_type) {
        schema.remove("type");
    }
}

fn is_type(value: &Value) -> bool {
    let is_name = |value: &Value| {
        matches!(value.as_str(), Some("array" | "boolean" | "integer" | "null" | "number" | "object" | "string"))
    };
    is_name(value) || value.as_array().is_some_and(|names| !names.is_empty() && names.iter().all(is_name))
}

/// 3.0: null as well.
fn nullable(mut schema: Map<String, Value>) -> Value {
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    match schema.get("type").cloned() {
        Some(Value::String(name)) => {
            schema.insert("type".to_owned(), json!([name, "null"]));
            Value::Object(schema)
        }
        Some(_) => Value::Object(schema),
        None if schema.is_empty() => Value::Object(schema),
        None => json!({ "anyOf": [schema, { "type": "null" }] }),
    }
}

/// Whether everybody who reads the schema reads the pattern: those of other dialects than JavaScript's make some refuse the tool.
fn is_plain_pattern(pattern: &str) -> bool {
    pattern.len() <= LONGEST_PATTERN
        && !["(?i", "(?s", "(?m", "(?x", "(?P", "(?>", "\\A", "\\Z", "\\z", "[[:", "\\p", "\\h", "*+", "++", "?+"]
            .iter()
            .any(|foreign| pattern.contains(foreign))
}

/// Bytes of the value's text.
pub(crate) fn text_length(value: &Value) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |text| text.len())
}
