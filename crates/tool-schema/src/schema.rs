//! The input schema of a tool.

use gatehouse_mcp_wire::json_rpc::Object;
use http::HeaderMap;
use serde_json::Value;
use serde_json::value::RawValue;
use thiserror::Error;

use crate::arguments::{self, InvalidArguments};
use crate::keywords::Keywords;
use crate::mirrored::{self, HeaderMismatch, InvalidAnnotation, Mirrored};
use crate::structure::Structure;
use crate::validator::Validator;
use crate::work;

/// Bytes of a schema's text. PublishedTool ones have a few thousand.
pub const LONGEST: usize = 128 * 1024;

/// What a tool publishes about its arguments (`inputSchema`).
#[derive(Clone, Debug)]
pub struct ToolSchema {
    text: String,
    schema: Value,
    mirrored: Result<Vec<Mirrored>, InvalidAnnotation>,
}

/// A schema by which arguments can be validated.
#[derive(Debug)]
pub(crate) struct CompiledSchema<'s> {
    structure: Structure<'s>,
    keywords: Keywords<'s>,
}

impl CompiledSchema<'_> {
    /// Whether the arguments of a call fit; how many steps that took, of at most `most`. Absent ones are an empty object.
    ///
    /// # Errors
    /// [`InvalidArguments`].
    pub(crate) fn validate(&self, arguments: Option<&RawValue>, most: u64) -> Result<u64, InvalidArguments> {
        let text = arguments.map_or("{}", RawValue::get);
        let arguments: Value = serde_json::from_str(text).map_err(|_| InvalidArguments::Unreadable)?;
        let steps = work::steps(&self.structure, &arguments, self.keywords.looks_around(), most)?;
        let validator = Validator::new(&self.structure, &self.keywords);
        let fits = validator.validate(&arguments);
        if fits.is_ok() && !validator.gave_up() {
            return Ok(steps);
        }
        Err(arguments::explained(fits.err().as_deref(), validator.gave_up(), steps, text.len()))
    }
}

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

impl ToolSchema {
    /// The schema of a tool, as a listing has it.
    ///
    /// # Errors
    /// [`UnusableSchema::NoObject`], [`UnusableSchema::TooLong`]. Other mistakes are found when something is validated: headers
    /// can be checked by schemas that nothing can be validated by.
    pub fn of(tool: &RawValue) -> Result<Self, UnusableSchema> {
        let schema = Object::of(tool).and_then(|tool| tool.get("inputSchema").map(ToOwned::to_owned));
        schema.ok_or(UnusableSchema::NoObject).and_then(|schema| Self::parse(schema.get()))
    }

    /// Reads back what [`ToolSchema::text`] gave.
    ///
    /// # Errors
    /// See [`ToolSchema::of`].
    pub fn parse(text: &str) -> Result<Self, UnusableSchema> {
        if text.len() > LONGEST {
            return Err(UnusableSchema::TooLong);
        }
        let schema: Value = serde_json::from_str(text).map_err(|_| UnusableSchema::NoObject)?;
        if !schema.is_object() {
            return Err(UnusableSchema::NoObject);
        }
        Ok(Self { text: text.to_owned(), mirrored: mirrored::find(&schema), schema })
    }

    /// The server's own text, to be kept ([`crate::CacheDirective`]).
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Makes ready to validate arguments: once, for all calls of a request. It takes far longer than validating.
    ///
    /// # Errors
    /// Where the schema cannot be used: who asks for validation wants no calls without it.
    pub(crate) fn compile(&self) -> Result<CompiledSchema<'_>, UnusableSchema> {
        #[cfg(test)]
        COMPILATIONS.with(|compilations| compilations.set(compilations.get() + 1));
        let structure = Structure::of(&self.schema)?;
        let keywords = Keywords::of(&structure)?;
        Ok(CompiledSchema { structure, keywords })
    }

    /// The parameters that headers repeat. Empty where an annotation is wrong: clients do not use such a tool over HTTP.
    pub fn mirrored(&self) -> &[Mirrored] {
        self.mirrored.as_deref().unwrap_or_default()
    }

    /// What is wrong with an annotation, if something is.
    ///
    /// # Errors
    /// [`InvalidAnnotation`].
    pub fn check_annotations(&self) -> Result<(), InvalidAnnotation> {
        self.mirrored.as_ref().map(drop).map_err(Clone::clone)
    }

    /// Whether the `Mcp-Param-*` headers say what the arguments say (MCP 2026-07-28, "Server Validation"). Headers that the
    /// schema does not name mean nothing here.
    ///
    /// # Errors
    /// [`HeaderMismatch`].
    pub fn check_headers(&self, headers: &HeaderMap, arguments: Option<&RawValue>) -> Result<(), HeaderMismatch> {
        mirrored::check(self.mirrored(), headers, arguments)
    }
}

#[cfg(test)]
thread_local! {
    static COMPILATIONS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How many schemas have been compiled.
#[cfg(test)]
pub(crate) fn compilations() -> usize {
    COMPILATIONS.with(std::cell::Cell::get)
}

#[cfg(test)]
mod tests;
