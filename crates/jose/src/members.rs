//! Claims as they were written.

use core::fmt;

use jwt_compact::Claims;
use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The claims that `jwt-compact` reads as times.
const TIMES: [&str; 3] = ["exp", "nbf", "iat"];

/// The members of a JSON object in their order; one that stands twice is here twice.
pub(crate) struct Members(Vec<(String, Value)>);

impl Members {
    /// The claims. A time that is `null` is absent, as any other claim is: [`Claims`] would refuse it.
    ///
    /// # Errors
    /// Where they are not those of `T`, or one that is read stands twice.
    pub(crate) fn into_claims<T: DeserializeOwned>(self) -> Result<Claims<T>, serde_json::Error> {
        let stands_once = |name: &str| self.0.iter().filter(|(other, _)| other == name).count() == 1;
        let absent = TIMES.map(|time| stands_once(time).then_some(time));
        let written = self
            .0
            .into_iter()
            .filter(|(name, value)| !value.is_null() || !absent.iter().flatten().any(|time| time == name));
        Claims::deserialize(MapDeserializer::<_, serde_json::Error>::new(written))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyMembers;

        impl<'de> Visitor<'de> for AnyMembers {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(AnyMembers)
    }
}
