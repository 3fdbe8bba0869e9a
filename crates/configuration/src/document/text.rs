//! The text of a document, as a tree of values that does not say any more whether it was TOML or JSON.
//!
//! The types of the document are read from this tree alone. Reading them from both formats directly would double what is the
//! largest part of the Spin adapter.

use core::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_path_to_error::{Path, Segment};
use toml::de::{DeArray, DeTable, DeValue};

/// How `toml` writes a date into other formats.
const DATE: &str = "$__toml_private_datetime";

/// Reads a text that begins with `{` as JSON, and any other as TOML. The error says what is wrong, and the line.
pub(super) fn tree(text: &str) -> Result<Value, String> {
    if is_json(text) {
        return serde_json::from_str(text).map(|Tree(value)| value).map_err(|error| error.to_string());
    }
    toml::from_str(text).map(|Tree(value)| value).map_err(|error| {
        // Without the picture of the source that `toml` draws over several lines.
        let line = error.span().map(|span| line_at(text, span.start));
        with_line(line, error.message())
    })
}

/// The line to which `path` leads, where the text is TOML. In JSON, a path is enough.
pub(super) fn line(text: &str, path: &Path) -> Option<usize> {
    if is_json(text) { None } else { line_of(text, path) }
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
}

fn with_line(line: Option<usize>, message: &str) -> String {
    line.map_or_else(|| message.to_owned(), |line| format!("line {line}: {message}"))
}

/// The line of the last key or element of the path that the document has: one that is missing has none.
fn line_of(text: &str, path: &Path) -> Option<usize> {
    let document = DeTable::parse(text).ok()?;
    let (mut table, mut array) = (Some(document.get_ref()), None);
    let mut start = None;
    for segment in path {
        let next = match segment {
            Segment::Map { key } => table
                .and_then(|table| table.iter().find(|(name, _)| name.get_ref() == key))
                .map(|(name, value)| (name.span().start, value)),
            Segment::Seq { index } => {
                array.and_then(|array: &DeArray<'_>| array.get(*index)).map(|value| (value.span().start, value))
            }
            Segment::Enum { .. } | Segment::Unknown => None,
        };
        let Some((place, value)) = next else { break };
        start = Some(place);
        (table, array) = match value.get_ref() {
            DeValue::Table(inner) => (Some(inner), None),
            DeValue::Array(inner) => (None, Some(inner)),
            _ => (None, None),
        };
    }
    start.map(|start| line_at(text, start))
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count().saturating_add(1)
}

/// A value of either format. A key that comes twice is an error, as it is in TOML.
struct Tree(Value);

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor).map(Self)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number must be finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Tree(value)) = sequence.next_element()? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some((key, Tree(value))) = map.next_entry::<String, Tree>()? {
            if key == DATE {
                return Err(A::Error::custom("nothing here is a date; a text stands in quotes"));
            }
            if values.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key `{key}` is there twice")));
            }
            values.insert(key, value);
        }
        Ok(Value::Object(values))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_formats_become_the_same_tree() {
        let toml = "a = 1\nb = [true, 1.5]\n[c]\n\"d e\" = 'x'\n[[f]]\ng = -1\n[[f]]\n";
        let in_json = r#"{"a":1,"b":[true,1.5],"c":{"d e":"x"},"f":[{"g":-1},{}]}"#;
        let expected = json!({ "a": 1, "b": [true, 1.5], "c": { "d e": "x" }, "f": [{ "g": -1 }, {}] });
        assert_eq!((tree(toml).unwrap(), tree(in_json).unwrap()), (expected.clone(), expected));
    }

    #[test]
    fn a_key_that_comes_twice_and_a_number_that_is_none_are_refused_with_their_line() {
        assert_eq!(tree(r#"{"a":{"b":1,"b":1}}"#).unwrap_err(), "the key `b` is there twice at line 1 column 18");
        assert_eq!(tree("\na = 1\na = 2\n").unwrap_err(), "line 3: duplicate key");
        assert_eq!(tree("\n\na = nan\n").unwrap_err(), "line 3: a number must be finite");
        let date = "line 2: nothing here is a date; a text stands in quotes";
        assert_eq!(tree("[a]\nb = 2026-11-28\n").unwrap_err(), date);
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Document {
        #[expect(dead_code, reason = "it is read for its errors")]
        tables: Vec<std::collections::BTreeMap<String, u8>>,
    }

    fn line_of_error(text: &str) -> Option<usize> {
        let error = serde_path_to_error::deserialize::<_, Document>(tree(text).unwrap()).unwrap_err();
        line_of(text, error.path())
    }

    #[test]
    fn an_error_has_the_line_of_its_key() {
        for (text, line) in [
            ("tables = []\nother = 1\n", 2),
            ("[[tables]]\na = 1\n\n[[tables]]\nb = 1\nc = 'x'\n", 6),
            ("[[tables]]\r\na = 1\r\nb = 256\r\n", 3),
            ("tables = [\n  { a = 1 },\n  { b = 2, c = true },\n]\n", 3),
            ("tables = [\n  { a = 1 },\n  'text',\n]\n", 3),
            ("# first\ntables = 1\n", 2),
        ] {
            assert_eq!(line_of_error(text), Some(line), "{text}");
        }
        assert_eq!(line_of_error("a = 1\n").map(|line| line > 1), Some(false), "the document itself");
        assert_eq!(line_of_error(""), None, "what is missing has no line");
    }
}
