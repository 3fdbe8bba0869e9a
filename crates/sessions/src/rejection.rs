//! Why a token was not accepted.

use gatehouse_storage::StoreUnavailable;
use thiserror::Error;

/// The reason, for the log. What the wire says is decided by the endpoint (`invalid_token`, `invalid_grant`).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Rejection {
    /// Malformed, forged, sealed by a retired key, or issued for another use or resource.
    #[error("the token is not one of ours for this use")]
    Unrecognised,
    /// Past its expiry.
    #[error("the token has expired")]
    Expired,
    /// Its session has ended.
    #[error("the session of the token has ended")]
    Revoked,
    /// A refresh token was presented again after the grace period (OAuth 2.1, section 4.3.1): somebody else has it,
    /// too.
    #[error("the refresh token was used before; the session has been ended")]
    Reused,
    /// The refresh token belongs to another client.
    #[error("the refresh token belongs to another client")]
    WrongClient,
    /// More was asked for than was granted.
    #[error("the request asks for a scope beyond the grant")]
    BeyondGrant,
    /// Tokens for another resource were asked for (RFC 8707, section 2.2).
    #[error("the request is for another resource than was granted")]
    OtherResource,
    /// The session was refreshed too often of late. Nothing was rotated or written.
    #[error("the session is refreshed too often")]
    TooOften {
        /// Seconds after which it may be.
        retry_after: u64,
    },
    /// Something that must answer did not.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreUnavailable> for Rejection {
    fn from(error: StoreUnavailable) -> Self {
        Self::Unavailable(error.to_string())
    }
}
