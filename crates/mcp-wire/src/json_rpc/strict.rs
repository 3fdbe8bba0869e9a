//! One pass over a whole text that refuses what readers could read differently.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::json_rpc::Unparsable;
use crate::json_rpc::known::KnownMembers;

/// The deepest nesting that is ever read, in arrays and objects within each other: where serde_json itself stops.
pub const DEEPEST: usize = 127;

/// serde_json takes an object with such a key for something of its own (`RawValue`), where others see an object.
const PRIVATE_KEYS: &str = "$serde_json::private::";

/// Reads `text` to its end: one value, nested no deeper than `depth`, no key twice in an object, numbers and texts that
/// serde_json holds, no key that `known` confuses, and where it is an array no more than `items`. It stops where it is
/// wrong.
pub(crate) fn check(text: &str, depth: usize, items: usize, known: &'static KnownMembers) -> Result<(), Unparsable> {
    // Before anything recurses.
    if is_deeper(text, depth.min(DEEPEST)) {
        return Err(Unparsable::TooDeep);
    }
    let refused = Cell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Strict { known, items, refused: &refused }.deserialize(&mut deserializer);
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

#[cfg(test)]
thread_local! {
    /// How many values have been read: what reading costs beside the bytes themselves.
    static STEPS: Cell<usize> = const { Cell::new(0) };
}

/// Any value, the members known in it if it is an object; `refused` says why where it is not serde_json that refuses.
#[derive(Clone, Copy)]
struct Strict<'a> {
    known: &'static KnownMembers,
    /// How many items it may have, if it is an array.
    items: usize,
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
        #[cfg(test)]
        STEPS.with(|steps| steps.set(steps.get() + 1));
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
        let item = Strict { items: usize::MAX, ..self };
        let mut read = 0_usize;
        while items.next_element_seed(item)?.is_some() {
            read = read.saturating_add(1);
            if read > self.items {
                return Err(self.refuse(Unparsable::TooManyMessages));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = members.next_key::<String>()? {
            if self.known.confuses(&key) || key.starts_with(PRIVATE_KEYS) {
                return Err(self.refuse(Unparsable::AmbiguousKey));
            }
            members.next_value_seed(Strict { known: self.known.within(&key), items: usize::MAX, ..self })?;
            if !seen.insert(key) {
                return Err(self.refuse(Unparsable::DoubledKey));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json_rpc::{Body, MOST_MESSAGES};

    /// How many values are read of a body before it is refused or done.
    fn steps(text: &str) -> usize {
        STEPS.with(|steps| steps.set(0));
        let _ = Body::parse(text.as_bytes(), DEEPEST);
        STEPS.with(Cell::get)
    }

    fn batch(messages: usize) -> String {
        let one = r#"{"jsonrpc":"2.0","method":"notifications/a"}"#;
        format!("[{}]", vec![one; messages].join(","))
    }

    #[test]
    fn a_batch_that_is_too_long_is_refused_where_its_first_message_too_many_ends() {
        assert!(Body::parse(batch(MOST_MESSAGES - 1).as_bytes(), DEEPEST).is_ok());
        assert!(Body::parse(batch(MOST_MESSAGES).as_bytes(), DEEPEST).is_ok());
        for messages in [MOST_MESSAGES + 1, 1_000, 90_000] {
            let text = batch(messages);
            assert_eq!(Body::parse(text.as_bytes(), DEEPEST), Err(Unparsable::TooManyMessages));
            assert_eq!(steps(&text), 1 + 3 * (MOST_MESSAGES + 1), "{messages}");
            assert!(Body::parse_answer(text.as_bytes()).is_ok(), "a server may say more");
        }
        // Only messages are counted, not what is in them.
        let many = vec!["1"; 10_000].join(",");
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"a","params":{{"list":[{many}]}}}}"#);
        assert!(Body::parse(text.as_bytes(), DEEPEST).is_ok());
        assert!(Body::parse(format!("[{text}]").as_bytes(), DEEPEST).is_ok());
    }

    #[test]
    fn the_largest_bodies_of_each_kind_take_a_step_for_a_value_and_no_more() {
        let keys = |count: usize| (0..count).map(|key| format!("\"{key}\":0")).collect::<Vec<_>>().join(",");
        let with = |params: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"a","params":{params}}}"#);
        for (text, most) in [
            (with(&format!("{{{}}}", keys(100_000))), 100_005),
            (with(&format!("{{{}}}", keys(1_000))), 1_005),
            (with(&format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100))), 106),
            (format!("{}{}", " ".repeat(1_000_000), with("{}")), 5),
            (with(&format!("{{\"a\":{}}}", "9".repeat(300))), 6),
            (with(&format!("{{\"a\":1{}}}", "0".repeat(1_000_000))), 6),
            (with(&format!("{{\"{}\":1}}", "_".repeat(1_000_000))), 6),
            ("[".repeat(1_000_000), 0),
        ] {
            assert!(steps(&text) <= most, "{} of {most} for {}", steps(&text), text.get(..60).unwrap_or_default());
        }
    }

    proptest! {
        #[test]
        fn no_body_takes_more_steps_than_it_has_bytes(
            text in "[\\[\\]{},:\"a0 ]{0,200}",
            values in proptest::collection::vec("(0|\"a\"|\\[\\]|\\{\\}|\\[0,0\\]|\\{\"a\":0\\})", 0..200),
        ) {
            for text in [text, format!("[{}]", values.join(","))] {
                prop_assert!(steps(&text) <= text.len() + 1, "{}", text);
            }
        }
    }
}
