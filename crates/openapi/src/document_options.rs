//! What is wanted of a document.

use http::HeaderName;

use crate::Selection;

/// What is wanted of a document.
pub struct DocumentOptions<'a> {
    /// Which operations become tools.
    pub selection: &'a Selection,
    /// The query of the configured address: its parameters are not a call's to set.
    pub fixed_query: &'a str,
    /// Whether a call may set this header.
    pub may_set: &'a dyn Fn(&HeaderName) -> bool,
    /// Whether tools say what they answer.
    pub with_output_schemas: bool,
}
