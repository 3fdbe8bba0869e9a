//! What is wrong with arguments, in words for the client.

use jsonschema::Validator;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;
use thiserror::Error;

use crate::UnusableSchema;

/// Steps of validating, and bytes of arguments, up to which it is said what is wrong: to say it, the validator goes every way
/// again, and copies what it finds wrong on each.
const MOST_STEPS: u64 = 5_000;
const LONGEST: usize = 16 * 1024;
/// Bytes of a text, of which some comes from the schema and some from the names of arguments.
const LONGEST_TEXT: usize = 512;

/// The arguments of a call do not fit its tool's schema, or nobody can say. The text is for the client (-32602), and holds no
/// values of its own.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidArguments {
    /// They do not fit.
    #[error("arguments{pointer}: {problem}")]
    Misfit {
        /// Where (RFC 6901), from the arguments on.
        pointer: String,
        /// What is wrong there.
        problem: String,
    },
    /// They do not fit, and are too large to say where.
    #[error("the arguments do not fit the tool's input schema")]
    Somewhere,
    /// It would take more steps to validate them than is sensible.
    #[error("the arguments are too large to be held against the tool's input schema")]
    TooMuchWork,
    /// They are no JSON that everybody can hold.
    #[error("the arguments cannot be read")]
    Unreadable,
    /// The server's schema is wrong, not the client's arguments.
    #[error("the tool's input schema cannot be used: {0}")]
    Schema(#[from] UnusableSchema),
}

/// What is wrong with arguments that are not valid.
pub(crate) fn explained(validator: &Validator, arguments: &Value, steps: u64, length: usize) -> InvalidArguments {
    if steps > MOST_STEPS || length > LONGEST {
        return InvalidArguments::Somewhere;
    }
    let Err(error) = validator.validate(arguments) else { return InvalidArguments::Somewhere };
    let problem = match error.kind() {
        ValidationErrorKind::AdditionalProperties { .. } | ValidationErrorKind::UnevaluatedProperties { .. } => {
            "has a property that the schema does not know".to_owned()
        }
        ValidationErrorKind::AdditionalItems { .. } | ValidationErrorKind::UnevaluatedItems { .. } => {
            "has more items than the schema knows".to_owned()
        }
        ValidationErrorKind::PropertyNames { .. } => "has a property whose name the schema does not allow".to_owned(),
        ValidationErrorKind::BacktrackLimitExceeded { .. } | ValidationErrorKind::RegexEngineFailure { .. } => {
            "cannot be held against its pattern".to_owned()
        }
        ValidationErrorKind::ContentEncoding { .. }
        | ValidationErrorKind::ContentMediaType { .. }
        | ValidationErrorKind::FromUtf8 { .. } => "is not encoded as the schema says".to_owned(),
        _ => error.masked_with("this").to_string(),
    };
    InvalidArguments::Misfit { pointer: shortened(error.instance_path().as_str()), problem: shortened(&problem) }
}

fn shortened(text: &str) -> String {
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at > LONGEST_TEXT).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().replace(char::is_control, " ")
}
