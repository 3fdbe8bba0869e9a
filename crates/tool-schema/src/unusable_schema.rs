//! Why no arguments can be validated by a schema.

use thiserror::Error;

/// Bytes of a schema's text. PublishedTool ones have a few thousand.
pub const LONGEST: usize = 128 * 1024;

/// Arguments cannot be validated by this schema. The text says no more of it than where the mistake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnusableSchema {
    /// MCP wants it to be one.
    #[error("it is no JSON object")]
    NoObject,
    /// More than [`LONGEST`] bytes.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    /// More than 64 levels, or a chain of more than 64 references.
    #[error("it goes more than 64 levels deep")]
    TooDeep,
    /// More than 64 patterns.
    #[error("it has more than 64 patterns")]
    TooManyPatterns,
    /// A `$schema` other than 2020-12, 2019-09, draft 7 and draft 6.
    #[error("its $schema is unknown")]
    Dialect,
    /// A part with an `$id` of its own, in which references would lead somewhere else.
    #[error("a part of it has an $id of its own")]
    NestedId,
    /// A `$ref` that leads out of the schema, or nowhere.
    #[error("a reference does not lead to a part of it")]
    Reference,
    /// References that come back to where they were without going down into the arguments.
    #[error("references lead in a circle")]
    Circle,
    /// Anything else that JSON Schema does not allow; a pattern that is none, or becomes too large.
    #[error("it is no valid JSON Schema")]
    Invalid,
}
