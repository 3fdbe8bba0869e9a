//! The two formats of documents.

use std::borrow::Cow;

use crate::{DocumentError, LARGEST_DOCUMENT};

/// The document as JSON.
pub(crate) fn json(text: &str) -> Result<Cow<'_, str>, DocumentError> {
    if text.len() > LARGEST_DOCUMENT {
        return Err(DocumentError::TooLarge);
    }
    Ok(Cow::Borrowed(text.trim_start_matches('\u{feff}')))
}
