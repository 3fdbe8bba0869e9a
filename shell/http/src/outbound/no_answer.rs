//! Why there is no answer.

use shell_telemetry::Failure;
use thiserror::Error;
use wasip2::http::types::ErrorCode;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoAnswer {
    /// The URI is not one that can be connected to.
    #[error("the address is not an http(s) URI")]
    Address,
    /// The host does not let this component connect there (`allowed_outbound_hosts`).
    #[error("the host does not allow a connection to this address; see allowed_outbound_hosts")]
    NotAllowed,
    /// What the name resolves to is not an address that the host connects to for this component.
    #[error("the host does not allow a connection to the address that this name resolves to")]
    Prohibited,
    /// A limit of [`Limits`](super::Limits) passed.
    #[error("the other side did not answer in time")]
    TimedOut,
    /// The host makes no more connections or calls of this component now; it may later.
    #[error("the host has as many requests under way as it allows")]
    NoRoom,
    /// The connection failed or broke off; the text is the host's.
    #[error("the connection failed: {0}")]
    Failed(String),
    /// The answer is larger than allowed.
    #[error("the answer is larger than allowed")]
    TooLarge,
}

impl NoAnswer {
    /// The same in a word.
    pub(super) const fn failure(&self) -> Failure {
        match self {
            Self::TimedOut => Failure::Timeout,
            Self::NotAllowed | Self::Prohibited => Failure::Denied,
            Self::Address | Self::NoRoom | Self::Failed(_) | Self::TooLarge => Failure::Failed,
        }
    }
}

/// The connection failed, in these words.
pub(super) fn failed(text: &str) -> NoAnswer {
    NoAnswer::Failed(text.to_owned())
}

/// What the host's error means.
pub(super) fn refused(code: ErrorCode) -> NoAnswer {
    match code {
        ErrorCode::HttpRequestDenied => NoAnswer::NotAllowed,
        ErrorCode::DestinationIpProhibited => NoAnswer::Prohibited,
        ErrorCode::ConnectionLimitReached => NoAnswer::NoRoom,
        ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout
        | ErrorCode::DnsTimeout => NoAnswer::TimedOut,
        other => NoAnswer::Failed(format!("{other:?}")),
    }
}
