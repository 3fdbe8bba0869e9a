//! Error codes on the wire.

use core::fmt;

/// An OAuth error code, spelled as the RFCs spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// RFC 6749, sections 4.1.2.1 and 5.2.
    InvalidRequest,
    /// RFC 6749, section 5.2.
    InvalidClient,
    /// RFC 6749, section 5.2.
    InvalidGrant,
    /// RFC 6749, sections 4.1.2.1 and 5.2.
    InvalidScope,
    /// RFC 6749, section 5.2.
    UnsupportedGrantType,
    /// RFC 6749, section 4.1.2.1.
    UnsupportedResponseType,
    /// RFC 6749, section 4.1.2.1.
    AccessDenied,
    /// RFC 6749, section 4.1.2.1.
    ServerError,
    /// RFC 6749, section 4.1.2.1.
    TemporarilyUnavailable,
    /// RFC 8707, section 2.
    InvalidTarget,
    /// RFC 6749, section 5.2.
    UnauthorizedClient,
    /// RFC 6750, section 3.1.
    InvalidToken,
    /// RFC 7591, section 3.2.2.
    InvalidRedirectUri,
    /// RFC 7591, section 3.2.2.
    InvalidClientMetadata,
    /// OpenID Connect Core, section 3.1.2.6.
    InteractionRequired,
    /// OpenID Connect Core, section 3.1.2.6.
    RequestNotSupported,
    /// OpenID Connect Core, section 3.1.2.6.
    RequestUriNotSupported,
}

impl ErrorCode {
    /// The code as it stands on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::InvalidScope => "invalid_scope",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InvalidTarget => "invalid_target",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::InvalidToken => "invalid_token",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
            Self::InteractionRequired => "interaction_required",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `text` as an `error_description`: what may not stand there becomes a question mark. Our words can quote what a client
/// sent.
pub fn error_description(text: &str) -> String {
    text.chars().map(|character| if may_be_described(character) { character } else { '?' }).collect()
}

/// Whether `error_description` may hold it: visible ASCII and spaces without quotes and backslashes (RFC 6749, appendix
/// A.8).
pub(crate) const fn may_be_described(character: char) -> bool {
    matches!(character, ' '..='~') && !matches!(character, '"' | '\\')
}
