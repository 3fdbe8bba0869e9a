//! Values of arguments as texts that a request can hold.

use std::borrow::Cow;

use gatehouse_mcp_wire::json_rpc::Object;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::value::RawValue;

/// Everything but unreserved characters (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The value of an argument.
pub(crate) enum Argument {
    /// A text, a number or a truth value, as text.
    Single(String),
    /// Texts of the items.
    List(Vec<Argument>),
    /// The members.
    Table(Vec<(String, Argument)>),
    /// Null: as if it were not given.
    Nothing,
}

impl Argument {
    /// Reads a value. Numbers keep their own text.
    pub(crate) fn read(value: &RawValue) -> Self {
        let text = value.get().trim();
        match text.as_bytes().first() {
            Some(b'"') => Self::Single(serde_json::from_str(text).unwrap_or_default()),
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
                Self::List(items.into_iter().map(Self::read).collect())
            }
            Some(b'{') => {
                let members = Object::of(value).unwrap_or_default();
                Self::Table(members.iter().map(|(name, value)| (name.to_owned(), Self::read(value))).collect())
            }
            Some(b'n') | None => Self::Nothing,
            Some(_) => Self::Single(text.to_owned()),
        }
    }

    /// The text, where the value has one.
    pub(crate) fn single(&self) -> Option<&str> {
        match self {
            Self::Single(text) => Some(text),
            Self::List(_) | Self::Table(_) | Self::Nothing => None,
        }
    }

    /// The texts of a list of single values; `None` where an item is none.
    pub(crate) fn texts(items: &[Self]) -> Option<Vec<&str>> {
        items.iter().filter(|item| !matches!(item, Self::Nothing)).map(Self::single).collect()
    }

    /// The names and texts of a table of single values; `None` where a member is none.
    pub(crate) fn pairs(members: &[(String, Self)]) -> Option<Vec<(&str, &str)>> {
        let given = members.iter().filter(|(_, value)| !matches!(value, Self::Nothing));
        given.map(|(name, value)| Some((name.as_str(), value.single()?))).collect()
    }
}

/// Percent-encodes everything that could mean something in a path or a query.
pub(crate) fn encoded(text: &str) -> Cow<'_, str> {
    utf8_percent_encode(text, RESERVED).into()
}
