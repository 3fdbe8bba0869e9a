//! The word of a failed sign-in that the client is told.

/// What the client is told (RFC 6749, section 4.1.2.1). More would help whoever is trying something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientError {
    /// The user was not let in.
    AccessDenied,
    /// It cannot work until an operator does something.
    ServerError,
    /// It may work later.
    TemporarilyUnavailable,
}

impl ClientError {
    /// The `error` code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
        }
    }

    /// The `error_description`.
    pub const fn description(self) -> &'static str {
        match self {
            Self::AccessDenied => "The identity provider did not let the user in",
            Self::ServerError => {
                "The sign-in at the identity provider failed; the operator finds the reason in the log"
            }
            Self::TemporarilyUnavailable => "The sign-in is not possible at the moment; try again later",
        }
    }
}
