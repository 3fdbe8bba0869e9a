//! An OpenAPI document, read as far as it is asked for: its parts stay text until then.

use core::cell::{Cell, RefCell};

use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

/// Bytes of a document. GitHub's has 13 million.
pub const LARGEST_DOCUMENT: usize = 16 * 1024 * 1024;
/// A reference that leads to a reference, and so on.
const LONGEST_CHAIN: usize = 16;
/// Parts that are read because a reference leads to them, in the whole document.
const MOST_REFERENCES: usize = 200_000;
/// Bytes of all these parts. In GitHub's document they have 32 million.
const MOST_REFERENCED: usize = 256 * 1024 * 1024;

/// The members of an object, in their order, each as it is written.
pub(crate) type Members<'a> = IndexMap<String, &'a RawValue>;

/// Why nothing can be made of a document. The text is for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DocumentError {
    /// More than [`LARGEST_DOCUMENT`].
    #[error("the document is larger than {LARGEST_DOCUMENT} bytes")]
    TooLarge,
    /// Neither JSON nor YAML.
    #[error("the document is not JSON: {0}")]
    NotJson(String),
    /// YAML that is not read.
    #[error("the document is YAML that cannot be read: {0}")]
    Yaml(String),
    /// Another format, or another version.
    #[error("the document is not OpenAPI 3.0 or 3.1{0}")]
    Version(String),
    /// No operation is left.
    #[error("no operation of the document becomes a tool")]
    NoOperation,
    /// More operations than become tools.
    #[error("more than {0} operations would become tools: choose some with openapi_operations")]
    TooManyOperations(usize),
    /// More than is kept.
    #[error("the tools together are larger than {0} bytes: choose fewer with openapi_operations")]
    ToolsTooLarge(usize),
}

/// A document whose references can be followed.
pub(crate) struct Document<'a> {
    pub(crate) root: Members<'a>,
    components: IndexMap<String, Members<'a>>,
    /// The members of other outermost parts, when a reference has led there.
    others: RefCell<IndexMap<String, Members<'a>>>,
    references_left: Cell<usize>,
    bytes_left: Cell<usize>,
}

impl<'a> Document<'a> {
    /// Reads the outermost parts of a document in JSON.
    pub(crate) fn parse(text: &'a str) -> Result<Self, DocumentError> {
        if text.len() > LARGEST_DOCUMENT {
            return Err(DocumentError::TooLarge);
        }
        let root: Members<'a> = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .map_err(|error| DocumentError::NotJson(error.to_string()))?;
        let version = string(&root, "openapi");
        if !version.as_deref().is_some_and(|version| version.starts_with("3.0") || version.starts_with("3.1")) {
            let found = version.or_else(|| string(&root, "swagger").map(|version| format!("Swagger {version}")));
            return Err(DocumentError::Version(
                found.map_or_else(String::new, |found| {
                    format!(": it is {}", found.chars().take(32).collect::<String>())
                }),
            ));
        }
        let components = members(&root, "components");
        let components = components.into_iter().filter_map(|(kind, parts)| Some((kind, object(parts)?))).collect();
        Ok(Self {
            root,
            components,
            others: RefCell::default(),
            references_left: Cell::new(MOST_REFERENCES),
            bytes_left: Cell::new(MOST_REFERENCED),
        })
    }

