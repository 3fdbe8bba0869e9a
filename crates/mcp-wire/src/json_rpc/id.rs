//! The ids of requests.

use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Number, Value};

/// The largest whole number that every reader holds exactly: 2^53 - 1.
const SAFE: f64 = 9_007_199_254_740_991.0;

/// The id of a request: a string or an integer (MCP, "Requests"; JSON-RPC 2.0 alone would also have fractions and
/// null). `7` and `"7"` are two ids. Written as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// A string, without its quotes.
    Text(String),
    /// An integer of 64 bits.
    Number(Number),
}

impl Id {
    /// Reads the JSON text of an id: a string or an integer of 64 bits.
    pub fn parse(text: &str) -> Option<Self> {
        match serde_json::from_str(text).ok()? {
            Value::String(text) => Some(Self::Text(text)),
            Value::Number(number) if !number.is_f64() => Some(Self::Number(number)),
            _ => None,
        }
    }

    /// Whether it is a text without a character.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }

    /// The id that an answer repeats. Servers that hold every number as a double say `1.0` for `1`.
    pub(crate) fn repeated(value: &RawValue) -> Option<Self> {
        Self::parse(value.get()).or_else(|| whole(value).map(|number| Self::Number(number.into())))
    }
}

/// An integer, also where it is written as a fraction or with an exponent.
pub(crate) fn whole(value: &RawValue) -> Option<i64> {
    let text = value.get();
    // Not serde_json's doubles, which may be off by the last bit.
    let near = || text.parse::<f64>().ok().filter(|number| number.fract() == 0.0 && number.abs() <= SAFE);
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
    text.parse().ok().or_else(|| near().map(|number| number as i64))
}

impl From<i64> for Id {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => Value::from(text.as_str()).fmt(formatter),
            Self::Number(number) => number.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_written_as_it_is_read() {
        for text in [r#""a\"b""#, r#""""#, "0", "-1", "18446744073709551615", "\"1\""] {
            assert_eq!(Id::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "null", "1.0", "[1]", "{}", "1 1", "a", "true"] {
            assert_eq!(Id::parse(text), None, "{text}");
        }
    }
}
