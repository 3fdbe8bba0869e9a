//! The calls of one request, each held against the schema of its tool.

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::compiled_schema::CompiledSchema;
use crate::{InvalidArguments, ToolSchema, work};

/// The schemas of the tools that are called, each compiled once, when the first call of its tool is validated.
#[derive(Debug)]
pub struct Calls<'s> {
    schemas: HashMap<&'s str, Entry<'s>>,
    /// Steps that may still be taken.
    left: u64,
}

#[derive(Debug)]
struct Entry<'s> {
    schema: &'s ToolSchema,
    compiled: Option<CompiledSchema<'s>>,
}

impl<'s> Calls<'s> {
    /// Calls of these tools.
    pub fn of(schemas: impl IntoIterator<Item = (&'s str, &'s ToolSchema)>) -> Self {
        let entry = |(tool, schema)| (tool, Entry { schema, compiled: None });
        Self { schemas: schemas.into_iter().map(entry).collect(), left: work::MOST }
    }

    /// The schema of this tool, where there is one.
    pub fn schema(&self, tool: &str) -> Option<&'s ToolSchema> {
        self.schemas.get(tool).map(|entry| entry.schema)
    }

    /// Whether the arguments of a call fit its tool. Of a tool without a schema they do.
    ///
    /// # Errors
    /// [`InvalidArguments`], also where the schema cannot be used.
    pub fn validate(&mut self, tool: &str, arguments: Option<&RawValue>) -> Result<(), InvalidArguments> {
        let Some(Entry { schema, compiled }) = self.schemas.get_mut(tool) else { return Ok(()) };
        let compiled = match compiled {
            Some(compiled) => compiled,
            None => compiled.insert(schema.compile()?),
        };
        let steps = compiled.validate(arguments, self.left)?;
        self.left = self.left.saturating_sub(steps);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::compilations;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    /// docs/cases.md, S6: 1,000 calls took 2.9 s, because the schema was compiled for each.
    #[test]
    fn a_schema_is_compiled_once_for_all_calls_of_a_request() {
        let schema = ToolSchema::parse(r#"{ "type": "object", "required": ["a"] }"#).unwrap();
        let other = ToolSchema::parse(r#"{ "type": "object" }"#).unwrap();
        let before = compilations();
        let mut calls = Calls::of([("one", &schema), ("other", &other)]);
        for _ in 0..50 {
            assert_eq!(calls.validate("one", Some(&raw(r#"{"a":1}"#))), Ok(()));
            assert!(calls.validate("one", None).is_err());
        }
        assert_eq!(compilations() - before, 1, "what is not called is not compiled");
        assert_eq!(calls.validate("other", None), Ok(()));
        assert_eq!(calls.validate("unknown", None), Ok(()));
        assert_eq!(compilations() - before, 2);
        assert!(calls.schema("one").is_some() && calls.schema("unknown").is_none());
    }

    #[test]
    fn all_calls_of_a_request_together_take_no_more_steps_than_one_may() {
        let schema = ToolSchema::parse(r#"{ "properties": { "a": { "items": { "type": "integer" } } } }"#).unwrap();
        let arguments = raw(&format!(r#"{{"a":[{}]}}"#, vec!["1"; 50_000].join(",")));
        let mut calls = Calls::of([("one", &schema)]);
        let passed = (0..50).take_while(|_| calls.validate("one", Some(&arguments)).is_ok()).count();
        assert!((1..20).contains(&passed), "{passed}");
        assert_eq!(calls.validate("one", Some(&arguments)), Err(InvalidArguments::TooMuchWork));
    }

    #[test]
    fn what_cannot_be_compiled_lets_no_call_pass() {
        let schema = ToolSchema::parse(r#"{ "$ref": "https://elsewhere.example/" }"#).unwrap();
        let mut calls = Calls::of([("one", &schema)]);
        for _ in 0..2 {
            assert!(matches!(calls.validate("one", None), Err(InvalidArguments::Schema(_))));
        }
    }
}