    /// The part, or that to which its reference leads. `None` where it leads out of the document, nowhere, or in a circle.
    pub(crate) fn resolve(&self, part: &'a RawValue) -> Option<&'a RawValue> {
        let mut part = part;
        for _ in 0..LONGEST_CHAIN {
            match reference(part) {
                Some(pointer) => part = self.at(&pointer)?,
                None => return Some(part),
            }
        }
        None
    }

    /// The members of a part, or of that to which its reference leads.
    pub(crate) fn resolved_object(&self, part: &'a RawValue) -> Option<Members<'a>> {
        object(self.resolve(part)?)
    }

    /// The schema at a reference, as a value.
    pub(crate) fn schema_at(&self, pointer: &str) -> Option<Value> {
        serde_json::from_str(self.at(pointer)?.get()).ok()
    }

    /// What a reference within the document leads to (RFC 6901).
    fn at(&self, pointer: &str) -> Option<&'a RawValue> {
        self.references_left.set(self.references_left.get().checked_sub(1)?);
        let mut parts = pointer.strip_prefix("#/")?.split('/').map(unescaped);
        let (first, second) = (parts.next()?, parts.next()?);
        let mut part = match first.as_str() {
            "components" => *self.components.get(&second)?.get(&parts.next()?)?,
            _ => self.other(first, &second)?,
        };
        for name in parts {
            self.pay_for(part)?;
            part = match object(part) {
                Some(members) => members.get(&name).copied()?,
                None => *serde_json::from_str::<Vec<&RawValue>>(part.get()).ok()?.get(name.parse::<usize>().ok()?)?,
            };
        }
        self.pay_for(part)?;
        Some(part)
    }

    /// A member of an outermost part, such as `paths`, which is read once.
    fn other(&self, name: String, member: &str) -> Option<&'a RawValue> {
        let mut others = self.others.borrow_mut();
        let part = *self.root.get(&name)?;
        others.entry(name).or_insert_with(|| object(part).unwrap_or_default()).get(member).copied()
    }

    /// `None` where more has been read because of references than may be.
    fn pay_for(&self, part: &RawValue) -> Option<()> {
        self.bytes_left.set(self.bytes_left.get().checked_sub(part.get().len())?);
        Some(())
    }

    /// The named parts of a kind of component.
    pub(crate) fn components(&self, kind: &str) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.components.get(kind).into_iter().flatten().map(|(name, part)| (name.as_str(), *part))
    }
}

/// One step of a pointer, which is percent-encoded where it stands in a URI (RFC 6901, section 6).
fn unescaped(step: &str) -> String {
    percent_encoding::percent_decode_str(step).decode_utf8_lossy().replace("~1", "/").replace("~0", "~")
}

fn reference(part: &RawValue) -> Option<String> {
    // Most parts are none, and are not read for it.
    if !part.get().contains("\"$ref\"") {
        return None;
    }
    string(&object(part)?, "$ref")
}

/// The members of a part that is an object.
pub(crate) fn object(part: &RawValue) -> Option<Members<'_>> {
    serde_json::from_str(part.get()).ok()
}

/// The members of a member that is an object; none where it is not.
pub(crate) fn members<'a>(object: &Members<'a>, name: &str) -> Members<'a> {
    object.get(name).and_then(|part| self::object(part)).unwrap_or_default()
}

/// The items of a member that is an array; none where it is not.
pub(crate) fn items<'a>(object: &Members<'a>, name: &str) -> Vec<&'a RawValue> {
    object.get(name).and_then(|part| serde_json::from_str(part.get()).ok()).unwrap_or_default()
}

/// A member that is a text.
pub(crate) fn string(object: &Members<'_>, name: &str) -> Option<String> {
    serde_json::from_str(object.get(name)?.get()).ok()
}

/// Whether a member is `true`.
pub(crate) fn is_true(object: &Members<'_>, name: &str) -> bool {
    object.get(name).is_some_and(|part| part.get() == "true")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_more_is_read_because_of_references_than_may_be() {
        let large = json!({ "type": "string", "x-large": "x".repeat(1_000) });
        let text = json!({ "openapi": "3.1.0", "components": { "schemas": { "Large": large } } }).to_string();
        let document = Document::parse(&text).unwrap();
        document.bytes_left.set(3_500);
        let found = [(); 4].map(|()| document.schema_at("#/components/schemas/Large").is_some());
        assert_eq!(found, [true, true, true, false]);
        document.bytes_left.set(3_500);
        // Each step on the way is read too.
        let found = [(); 4].map(|()| document.schema_at("#/components/schemas/Large/type").is_some());
        assert_eq!(found, [true, true, true, false]);
    }
}
