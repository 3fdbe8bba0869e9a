//! The reference of the configuration, for messages: which keys there are, what may stand in them, and a right example.
//!
//! It is the JSON Schema that `cargo xtask docs` writes from the types of the document.

use std::borrow::Cow;

use serde_json::{Map, Value, json};
use serde_path_to_error::{Path, Segment};

const SCHEMA: &str = include_str!("../../../../docs/configuration.schema.json");

/// The schema.
pub(super) struct Reference {
    schema: Value,
}

impl Default for Reference {
    fn default() -> Self {
        Self { schema: serde_json::from_str(SCHEMA).unwrap_or_default() }
    }
}

/// A place in a document, as far as the schema knows the way there.
#[derive(Clone)]
pub(super) struct SchemaNode<'a> {
    schema: &'a Value,
    /// What the schema says of the value.
    node: &'a Value,
    /// What it says of the key whose value it is, or in whose list it stands.
    of_key: &'a Value,
    /// The keys on the way, without the numbers of elements.
    keys: Vec<String>,
    /// The way, with them.
    written: String,
    end: End<'a>,
}

/// Why the way ends.
#[derive(Clone, Copy)]
enum End<'a> {
    /// It is the whole.
    Whole,
    /// Here, there is no such key.
    Unknown(&'a str),
    /// Here, a list stands in place of a table.
    List,
}

impl Reference {
    /// The document itself.
    pub(super) fn root(&self) -> SchemaNode<'_> {
        let (keys, written) = (Vec::new(), String::new());
        SchemaNode { schema: &self.schema, node: &self.schema, of_key: &self.schema, keys, written, end: End::Whole }
    }

    /// The place to which the path leads.
    pub(super) fn place<'a>(&'a self, path: &'a Path) -> SchemaNode<'a> {
        let mut place = self.root();
        for segment in path {
            match segment {
                Segment::Map { key } => match place.key(key) {
                    Some(next) => place = next,
                    None => {
                        place.end = End::Unknown(key);
                        break;
                    }
                },
                Segment::Seq { index } => match place.node().get("items") {
                    Some(items) => {
                        place.node = items;
                        place.written.push_str(&format!("[{index}]"));
                    }
                    None => {
                        place.end = End::List;
                        break;
                    }
                },
                Segment::Enum { .. } | Segment::Unknown => break,
            }
        }
        place
    }

    /// A table that has this key, as it is called in the reference, and the key.
    pub(super) fn elsewhere(&self, name: &str) -> Option<(String, SchemaNode<'_>)> {
        let mut tables = vec![self.root()];
        while let Some(table) = tables.pop() {
            // In a table whose keys are the operator's, every name could stand.
            if let Some(key) = table.keys().find(|known| *known == name).and_then(|known| table.key(known)) {
                return Some((table.written.clone(), key));
            }
            let keys: Vec<_> = table.keys().filter_map(|name| table.key(name)).collect();
            tables.extend(keys.into_iter().rev().map(SchemaNode::element));
        }
        None
    }
}

impl<'a> SchemaNode<'a> {
    /// The way, as messages write it.
    pub(super) fn written(&self) -> &str {
        &self.written
    }

