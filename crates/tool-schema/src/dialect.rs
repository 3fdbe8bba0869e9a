//! The versions of JSON Schema that tools are written in.

use serde_json::Value;

use crate::UnusableSchema;

/// A version of JSON Schema, older ones first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Dialect {
    Draft6,
    Draft7,
    Draft2019,
    Draft2020,
}

impl Dialect {
    /// What `$schema` says. MCP has 2020-12 where it says nothing.
    ///
    /// # Errors
    /// [`UnusableSchema::Dialect`].
    pub(crate) fn of(root: &Value) -> Result<Self, UnusableSchema> {
        match root.get("$schema").map(|schema| schema.as_str().map(|schema| schema.trim_end_matches('#'))) {
            None | Some(Some("https://json-schema.org/draft/2020-12/schema")) => Ok(Self::Draft2020),
            Some(Some("https://json-schema.org/draft/2019-09/schema")) => Ok(Self::Draft2019),
            Some(Some("http://json-schema.org/draft-07/schema")) => Ok(Self::Draft7),
            Some(Some("http://json-schema.org/draft-06/schema")) => Ok(Self::Draft6),
            Some(_) => Err(UnusableSchema::Dialect),
        }
    }

    /// Whether `keyword` means something. Others are ignored, as JSON Schema wants it. `dependencies` goes on to mean what it
    /// meant up to draft 7, as JSON Schema allows (2019-09, "Compatibility").
    pub(crate) fn knows(self, keyword: &str) -> bool {
        match keyword {
            "prefixItems" | "$dynamicRef" | "$dynamicAnchor" => self == Self::Draft2020,
            "$recursiveRef" => self == Self::Draft2019,
            "additionalItems" => self <= Self::Draft2019,
            "contentEncoding" | "contentMediaType" => self <= Self::Draft7,
            "if" | "then" | "else" => self >= Self::Draft7,
            "$anchor"
            | "$defs"
            | "dependentRequired"
            | "dependentSchemas"
            | "minContains"
            | "maxContains"
            | "unevaluatedItems"
            | "unevaluatedProperties" => self >= Self::Draft2019,
            _ => true,
        }
    }

    /// Whether what stands beside a `$ref` is ignored.
    pub(crate) fn ignores_beside_ref(self) -> bool {
        self <= Self::Draft7
    }
}
