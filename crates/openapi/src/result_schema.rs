//! Output schemas: what an answer consists of.
//!
//! Clients hold results against a tool's output schema, and documents promise more than their APIs keep: fields that are
//! missing, null, or of a value that was added later. So an output schema names the parts and their types, each of which may be
//! null or absent, and nothing that an answer could break otherwise.

use serde_json::{Map, Value, json};

use crate::text::shortened;

/// What an answer that is no object is put under.
pub(crate) const WRAPPER: &str = "result";
/// Characters of a description.
const LONGEST_DESCRIPTION: usize = 120;

/// The output schema for answers of this schema.
pub(crate) fn output_schema(schema: &Value) -> Value {
    let loose = loosened(schema);
    if !is_object(schema) {
        return json!({ "type": "object", "properties": { WRAPPER: loose } });
    }
    let mut root = match loose {
        Value::Object(root) => root,
        _ => Map::new(),
    };
    root.insert("type".to_owned(), "object".into());
    Value::Object(root)
}

/// Whether answers are objects, as far as the schema says.
fn is_object(schema: &Value) -> bool {
    let parts = |keyword: &str| schema.get(keyword).and_then(Value::as_array).filter(|parts| !parts.is_empty());
    match schema.get("type") {
        Some(Value::String(name)) => name == "object",
        Some(Value::Array(names)) => names.iter().all(|name| name == "object" || name == "null"),
        _ => {
            schema.get("properties").is_some()
                || parts("allOf").is_some_and(|parts| parts.iter().any(is_object))
                || ["anyOf", "oneOf"]
                    .into_iter()
                    .any(|keyword| parts(keyword).is_some_and(|parts| parts.iter().all(is_object)))
        }
    }
}

fn loosened(schema: &Value) -> Value {
    let Value::Object(schema) = schema else { return json!({}) };
    let mut loose = Map::new();
    match schema.get("type") {
        Some(Value::String(name)) if name != "null" => drop(loose.insert("type".to_owned(), json!([name, "null"]))),
        Some(Value::Array(names)) => {
            let mut names = names.clone();
            if !names.contains(&json!("null")) {
                names.push(json!("null"));
            }
            loose.insert("type".to_owned(), Value::Array(names));
        }
        _ => {}
    }
    if let Some(text) = schema.get("description").and_then(Value::as_str) {
        loose.insert("description".to_owned(), shortened(text, LONGEST_DESCRIPTION).into());
    }
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let properties: Map<_, _> = properties.iter().map(|(name, part)| (name.clone(), loosened(part))).collect();
        loose.insert("properties".to_owned(), Value::Object(properties));
    }
    if let Some(items) = schema.get("items") {
        loose.insert("items".to_owned(), loosened(items));
    }
    // Of several shapes, nobody can say which one an answer has that keeps to none of them to the letter. All parts of `allOf` hold.
    if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
        loose.insert("allOf".to_owned(), parts.iter().map(loosened).collect());
    }
    Value::Object(loose)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_may_lack_what_the_document_promises() {
        let schema = json!({
            "type": "object", "required": ["id"], "additionalProperties": false,
            "properties": { "id": { "type": "string", "format": "uuid" }, "state": { "type": "string", "enum": ["on"] } },
        });
        let expected = json!({
            "type": "object", "properties": { "id": { "type": ["string", "null"] }, "state": { "type": ["string", "null"] } },
        });
        assert_eq!(output_schema(&schema), expected);
    }

    #[test]
    fn an_answer_that_is_no_object_is_put_into_one() {
        let schema = json!({ "type": "array", "items": { "type": "integer", "minimum": 1 } });
        let expected = json!({
            "type": "object",
            "properties": { "result": { "type": ["array", "null"], "items": { "type": ["integer", "null"] } } },
        });
        assert_eq!(output_schema(&schema), expected);
        let either = json!({ "oneOf": [{ "type": "object" }, { "type": "array" }] });
        assert_eq!(output_schema(&either), json!({ "type": "object", "properties": { "result": {} } }));
    }
}
