//! One pass over a whole text that refuses what readers could read differently.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::Unparsable;
use crate::known::Place;

/// The deepest nesting that is ever read, in arrays and objects within each other: where serde_json itself stops.
pub const DEEPEST: usize = 127;

/// serde_json takes an object with such a key for something of its own (`RawValue`), where others see an object.
const PRIVATE_KEYS: &str = "$serde_json::private::";

/// Reads `text` to its end: one value, nested no deeper than `depth`, no key twice in an object, numbers and texts that
/// serde_json holds, and no key that `place` confuses.
pub(crate) fn check(text: &str, depth: usize, place: &'static Place) -> Result<(), Unparsable> {
    // Before anything recurses.
    if is_deeper(text, depth.min(DEEPEST)) {
        return Err(Unparsable::TooDeep);
    }
    let refused = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Strict { place, refused: &refused }.deserialize(&mut deserializer);
    read.and_then(|()| deserializer.end())
        .map_err(|error| refused.take().unwrap_or_else(|| Unparsable::NotJson(error.to_string())))
}

/// Whether arrays and objects are nested deeper than `depth`. Counts brackets outside strings.
fn is_deeper(text: &str, depth: usize) -> bool {
    let (mut level, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => level += 1,
            b']' | b'}' if !in_string => level = level.saturating_sub(1),
            _ => {}
        }
        if level > depth {
            return true;
        }
    }
    false
}

/// Any value at a place; `refused` says why where it is not serde_json that refuses.
#[derive(Clone, Copy)]
struct Strict<'a> {
    place: &'static Place,
    refused: &'a Cell<Option<Unparsable>>,
}

impl Strict<'_> {
    fn refuse<E: Error>(self, why: Unparsable) -> E {
        let error = E::custom(&why);
        self.refused.set(Some(why));
        error
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = members.next_key::<String>()? {
            if self.place.confuses(&key) || key.starts_with(PRIVATE_KEYS) {
                return Err(self.refuse(Unparsable::AmbiguousKey));
            }
            members.next_value_seed(Strict { place: self.place.within(&key), ..self })?;
            if !seen.insert(key) {
                return Err(self.refuse(Unparsable::DoubledKey));
            }
        }
        Ok(())
    }
}
