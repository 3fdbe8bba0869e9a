//! The value of the setting, in either form, and the parts that are read of it.

use std::borrow::Cow;

use crate::compiled::{self, Compiled};
use crate::document::{self, Parts};
use crate::{ConfigurationError, Part};

/// The value of the setting: a document, which is read and checked as a whole, or one that was compiled before.
pub struct Source(Form);

enum Form {
    Document(Box<Parts>),
    Compiled(Compiled),
}

impl Source {
    /// Reads the value. Of a compiled one only what is in front of its parts: a part that is damaged is found when it is
    /// asked for.
    ///
    /// # Errors
    /// Where nothing can be read of it; then nothing may be served.
    pub fn read(text: String) -> Result<Self, ConfigurationError> {
        if compiled::is_compiled(&text) {
            return Compiled::open(text).map(Form::Compiled).map(Self).map_err(ConfigurationError::Compiled);
        }
        let (parts, _) = document::parse(&text)?.divide()?;
        Ok(Self(Form::Document(Box::new(parts))))
    }

    /// The paths of the routes, in the order of the document.
    pub fn paths(&self) -> Vec<String> {
        match &self.0 {
            Form::Document(parts) => parts.paths().map(str::to_owned).collect(),
            Form::Compiled(compiled) => compiled.paths().map(str::to_owned).collect(),
        }
    }

    /// The part as text, for its type's `from_part`; `None` where there is no such route.
    ///
    /// # Errors
    /// Where a compiled configuration is damaged.
    pub fn part(&self, part: &Part<'_>) -> Result<Option<Cow<'_, str>>, ConfigurationError> {
        match &self.0 {
            Form::Document(parts) => Ok(parts.write(part)?.map(Cow::Owned)),
            Form::Compiled(compiled) => {
                Ok(compiled.part(part).map_err(ConfigurationError::Compiled)?.map(Cow::Borrowed))
            }
        }
    }
}
