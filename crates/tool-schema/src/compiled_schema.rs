//! An input schema that is ready to validate arguments.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::arguments::{self, InvalidArguments};
use crate::keywords::Keywords;
use crate::structure::Structure;
use crate::validator::Validator;
use crate::{UnusableSchema, work};

/// A schema by which arguments can be validated.
#[derive(Debug)]
pub(crate) struct CompiledSchema<'s> {
    structure: Structure<'s>,
    keywords: Keywords<'s>,
}

impl<'s> CompiledSchema<'s> {
    /// Makes the schema ready.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub(crate) fn of(schema: &'s Value) -> Result<Self, UnusableSchema> {
        let structure = Structure::of(schema)?;
        let keywords = Keywords::of(&structure)?;
        Ok(Self { structure, keywords })
    }

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
