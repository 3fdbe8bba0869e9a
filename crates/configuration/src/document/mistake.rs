//! What is wrong with a value, as serde's message says it, in the words of the document.

use core::fmt;
use std::borrow::Cow;

/// What is wrong, as serde's message says it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mistake<'a> {
    /// The last key of the path does not exist. Beside it may stand these.
    Unknown(Vec<&'a str>),
    /// A key is missing in the table at the path.
    Missing(&'a str),
    /// Another kind of value stands there.
    Kind { found: &'static str, expected: Cow<'a, str> },
    /// A number is negative, or larger than any that would be right.
    Size,
    /// What else there may be.
    Other(&'a str),
}

impl<'a> Mistake<'a> {
    /// The kind of a table that was found.
    #[cfg(not(target_family = "wasm"))]
    pub(super) const TABLE: &'static str = "a table";

    /// What the message says.
    pub(super) fn of(message: &'a str) -> Self {
        if let Some(rest) = message.strip_prefix("unknown field ") {
            // The name itself comes first.
            return Self::Unknown(names(rest).skip(1).collect());
        }
        if let Some(name) = message.strip_prefix("missing field ").and_then(|rest| names(rest).next()) {
            return Self::Missing(name);
        }
        if message.starts_with("invalid value: integer ") {
            return Self::Size;
        }
        if message.starts_with("invalid length ") {
            // The types take a table as a list of its values, too, if it is as long.
            return Self::Kind { found: "a list", expected: "a table".into() };
        }
        let kinds = message.strip_prefix("invalid type: ").and_then(|rest| rest.rsplit_once(", expected "));
        match kinds {
            Some((found, expected)) => Self::Kind { found: kind(found), expected: in_our_words(expected) },
            None => Self::Other(message),
        }
    }
}

impl fmt::Display for Mistake<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(known) => write!(f, "does not exist; the keys here are {}", known.join(", ")),
            Self::Missing(_) => f.write_str("is missing"),
            Self::Kind { found, expected } => write!(f, "must be {expected}, and is {found}"),
            Self::Size => f.write_str("is negative or too large"),
            Self::Other(message) => write!(f, "cannot be read: {message}"),
        }
    }
}

/// What stands between backticks.
fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What serde found, without the value.
fn kind(found: &str) -> &'static str {
    match found.split([' ', '`', '"']).next() {
        Some("string" | "character") => "text",
        Some("integer") => "a whole number",
        Some("floating") => "a number with a fraction",
        Some("boolean") => "true or false",
        Some("map") => "a table",
        Some("sequence") => "a list",
        _ => "nothing",
    }
}

fn in_our_words(expected: &str) -> Cow<'_, str> {
    match expected {
        "a string" => "text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "a map" => "a table",
        _ if expected.starts_with("struct ") => "a table",
        _ => expected,
    }
    .into()
}
