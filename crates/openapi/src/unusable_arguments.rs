//! Why no request can be made of a call.

use thiserror::Error;

/// Bytes of a path and query. Servers take 8 KiB of a request's first line.
pub(crate) const LONGEST_TARGET: usize = 8 * 1024;

/// Why no request can be made of a call. The model is told, and can mend it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnusableArguments {
    /// It is required.
    #[error("The argument {0} is missing")]
    Missing(String),
    /// The tool has none of this name.
    #[error("The tool has no argument {0}")]
    Unknown(String),
    /// An empty text, list or object in a path.
    #[error("The argument {0} must not be empty")]
    Empty(String),
    /// `.` or `..` in a path, or a control character.
    #[error("The argument {0} must not lead to another path")]
    Path(String),
    /// What cannot stand in a header.
    #[error("The argument {0} has a character that a header cannot hold")]
    Header(String),
    /// A list in a list, where only single values can be written.
    #[error("The argument {0} must hold single values only")]
    TooDeep(String),
    /// Another type than what is sent.
    #[error("The argument {0} has the wrong type")]
    Type(String),
    /// Bytes are told in base64.
    #[error("The argument {0} is not base64")]
    NotBase64(String),
    /// Longer than servers take it.
    #[error("The arguments make an address of more than {LONGEST_TARGET} bytes")]
    TooLong,
    /// The operation, or the address that is configured, makes none.
    #[error("The arguments make no address")]
    Address,
}
