//! Which schema a line is of.

use serde::{Serialize, Serializer};

/// The name and the version of the schema of a line, as its first field says it.
///
/// The version is another one where a field or a word that a reader may rely on goes, or means something else. A field that is
/// added, or a word, changes nothing for readers: they pass over fields that they do not know.
pub const SCHEMA: &str = "gatehouse-audit/1";

/// The schema of every line that this crate makes: [`SCHEMA`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schema;

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(SCHEMA)
    }
}
