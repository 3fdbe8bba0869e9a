//! One JSON object whose members stay the text that they came as.

use std::fmt;

use indexmap::IndexMap;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::json_rpc::known::ANYWHERE;
use crate::json_rpc::{DEEPEST, Unparsable, strict};

/// More bytes than an envelope has beside what it carries.
pub(crate) const ENVELOPE: usize = 256;

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
        strict::check(text, DEEPEST, usize::MAX, &ANYWHERE)?;
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
        raw(written(self, self.text_length()))
    }

    /// About how long its text is.
    pub(crate) fn text_length(&self) -> usize {
        self.iter().map(|(name, value)| name.len() + value.get().len() + 4).sum()
    }
}

/// The text of a value that is about as long. Nothing is copied on the way, as is where a text grows: it may be large.
pub(crate) fn written(value: &impl fmt::Display, length: usize) -> String {
    let mut text = String::with_capacity(length.saturating_add(ENVELOPE));
    // To a text, everything can be written.
    let _never = fmt::write(&mut text, format_args!("{value}"));
    text
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn object(text: &str) -> Object {
        Object::parse(text).unwrap()
    }

    #[test]
    fn members_keep_their_order_and_their_text() {
        let text = r#"{"b":1.0,"a":{ "x" : 1E5 },"":"\u0041"}"#;
        assert_eq!(object(&format!(" {text} ")).to_string(), text);
        assert_eq!(object(r#"{ "\u0062" : 1 }"#).to_string(), r#"{"b":1}"#);
        assert_eq!(object("{ }").to_string(), "{}");
        assert_eq!(serde_json::to_string(&object(text)).unwrap(), text);
        assert_eq!(serde_json::from_str::<Object>(text).unwrap(), object(text));
        assert_eq!(object(text).to_raw().get(), text);
    }

    #[test]
    fn members_are_read_by_what_they_are() {
        let object = object(r#"{"s":"a\u0062","n":1.0,"o":{"x":1},"a":[1.0,"b"],"z":null}"#);
        assert_eq!(object.str("s").as_deref(), Some("ab"));
        assert_eq!(object.get("n").unwrap().get(), "1.0");
        assert_eq!(object.object("o").unwrap().get("x").unwrap().get(), "1");
        let items: Vec<_> = object.array("a").unwrap().iter().map(|item| item.get().to_owned()).collect();
        assert_eq!(items, ["1.0", "\"b\""]);
        for name in ["n", "o", "a", "z", "none"] {
            assert_eq!(object.str(name), None, "{name}");
        }
        for name in ["s", "n", "a", "z", "none"] {
            assert_eq!(object.object(name), None, "{name}");
        }
        for name in ["s", "n", "o", "z", "none"] {
            assert!(object.array(name).is_none(), "{name}");
        }
        assert!(object.contains("z") && !object.contains("none"));
        assert_eq!((object.len(), object.is_empty()), (5, false));
    }

    #[test]
    fn a_member_is_put_in_its_old_place_and_taken_out_without_disorder() {
        let mut object = object(r#"{"a":1,"b":2,"c":3}"#);
        object.set("b", "x");
        object.set("d", &json!([1]));
        assert_eq!(object.to_string(), r#"{"a":1,"b":"x","c":3,"d":[1]}"#);
        assert_eq!(object.remove("a").unwrap().get(), "1");
        assert!(object.remove("a").is_none());
        object.set_raw("c", RawValue::from_string("3.0".to_owned()).unwrap());
        object.set("b", &Object::new());
        assert_eq!(object.to_string(), r#"{"b":{},"c":3.0,"d":[1]}"#);
        object.set("e", &BTreeMap::from([((1, 2), 3)]));
        assert_eq!(object.get("e").unwrap().get(), "null", "no JSON object has such keys");
    }

    #[test]
    fn an_object_is_read_as_strictly_as_a_body() {
        assert_eq!(Object::parse(r#"{"a":{"b":1,"b":1}}"#), Err(Unparsable::DoubledKey));
        assert_eq!(Object::parse(&"[".repeat(DEEPEST + 1)), Err(Unparsable::TooDeep));
        assert_eq!(Object::parse("[]"), Err(Unparsable::NotJsonRpc("an object is expected")));
        assert!(matches!(Object::parse("{} {}"), Err(Unparsable::NotJson(_))));
        assert!(matches!(Object::parse(r#"{"a":"\ud800"}"#), Err(Unparsable::NotJson(_))));
        assert_eq!(object(r#"{"Name":1,"name":2}"#).len(), 2);
        let doubled: Box<RawValue> = serde_json::from_str(r#"{"a":1,"a":2}"#).unwrap();
        assert_eq!(Object::of(&doubled), None);
        assert!(serde_json::from_str::<Object>(r#"{"a":1,"a":2}"#).is_err());
    }

    #[test]
    fn objects_are_the_same_by_text_and_order() {
        assert_eq!(object(r#"{"a": 1}"#), object(r#"{"\u0061":1}"#));
        for other in [r#"{"a":1.0}"#, r#"{"a":1,"b":1}"#, r#"{"b":1}"#, "{}"] {
            assert_ne!(object(r#"{"a":1}"#), object(other));
        }
        assert_ne!(object(r#"{"a":1,"b":1}"#), object(r#"{"b":1,"a":1}"#));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(members in prop::collection::btree_map(any::<String>(), any::<String>(), 0..6)) {
            let mut object = Object::new();
            for (name, value) in &members {
                object.set(name, value);
            }
            let read = Object::parse(&object.to_string()).unwrap();
            prop_assert!(members.iter().all(|(name, value)| read.str(name).as_ref() == Some(value)));
            prop_assert_eq!(read, object);
        }
    }
}
