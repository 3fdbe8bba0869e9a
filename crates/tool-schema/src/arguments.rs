//! What is wrong with arguments, in words for the client.

use thiserror::Error;

use crate::UnusableSchema;
use crate::misfit::Misfit;

/// Steps of validating, and bytes of arguments, up to which it is said what is wrong.
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

/// What is wrong with arguments that do not fit, or of which nobody can say it.
pub(crate) fn explained(misfit: Option<&Misfit<'_, '_>>, gave_up: bool, steps: u64, length: usize) -> InvalidArguments {
    if steps > MOST_STEPS || length > LONGEST {
        return InvalidArguments::Somewhere;
    }
    let pointer = misfit.map(Misfit::pointer).unwrap_or_default();
    let problem = match misfit {
        Some(misfit) if !gave_up => misfit.problem(),
        _ => "cannot be held against its pattern".to_owned(),
    };
    InvalidArguments::Misfit { pointer: shortened(&pointer), problem: shortened(&problem) }
}

fn shortened(text: &str) -> String {
    let end = text.char_indices().map(|(at, _)| at).find(|at| *at > LONGEST_TEXT).unwrap_or(text.len());
    text.get(..end).unwrap_or_default().replace(char::is_control, " ")
}
