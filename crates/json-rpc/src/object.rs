//! One JSON object whose members stay the text that they came as.

use std::fmt;

use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::known::ANYWHERE;
use crate::{DEEPEST, Unparsable, strict};

/// A JSON object: its members in their order, the values raw. Written ([`fmt::Display`]) without space around them.
#[derive(Clone, Default)]
pub struct Object(IndexMap<String, Box<RawValue>>);

impl Object {
    /// An object without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one object and nothing else, as strictly as a body.
    ///
    /// # Errors
    /// What [`Unparsable`] says; [`Unparsable::NotJsonRpc`] for a value that is no object.
    pub fn parse(text: &str) -> Result<Self, Unparsable> {
        strict::check(text, DEEPEST, &ANYWHERE)?;
        Self::read(text).ok_or(Unparsable::NotJsonRpc("an object is expected"))
    }

    /// The members of a value that is an object. `None` for all others, and for one that names a member twice.
    pub fn of(value: &RawValue) -> Option<Self> {
        Self::read(value.get())
    }

    fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The value of a member, as it came.
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        self.0.get(name).map(AsRef::as_ref)
    }

    /// A member that is a string, without its quotes and escapes.
    pub fn str(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// A member that is an object.
    pub fn object(&self, name: &str) -> Option<Self> {
        Self::of(self.get(name)?)
    }

    /// The items of a member that is an array.
    pub fn array(&self, name: &str) -> Option<Vec<Box<RawValue>>> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// Puts a value in the place of the member, or at the end. What JSON cannot hold (a map whose keys are no strings)
    /// becomes null.
    pub fn set<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        self.set_raw(name, to_raw_value(value).unwrap_or_else(|_| null()));
    }

    /// Puts a value in the place of the member, or at the end.
    pub fn set_raw(&mut self, name: &str, value: Box<RawValue>) {
        self.0.insert(name.to_owned(), value);
    }

    /// Takes a member out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Box<RawValue>> {
        self.0.shift_remove(name)
    }

    /// Whether there is such a member.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The members in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_ref()))
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object as a value of another one.
    pub fn to_raw(&self) -> Box<RawValue> {
        raw(self.to_string())
    }
}

/// What this crate has written, as a value.
fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| null())
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

impl FromIterator<(String, Box<RawValue>)> for Object {
    fn from_iter<I: IntoIterator<Item = (String, Box<RawValue>)>>(members: I) -> Self {
        Self(members.into_iter().collect())
    }
}

impl Extend<(String, Box<RawValue>)> for Object {
    fn extend<I: IntoIterator<Item = (String, Box<RawValue>)>>(&mut self, members: I) {
        self.0.extend(members);
    }
}

impl IntoIterator for Object {
    type Item = (String, Box<RawValue>);
    type IntoIter = indexmap::map::IntoIter<String, Box<RawValue>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The same members with the same texts in the same order.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        let same = |((name, value), (other_name, other_value)): ((&str, &RawValue), (&str, &RawValue))| {
            name == other_name && value.get() == other_value.get()
        };
        self.len() == other.len() && self.iter().zip(other.iter()).all(same)
    }
}

impl Eq for Object {}

impl fmt::Display for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            write!(formatter, "{before}{}:{}", Value::from(name), value.get())?;
        }
        formatter.write_str(if self.is_empty() { "{}" } else { "}" })
    }
}

/// Says nothing of what is in it: arguments are not for logs.
impl fmt::Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Object({} members)", self.len())
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(&self.0)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Object, A::Error> {
        let mut object = Object::new();
        while let Some((name, value)) = members.next_entry()? {
            if object.0.insert(name, value).is_some() {
                return Err(A::Error::custom("an object has a key twice"));
            }
        }
        Ok(object)
    }
}
