//! Why the host refuses a request because of its body, and who is told.

use http::StatusCode;
use tokio::sync::watch;
use wasmtime_wasi_http::Error;

/// Why the host refuses a request because of its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It comes too slowly.
    Slow,
    /// It comes in frames of next to nothing.
    TinyFrames,
    /// It is larger than all bodies together may be, or all of its credential's.
    TooLarge,
    /// There is no room for it now, or for its guest.
    NoRoom,
    /// Its credential has its share of the room already.
    CredentialShare,
    /// The client broke it off.
    Broken,
}

impl Refusal {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TinyFrames | Self::Broken => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
            Self::CredentialShare => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// For the log.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Slow => "its body comes too slowly",
            Self::TinyFrames => "its body comes in too many small frames",
            Self::TooLarge => "its body is larger than all that its client may send at once",
            Self::NoRoom => "there is no room for its body or its guest",
            Self::CredentialShare => "the bodies of its credential have no more room",
            Self::Broken => "its body broke off",
        }
    }

    /// The limit, as `--limit` names it; `None` where it has no name there.
    pub(crate) fn limit(self) -> Option<&'static str> {
        match self {
            Self::Slow => Some("body-read"),
            Self::TooLarge | Self::NoRoom => Some("body-bytes"),
            Self::CredentialShare => Some("body-share"),
            Self::TinyFrames | Self::Broken => None,
        }
    }

    /// What the guest is told. The client is told by whoever answers.
    pub(crate) fn to_guest(self) -> Error {
        match self {
            Self::Slow => Error::ConnectionReadTimeout,
            Self::TinyFrames | Self::TooLarge | Self::NoRoom | Self::CredentialShare => Error::ConnectionLimitReached,
            Self::Broken => Error::ConnectionTerminated,
        }
    }
}

/// Tells whoever answers the request that its body is refused while its guest reads it.
#[derive(Clone)]
pub(crate) struct RefusalSignal(watch::Sender<Option<Refusal>>);

impl RefusalSignal {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    pub(crate) fn set(&self, refusal: Refusal) {
        self.0.send_replace(Some(refusal));
    }

    pub(crate) fn get(&self) -> Option<Refusal> {
        *self.0.borrow()
    }

    /// Waits until it is.
    pub(crate) async fn wait(&self) -> Refusal {
        let mut refusal = self.0.subscribe();
        loop {
            if let Some(refusal) = *refusal.borrow_and_update() {
                return refusal;
            }
            if refusal.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
