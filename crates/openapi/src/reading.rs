//! The two formats of documents: JSON, and YAML, of which JSON is made.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::Value;

use crate::{DocumentError, LARGEST_DOCUMENT};

/// Levels of a document in YAML. One in JSON is read as deep as serde_json reads.
const DEEPEST: usize = 100;

/// The document as JSON.
pub(crate) fn json(text: &str) -> Result<Cow<'_, str>, DocumentError> {
    if text.len() > LARGEST_DOCUMENT {
        return Err(DocumentError::TooLarge);
    }
    let text = text.trim_start_matches('\u{feff}');
    // An object in JSON is one in YAML as well, but reading it as that takes longer.
    if text.trim_start().starts_with('{') {
        Ok(Cow::Borrowed(text))
    } else {
        Writer::default().write(text).map(Cow::Owned)
    }
}

/// Writes JSON for the events of a document in YAML.
#[derive(Default)]
struct Writer {
    json: String,
    open: Vec<Open>,
    /// Where the value of an anchor is written. Whoever refers to it within it finds nothing.
    anchors: HashMap<usize, Range<usize>>,
}

/// A list or a table that is not at its end.
struct Open {
    is_table: bool,
    /// Keys and values, or items.
    parts: usize,
    anchor: usize,
    start: usize,
}

impl Writer {
    /// The first document of the text.
    fn write(mut self, text: &str) -> Result<String, DocumentError> {
        for event in Parser::new_from_str(text) {
            let (event, _) = event.map_err(|error| DocumentError::Yaml(error.to_string()))?;
            match event {
                Event::DocumentEnd => break,
                Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref())?,
                Event::SequenceStart(anchor, _) => self.begin(false, anchor)?,
                Event::MappingStart(anchor, _) => self.begin(true, anchor)?,
                Event::SequenceEnd => self.end(']'),
                Event::MappingEnd => self.end('}'),
                Event::Alias(anchor) => self.alias(anchor)?,
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
            }
            if self.json.len() > LARGEST_DOCUMENT {
                return Err(DocumentError::TooLarge);
            }
        }
        Ok(self.json)
    }

    fn is_at_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.is_table && open.parts % 2 == 0)
    }

    /// What stands between this part and the one before.
    fn separate(&mut self) {
        if let Some(open) = self.open.last_mut() {
            match (open.is_table, open.parts) {
                (_, 0) => {}
                (true, parts) if parts % 2 == 1 => self.json.push(':'),
                _ => self.json.push(','),
            }
            open.parts = open.parts.saturating_add(1);
        }
    }

    fn begin(&mut self, is_table: bool, anchor: usize) -> Result<(), DocumentError> {
        if self.is_at_key() {
            return Err(refused("a key is no text"));
        }
        if self.open.len() >= DEEPEST {
            return Err(refused("it goes too deep"));
        }
        self.separate();
        self.open.push(Open { is_table, parts: 0, anchor, start: self.json.len() });
        self.json.push(if is_table { '{' } else { '[' });
        Ok(())
    }

    fn end(&mut self, bracket: char) {
        self.json.push(bracket);
        if let Some(Open { anchor, start, .. }) = self.open.pop() {
            self.remember(anchor, start);
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), DocumentError> {
        let is_key = self.is_at_key();
        if is_key && text == "<<" && style == ScalarStyle::Plain {
            return Err(refused("it has merge keys (<<), which YAML 1.2 does not have"));
        }
        self.separate();
        let start = self.json.len();
        let is_text = is_key || style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
        let value = if is_text { Value::from(text) } else { plain(text) };
        self.json.push_str(&value.to_string());
        self.remember(anchor, start);
        Ok(())
    }

    fn remember(&mut self, anchor: usize, start: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, start..self.json.len());
        }
    }

    fn alias(&mut self, anchor: usize) -> Result<(), DocumentError> {
        if self.is_at_key() {
            return Err(refused("a key is an alias"));
        }
        let written = self.anchors.get(&anchor).and_then(|range| self.json.get(range.clone()));
        let written = written.ok_or_else(|| refused("an alias leads to nothing that is before it"))?.to_owned();
        if self.json.len().saturating_add(written.len()) > LARGEST_DOCUMENT {
            return Err(DocumentError::TooLarge);
        }
        self.separate();
        self.json.push_str(&written);
        Ok(())
    }
}

fn refused(reason: &str) -> DocumentError {
    DocumentError::Yaml(reason.to_owned())
}

/// A plain scalar, by the core schema of YAML 1.2.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => number(text).unwrap_or_else(|| Value::from(text)),
    }
}

fn number(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return i64::from_str_radix(digits, 16).ok().map(Value::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return i64::from_str_radix(digits, 8).ok().map(Value::from);
    }
    let is_decimal = unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    text.parse::<f64>().ok().filter(|number| is_decimal && number.is_finite()).map(Value::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Value {
        serde_json::from_str(&json(text).unwrap()).unwrap()
    }

    #[test]
    fn yaml_means_what_the_core_schema_says() {
        let text = "openapi: 3.0.3\ninfo: &info {title: 'a: b', version: \"1.0\"}\npaths:\n  /a:\n    200: [1, -2.5, 0x1F, 1e3, yes, ~, true, 'no']\n    x: |\n      two\n      lines\nagain: *info\nempty:\n";
        let expected = json!({
            "openapi": "3.0.3", "info": { "title": "a: b", "version": "1.0" }, "again": { "title": "a: b", "version": "1.0" }, "empty": null,
            "paths": { "/a": { "200": [1, -2.5, 31, 1000.0, "yes", null, true, "no"], "x": "two\nlines\n" } },
        });
        assert_eq!(read(text), expected);
        assert_eq!(read("\u{feff} {\"a\": [1]}"), json!({ "a": [1] }));
        assert_eq!(read("!!str 12"), json!("12"));
    }

    #[test]
    fn yaml_that_grows_or_turns_in_circles_is_refused() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            bomb += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(", "));
        }
        assert_eq!(json(&bomb).unwrap_err(), DocumentError::TooLarge);
        assert!(matches!(json("a: &a [*a]"), Err(DocumentError::Yaml(_))));
        assert!(matches!(json("[a, b]: c"), Err(DocumentError::Yaml(_))));
        assert!(matches!(json("a: &a {b: c}\nd:\n  <<: *a\n"), Err(DocumentError::Yaml(_))));
        assert!(matches!(json(&"[".repeat(5_000)), Err(DocumentError::Yaml(_))));
        assert!(matches!(json(&"- ".repeat(5_000)), Err(DocumentError::Yaml(_))));
    }

    proptest! {
        #[test]
        fn whatever_is_read_of_yaml_is_json(text in "[-a-z0-9:{}\\[\\],&*!|>'\"# \n]{0,60}") {
            if let Ok(json) = json(&format!("k: {text}")) {
                prop_assert!(json.is_empty() || serde_json::from_str::<Value>(&json).is_ok(), "{}", json);
            }
        }
    }
}
