//! What is kept of a compiled document, in pieces of which a request reads one or two.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// What the pieces are, and what the API says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Of the document, and of how it was compiled: cursors are of one version.
    pub version: String,
    /// The number of pages of the listing.
    pub lists: usize,
    /// The number of pieces with operations.
    pub calls: usize,
    /// The API's name.
    pub title: String,
    /// The API's own version.
    pub api_version: String,
    /// The API's description; empty where there is none.
    pub about: String,
}

/// Where the pieces are.
pub trait Pieces {
    /// Why one cannot be read.
    type Error;

    /// The index.
    ///
    /// # Errors
    /// Where it is not there.
    fn index(&self) -> Result<Index, Self::Error>;

    /// The piece with this name.
    ///
    /// # Errors
    /// Where it is not there.
    fn piece(&self, name: &str) -> Result<String, Self::Error>;
}

/// The name of a page of the listing.
pub fn list_piece(page: usize) -> String {
    format!("list-{page}")
}

/// The name of a piece with operations.
pub fn call_piece(number: usize) -> String {
    format!("call-{number}")
}

/// Which of `pieces` has the operation of this tool.
pub(crate) fn piece_of(tool: &str, pieces: usize) -> usize {
    let digest = Sha256::digest(tool.as_bytes());
    let number = digest.iter().take(4).fold(0_usize, |number, byte| (number << 8) | usize::from(*byte));
    number.checked_rem(pieces).unwrap_or(0)
}
