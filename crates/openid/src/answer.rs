//! Reading the provider's JSON answers.

use http::{Response, StatusCode};
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::ClientError;

/// An answer that is not what its endpoint must answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AnswerRejection {
    /// Not 200. Redirects are not followed: they would lead past the check of the endpoint.
    #[error("answered with status {0}")]
    Status(StatusCode),
    /// Not JSON, or a member of another type than the protocol's. Without the text: it may hold tokens.
    #[error("did not answer with the JSON of the protocol; the problem is at line {line}, column {column}")]
    Json {
        /// Counted from 1; 0 where the parser has none.
        line: usize,
        /// Counted from 1; 0 where the parser has none.
        column: usize,
    },
}

impl AnswerRejection {
    /// What the client is told.
    pub(crate) fn to_wire(&self) -> ClientError {
        match self {
            Self::Status(status) if may_pass(*status) => ClientError::TemporarilyUnavailable,
            Self::Status(_) | Self::Json { .. } => ClientError::ServerError,
        }
    }
}

/// Whether the same request may succeed later: the provider is overloaded or broken, not unwilling.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

/// The body of a 200 answer.
pub(crate) fn successful(response: &Response<Vec<u8>>) -> Result<&[u8], AnswerRejection> {
    if response.status() != StatusCode::OK {
        return Err(AnswerRejection::Status(response.status()));
    }
    Ok(response.body())
}

/// Reads JSON. The media type is not checked: what counts is what the body is, and not every provider names it right.
pub(crate) fn json<T: DeserializeOwned>(body: &[u8]) -> Result<T, AnswerRejection> {
    serde_json::from_slice(body).map_err(|error| AnswerRejection::Json { line: error.line(), column: error.column() })
}
