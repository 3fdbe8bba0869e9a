//! The input schema of a tool.

use gatehouse_mcp_wire::json_rpc::Object;
use http::HeaderMap;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::compiled_schema::CompiledSchema;
use crate::mirrored::{self, HeaderMismatch, InvalidAnnotation, Mirrored};
use crate::{LONGEST, UnusableSchema};

/// What a tool publishes about its arguments (`inputSchema`).
#[derive(Clone, Debug)]
pub struct ToolSchema {
    text: String,
    schema: Value,
    mirrored: Result<Vec<Mirrored>, InvalidAnnotation>,
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
        CompiledSchema::of(&self.schema)
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