    /// The key that does not exist here.
    pub(super) fn unknown(&self) -> Option<&'a str> {
        match self.end {
            End::Unknown(name) => Some(name),
            End::Whole | End::List => None,
        }
    }

    /// Whether a list stands where one table should.
    pub(super) fn is_list_of_one_table(&self) -> bool {
        matches!(self.end, End::List) && self.is_table()
    }

    /// Whether a list of tables belongs here.
    pub(super) fn is_list_of_tables(&self) -> bool {
        self.clone().element().is_table() && !self.is_table()
    }

    /// The smallest and the largest number.
    pub(super) fn bounds(&self) -> Option<(&'a Value, &'a Value)> {
        Some((self.node.get("minimum")?, self.node.get("maximum")?))
    }

    /// The names of the keys of the table.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.node().get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys).map(String::as_str)
    }

    /// A key of the table; of one whose keys are the operator's, any.
    pub(super) fn key(&self, name: &str) -> Option<Self> {
        let table = self.node();
        let others = table.get("additionalProperties").filter(|it| it.is_object());
        let node = table.get("properties").and_then(|keys| keys.get(name)).or(others)?;
        let mut keys = self.keys.clone();
        keys.push(name.to_owned());
        let dot = if self.written.is_empty() { "" } else { "." };
        let written = format!("{}{dot}{name}", self.written);
        Some(Self { schema: self.schema, node, of_key: node, keys, written, end: End::Whole })
    }

    /// A key that the table cannot be without, or else its first.
    pub(super) fn first_key(&self) -> Option<Self> {
        let required = self.node().get("required").and_then(|keys| keys.get(0)?.as_str());
        self.key(required.or_else(|| self.keys().next())?)
    }

    /// A line that would be right.
    pub(super) fn example(&self) -> String {
        let value = self.value(self.of_key);
        match value.as_ref() {
            Value::Object(table) if self.keys.len() == 1 && !table.contains_key("secret") => {
                format!("[{}] {}", self.keys.join("."), pairs(table, " "))
            }
            Value::Array(list) => match list.first() {
                Some(Value::Object(table)) => format!("[[{}]] {}", self.keys.join("."), pairs(table, " ")),
                _ => self.line(&value),
            },
            value => self.line(value),
        }
    }

    fn line(&self, value: &Value) -> String {
        format!("{} = {}", key(self.keys.last().map_or("", String::as_str)), toml(value))
    }

    fn is_table(&self) -> bool {
        self.node().get("properties").is_some()
    }

    /// An element of the list, or the table itself.
    fn element(mut self) -> Self {
        if let Some(items) = self.node().get("items") {
            self.node = items;
            self.written.push_str("[]");
        }
        self
    }

    /// What the schema says, where it may say it elsewhere.
    fn node(&self) -> &'a Value {
        self.resolved(self.node)
    }

    fn resolved(&self, node: &'a Value) -> &'a Value {
        let name = node.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
        name.and_then(|name| self.schema.get("$defs")?.get(name)).unwrap_or(node)
    }

    /// A right value.
    fn value(&self, node: &'a Value) -> Cow<'a, Value> {
        let first = |list: &str| node.get(list).and_then(|list| list.get(0));
        if let Some(value) = first("examples").or_else(|| node.get("default")).or_else(|| first("enum")) {
            return Cow::Borrowed(value);
        }
        let node = self.resolved(node);
        let value = match node.get("type").and_then(Value::as_str) {
            Some("array") => json!([node.get("items").map(|items| self.value(items).into_owned())]),
            Some("integer") => node.get("minimum").cloned().unwrap_or_default(),
            Some("boolean") => json!(true),
            Some("object") => Value::Object(self.table(node)),
            _ => json!("text"),
        };
        Cow::Owned(value)
    }

    /// A table with what it cannot be without, or else with its first key.
    fn table(&self, node: &'a Value) -> Map<String, Value> {
        let Some(keys) = node.get("properties").and_then(Value::as_object) else {
            let value = node.get("additionalProperties").map(|value| self.value(value).into_owned());
            return value.map(|value| ("name".to_owned(), value)).into_iter().collect();
        };
        let is_required = |name: &str| {
            node.get("required").and_then(Value::as_array).is_some_and(|names| names.iter().any(|it| it == name))
        };
        let pair = |(name, node): (&String, &'a Value)| (name.clone(), self.value(node).into_owned());
        let required: Map<_, _> = keys.iter().filter(|(name, _)| is_required(name)).map(pair).collect();
        if required.is_empty() { keys.iter().take(1).map(pair).collect() } else { required }
    }
}

/// The value as TOML writes it in a line.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(list) => format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(table) => format!("{{ {} }}", pairs(table, ", ")),
        // Numbers, booleans and basic strings are written as in JSON.
        other => other.to_string(),
    }
}

fn pairs(table: &Map<String, Value>, between: &str) -> String {
    let pairs = table.iter().map(|(name, value)| format!("{} = {}", key(name), toml(value)));
    pairs.collect::<Vec<_>>().join(between)
}

/// The key, in quotes where it needs them.
fn key(name: &str) -> String {
    let is_bare =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if is_bare { name.to_owned() } else { Value::from(name).to_string() }
}
