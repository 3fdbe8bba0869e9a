//! Why a body is not read any further.

use thiserror::Error;

use crate::json_rpc::{MOST_MESSAGES, code};

/// Why a text is no message that everybody reads alike. The texts say nothing of the content.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unparsable {
    /// Not UTF-8 (RFC 8259, section 8.1).
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// Not JSON, or with a number or a text that not every reader can hold. What and where.
    #[error("the body is not JSON: {0}")]
    NotJson(String),
    /// Nested deeper than allowed.
    #[error("the body is nested too deeply")]
    TooDeep,
    /// An object names a member twice: some readers take the first, some the last.
    #[error("an object of the body has a key twice")]
    DoubledKey,
    /// A key that some readers take for another one.
    #[error("a key of the body is one that some readers take for another")]
    AmbiguousKey,
    /// JSON, but not a message; what is wrong with it.
    #[error("the body is not a JSON-RPC message: {0}")]
    NotJsonRpc(&'static str),
    /// A batch of nothing (JSON-RPC 2.0, section 6).
    #[error("the batch is empty")]
    EmptyBatch,
    /// A batch of more than [`MOST_MESSAGES`].
    #[error("the batch has more than {MOST_MESSAGES} messages")]
    TooManyMessages,
}

impl Unparsable {
    /// The error code of the answer.
    pub fn code(&self) -> i32 {
        match self {
            Self::NotUtf8 | Self::NotJson(_) => code::PARSE_ERROR,
            Self::TooDeep
            | Self::DoubledKey
            | Self::AmbiguousKey
            | Self::NotJsonRpc(_)
            | Self::EmptyBatch
            | Self::TooManyMessages => code::INVALID_REQUEST,
        }
    }
}
