//! What is wrong with a configuration, in words that say how to mend it.

use thiserror::Error;

/// The document cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConfigurationError {
    /// It is not TOML or JSON, or has a key that does not exist, or a value of the wrong type.
    #[error("the configuration cannot be read: {0}")]
    Unreadable(String),
    /// A value is wrong.
    #[error("the configuration key `{key}` {problem}; for example: {example}")]
    Key {
        /// The path of the key, such as `upstreams[0].url`.
        key: String,
        /// What is wrong, as the rest of a sentence about the key.
        problem: Problem,
        /// A line that would be right.
        example: &'static str,
    },
}

/// What is wrong with a value: the rest of a sentence that starts with the key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Problem(pub String);

/// Collects where in the document a check is.
pub(crate) fn problem(key: impl Into<String>, problem: impl ToString, example: &'static str) -> ConfigurationError {
    ConfigurationError::Key { key: key.into(), problem: Problem(problem.to_string()), example }
}
