//! `docs/configuration.schema.json`: a JSON Schema (2020-12) of the document, for editors.
//!
//! It says what one key alone may be. What several keys mean together is for `gatehouse check`.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use super::document::{Document, Key, Kind, ROOT, Table};

/// The schema, with a line break at its end.
pub fn text(document: &Document) -> Result<String> {
    let root = document.table(ROOT).context("the document has no type of its own")?;
    let mut schema = table(root);
    let others = document.tables().filter(|(name, _)| *name != ROOT);
    let definitions: Map<_, _> = others.map(|(name, it)| (name.to_owned(), table(it))).collect();
    if let Value::Object(members) = &mut schema {
        members.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        members.insert("title".to_owned(), json!("The configuration of Gatehouse"));
        members.insert("$defs".to_owned(), Value::Object(definitions));
    }
    // The same whether or not some other crate has serde_json keep the order of members.
    schema.sort_all_objects();
    Ok(serde_json::to_string_pretty(&schema)? + "\n")
}

fn table(table: &Table) -> Value {
    let properties: Map<_, _> = table.keys.iter().map(|key| (key.name.clone(), property(key))).collect();
    let required: Vec<_> = table.keys.iter().filter(|key| key.is_required).map(|key| &key.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn property(key: &Key) -> Value {
    let mut property = kind(&key.kind);
    property.insert("description".to_owned(), json!(key.meaning));
    let default = key.default.as_deref().and_then(|text| text.strip_prefix('`')?.strip_suffix('`'));
    if let Some(value) = default.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        property.insert("default".to_owned(), value);
    }
    if let Some(example) = key.example.as_deref().and_then(in_toml) {
        property.insert("examples".to_owned(), json!([example]));
    }
    if let Some((least, most)) = key.bounds {
        property.insert("minimum".to_owned(), json!(least));
        property.insert("maximum".to_owned(), json!(most));
    }
    if let Some(most) = key.most {
        property.insert("maxItems".to_owned(), json!(most));
    }
    if !key.values.is_empty() {
        match key.kind {
            Kind::List(_) => property.insert("items".to_owned(), json!({ "enum": key.values })),
            _ => property.insert("enum".to_owned(), json!(key.values)),
        };
    }
    Value::Object(property)
}

/// The value that a doc comment gives in TOML, between backticks.
fn in_toml(text: &str) -> Option<Value> {
    let value = text.strip_prefix('`')?.strip_suffix('`')?;
    toml::from_str::<Map<_, _>>(&format!("value = {value}")).ok()?.remove("value")
}

fn kind(of: &Kind) -> Map<String, Value> {
    let pairs = match of {
        Kind::Text => vec![("type", json!("string"))],
        Kind::Boolean => vec![("type", json!("boolean"))],
        Kind::Integer => vec![("type", json!("integer"))],
        Kind::Table(name) => vec![("$ref", json!(format!("#/$defs/{name}")))],
        Kind::List(inner) => vec![("type", json!("array")), ("items", Value::Object(kind(inner)))],
        Kind::Map(inner) => vec![("type", json!("object")), ("additionalProperties", Value::Object(kind(inner)))],
    };
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
