//! A guest's line that is one JSON object: its fields, and which names of them are the host's.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::event::Level;
use super::request_id::RequestId;

/// What the host calls itself in `component`.
pub(super) const HOST: &str = "host";

/// In front of the name of a guest's field whose own name is the host's.
const PREFIX: &str = "guest_";

/// Digits of an integer that every reader holds exactly.
const LONGEST_PLAIN_NUMBER: usize = 15;

/// The fields of a JSON object, in their order, each with its value as it was written.
#[derive(Debug)]
pub(super) struct GuestFields(Vec<(String, Box<RawValue>)>);

impl GuestFields {
    /// The fields of `line`. `None` where it is no object, nested deeper than readers of JSON take, or has a field twice:
    /// what two readers could take for different things is text.
    pub(super) fn parse(line: &str) -> Option<Self> {
        if !line.starts_with('{') {
            return None;
        }
        let fields: Self = serde_json::from_str(line).ok()?;
        fields.0.iter().all(|(_, value)| is_read_by_all(value.get())).then_some(fields)
    }

    /// The level that the guest says, where it is one.
    pub(super) fn level(&self) -> Option<Level> {
        let (_, value) = self.0.iter().find(|(name, _)| name == "level")?;
        Level::named(&serde_json::from_str::<String>(value.get()).ok()?)
    }

    /// The fields as they stand in the line of `guest` about `request`: what only the host may say has another name, so
    /// that nothing of it can be forged, and nothing of it is lost. A field that only repeats what the host says is left
    /// out, and so is the time: the host's own is that of the same moment.
    pub(super) fn beside_those_of_host(&self, request: RequestId) -> Vec<(String, &RawValue)> {
        let mut names = BTreeSet::new();
        let mut fields = Vec::new();
        for (name, value) in &self.0 {
            let is_reserved = match name.to_ascii_lowercase().as_str() {
                "time" if is_time(value) => continue,
                "request_id" if is_text(value, &request.to_string()) => continue,
                "level" if self.level().is_some() && name == "level" => continue,
                "time" | "level" | "request_id" | "guest" | "stream" => true,
                "component" => name != "component" || is_text(value, HOST),
                _ => false,
            };
            let name = if is_reserved { format!("{PREFIX}{name}") } else { name.clone() };
            // A field that has the new name of another is the guest's own doing.
            if names.insert(name.clone()) {
                fields.push((name, &**value));
            }
        }
        fields
    }
}

/// Whether every reader of JSON takes this value, and for the same: most are plainly so, and the others are read.
fn is_read_by_all(value: &str) -> bool {
    let is_plain = match value.as_bytes() {
        [b'"', ..] => !value.contains('\\'),
        [b't' | b'f' | b'n', ..] => true,
        digits => digits.len() <= LONGEST_PLAIN_NUMBER && digits.iter().all(u8::is_ascii_digit),
    };
    is_plain || serde_json::from_str::<Value>(value).is_ok()
}

fn is_text(value: &RawValue, text: &str) -> bool {
    serde_json::from_str::<String>(value.get()).is_ok_and(|value| value == text)
}

fn is_time(value: &RawValue) -> bool {
    serde_json::from_str::<String>(value.get()).is_ok_and(|value| value.parse::<jiff::Timestamp>().is_ok())
}

impl<'de> Deserialize<'de> for GuestFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = GuestFields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object without doubled fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GuestFields, A::Error> {
                let (mut names, mut fields) = (BTreeSet::new(), Vec::new());
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    if !names.insert(name.clone()) {
                        return Err(A::Error::custom("a field is doubled"));
                    }
                    fields.push((name, value));
                }
                Ok(GuestFields(fields))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}
