//! Why a conversation came to nothing.

use gatehouse_openid::{
    AccessRejection, ClientError, ExternalTokenRejection, IdentityAssertionRejection, LoginRejection, RefreshRejection,
    WorkloadRejection,
};
use gatehouse_protocol::LogText;
use gatehouse_storage::StoreUnavailable;
use http::Uri;
use shell_configuration::SettingsError;
use shell_http::outbound::NoAnswer;
use thiserror::Error;

/// Why a conversation came to nothing. The text is for the log.
#[derive(Debug, Error)]
pub enum Failure {
    /// An answer that does not do, or a user who may not come in.
    #[error(transparent)]
    Rejected(LoginRejection),
    /// No answer.
    #[error("identity provider: no {0}: {1}")]
    NoAnswer(&'static str, #[source] NoAnswer),
    /// The same, with the address that was asked.
    #[error("{reason} (asked: {url})")]
    At {
        /// The address.
        url: LogText,
        /// What was the matter with it.
        #[source]
        reason: Box<Failure>,
    },
    /// It could not be had so often of late that nobody asks for it any more before the next minute.
    #[error(
        "identity provider: the {0} could not be had several times in this minute, and is not asked for again before the next"
    )]
    LeftInPeace(&'static str),
    /// Our own secret is missing.
    #[error(transparent)]
    Settings(SettingsError),
    /// What is kept cannot be read.
    #[error(transparent)]
    Store(StoreUnavailable),
}

impl Failure {
    /// What the client is told.
    pub fn to_wire(&self) -> ClientError {
        match self {
            Self::Rejected(rejection) => rejection.to_wire(),
            Self::NoAnswer(_, reason) if is_lasting(reason) => ClientError::ServerError,
            Self::At { reason, .. } => reason.to_wire(),
            Self::NoAnswer(..) | Self::LeftInPeace(_) | Self::Store(_) => ClientError::TemporarilyUnavailable,
            Self::Settings(_) => ClientError::ServerError,
        }
    }

    /// The failure, with the address that was asked where there was one.
    pub(crate) fn at(self, url: &Uri) -> Self {
        Self::At { url: LogText::new(&url.to_string()), reason: Box::new(self) }
    }

    /// Why the user may not come in, where that is the reason: the user is told in words.
    pub const fn access(&self) -> Option<&AccessRejection> {
        match self {
            Self::Rejected(LoginRejection::Access(rejection)) => Some(rejection),
            Self::Rejected(_)
            | Self::NoAnswer(..)
            | Self::At { .. }
            | Self::LeftInPeace(_)
            | Self::Settings(_)
            | Self::Store(_) => None,
        }
    }
}

/// Whether it stays like that until an operator does something.
const fn is_lasting(reason: &NoAnswer) -> bool {
    match reason {
        NoAnswer::Address | NoAnswer::NotAllowed | NoAnswer::Prohibited | NoAnswer::TooLarge => true,
        NoAnswer::TimedOut | NoAnswer::Failed(_) | NoAnswer::NoRoom => false,
    }
}

impl<R: Into<LoginRejection>> From<R> for Failure {
    fn from(rejection: R) -> Self {
        Self::Rejected(rejection.into())
    }
}

/// Why there are no new tokens. The text is for the log.
#[derive(Debug, Error)]
pub enum RefreshFailure {
    /// The provider said no, or something that does not do.
    #[error("identity provider: {0}")]
    Rejected(#[from] RefreshRejection),
    /// The conversation came to nothing; the refresh token may be spent or not.
    #[error(transparent)]
    Conversation(#[from] Failure),
}

impl RefreshFailure {
    /// Whether the session is over. Otherwise whoever asked may ask again later.
    pub const fn ends_the_session(&self) -> bool {
        match self {
            Self::Rejected(rejection) => rejection.ends_the_session(),
            Self::Conversation(_) => false,
        }
    }
}

/// Why an identity assertion is worth nothing. The text is for the log.
#[derive(Debug, Error)]
pub enum AssertionFailure {
    /// Not an assertion that counts: `invalid_grant`.
    #[error("{0}")]
    Rejected(#[from] IdentityAssertionRejection),
    /// It cannot be known now.
    #[error(transparent)]
    Conversation(#[from] Failure),
}

/// Why a workload does not come in. The text is for the log.
#[derive(Debug, Error)]
pub enum WorkloadFailure {
    /// Its token proves nothing.
    #[error(transparent)]
    Rejected(#[from] WorkloadRejection),
    /// It cannot be known now.
    #[error(transparent)]
    Conversation(#[from] Failure),
}

/// Why an access token of another issuer does not count. The text is for the log.
#[derive(Debug, Error)]
pub enum ExternalTokenFailure {
    /// It is none that the route accepts. The text is a predicate.
    #[error("{0}")]
    Rejected(#[from] ExternalTokenRejection),
    /// It cannot be known now.
    #[error(transparent)]
    Conversation(#[from] Failure),
}

impl ExternalTokenFailure {
    /// Why the token does not count, where that is known.
    pub fn rejection(&self) -> Option<&ExternalTokenRejection> {
        match self {
            // The issuer said nothing of the token: it must answer first.
            Self::Rejected(rejection) if rejection.says_nothing_of_the_token() => None,
            Self::Rejected(rejection) => Some(rejection),
            Self::Conversation(_) => None,
        }
    }
}
