//! Why there is no answer.

use crate::target::TargetError;

/// Why there is no answer. The texts go to the program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No host is named.
    #[error("egress is off here: settings egress.hosts names no host")]
    Off,
    /// This origin is not named.
    #[error("egress to {0} is not allowed here: settings egress.hosts does not name it")]
    NotNamed(String),
    /// The URL.
    #[error("{0}")]
    Url(#[from] TargetError),
    /// Another method.
    #[error("the method is none of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS")]
    Method,
    /// A header that belongs to the connection or to the host, or is none.
    #[error("the header {0} cannot be sent from here")]
    Header(String),
    /// Headers have too many bytes.
    #[error("the headers have more than {0} bytes")]
    HeadersTooLarge(usize),
    /// A body that is too large.
    #[error("the body of the request has more than {0} bytes: settings egress.request_bytes")]
    RequestTooLarge(u32),
    /// The run has made as many as it may.
    #[error("this run has made its {0} requests: settings egress.requests")]
    TooManyRequests(u32),
    /// The answer leads nowhere.
    #[error("the redirect leads to no URL: {0}")]
    Redirect(TargetError),
    /// There were too many.
    #[error("more than {0} redirects were followed")]
    TooManyRedirects(u32),
    /// The answer is too large.
    #[error("the answer has more than {0} bytes: settings egress.answer_bytes")]
    AnswerTooLarge(u32),
    /// The time was over.
    #[error("there was no whole answer in time")]
    TimedOut,
    /// The host that runs the sandbox refuses.
    #[error(
        "the host of this sandbox does not allow a connection to {0}: its own list (allowed_outbound_hosts) does not name it"
    )]
    HostRefuses(String),
    /// It refuses where the name leads to. On the embedded host, a pattern in its list leads to public addresses only.
    #[error(
        "the host of this sandbox does not allow a connection to {0}: this is an address that the host does not connect to, such as one that is not public"
    )]
    AddressRefused(String),
    /// The name has no address.
    #[error("the name of the host could not be resolved")]
    Unresolved,
    /// There was no connection, or it broke off.
    #[error("the connection failed: {0}")]
    Connection(String),
}

impl Failure {
    /// Whether nothing was sent because it may not be.
    pub const fn is_refusal(&self) -> bool {
        !matches!(self, Self::TimedOut | Self::Unresolved | Self::Connection(_) | Self::AnswerTooLarge(_))
    }
}
