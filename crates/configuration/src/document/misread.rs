//! What is said of a value that the types of the document do not take: its key, what is wrong, and a right example.
//!
//! serde says it in the words of Rust ("expected u64") and without an example. Its message is read here, and said again in the
//! words of the document.

use serde_path_to_error::Path;

use super::hint::hint;
use super::mistake::Mistake;
use super::text;
use crate::ConfigurationError;
use crate::error::problem;

/// The error for serde's `message` about the value at `path`. It does not repeat the value, which may be a secret.
pub(super) fn misread(text: &str, path: &Path, message: &str) -> ConfigurationError {
    let mistake = Mistake::of(message);
    let hint = hint(path, &mistake);
    let key = || match &mistake {
        Mistake::Missing(name) if path.iter().next().is_none() => (*name).to_owned(),
        Mistake::Missing(name) => format!("{path}.{name}"),
        _ => path.to_string(),
    };
    let said = hint.problem.unwrap_or_else(|| mistake.to_string());
    // What is missing has no line but that of its table.
    let line = text::line(text, path).map(|line| format!(" (line {line})")).unwrap_or_default();
    problem(hint.key.unwrap_or_else(key), format!("{said}{line}"), hint.example)
}

#[cfg(test)]
mod tests;
