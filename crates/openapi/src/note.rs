//! What an operator should know of a document.

use core::fmt;

/// Something of a document that does not become a tool as it stands, or that the operator has to provide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Which part of the document: `GET /users/{id}`, the name of a security scheme, `servers`.
    pub place: String,
    /// What becomes of it. A sentence without its full stop.
    pub text: String,
}

impl Note {
    pub(crate) fn new(place: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place: place.into(), text: text.into() }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.text)
    }
}
