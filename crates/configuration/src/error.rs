//! What is wrong with a configuration, in words that say how to mend it.

use std::borrow::Cow;

use thiserror::Error;

use crate::compiled::FORMAT;

/// The document cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigurationError {
    /// It is not TOML or JSON.
    #[error("the configuration cannot be read: {0}")]
    Unreadable(String),
    /// A key does not exist or is missing, or its value is wrong.
    #[error("the configuration key `{key}` {problem}; for example: {example}")]
    Key {
        /// The path of the key, such as `routes[0].url`.
        key: String,
        /// What is wrong, as the rest of a sentence about the key.
        problem: Problem,
        /// A line that would be right.
        example: Cow<'static, str>,
    },
    /// A compiled form cannot be used, or none can be made.
    #[error("the configuration is compiled, and {0}")]
    Compiled(CompiledError),
}

/// What is wrong with a compiled configuration, as the rest of a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompiledError {
    /// Another version of Gatehouse compiled it.
    #[error(
        "its format is {0:?}, of which this version of Gatehouse reads only {FORMAT:?}: compile the document again"
    )]
    OtherFormat(String),
    /// The first line is not whole.
    #[error("its first line is damaged: compile the document again")]
    Header,
    /// Something is missing at its end, or follows it.
    #[error("it has {found} bytes instead of {expected}: compile the document again")]
    Length {
        /// Bytes, as the first line says.
        expected: usize,
        /// Bytes that there are, without white space around them.
        found: usize,
    },
    /// The index is not the one that was written.
    #[error("its index is damaged: compile the document again")]
    Index,
    /// A part is not the one that was written.
    #[error("its part {0:?} is damaged: compile the document again")]
    Part(String),
    /// It stands where a document is needed.
    #[error("this needs the document that it was made from")]
    NeedsDocument,
    /// A part would not mean what the document means: a fault of Gatehouse.
    #[error("its part {0:?} does not mean what the document means; please report this")]
    Unfaithful(String),
}

/// What is wrong with a value: the rest of a sentence that starts with the key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Problem(pub String);

/// What is wrong with the value at `key`, and what a right one looks like.
pub(crate) fn problem(
    key: impl ToString,
    problem: impl ToString,
    example: impl Into<Cow<'static, str>>,
) -> ConfigurationError {
    ConfigurationError::Key {
        key: one_line(&key.to_string()),
        problem: Problem(one_line(&problem.to_string())),
        example: example.into(),
    }
}

/// The text without line breaks and other control characters: names of keys are the operator's, and this goes to the log.
pub(crate) fn one_line(text: &str) -> String {
    text.trim().replace(char::is_control, " ")
}
