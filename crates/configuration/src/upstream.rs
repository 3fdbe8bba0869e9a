//! MCP servers behind the gateway.

use http::{HeaderName, Uri};

use crate::{BackendToken, BackendTokenSource, IdentityHeaders, SecretName, TokenOwner};

/// An MCP server, and what it takes to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its own address.
    pub url: Uri,
    /// How it is spoken to.
    pub transport: Transport,
    /// The header in which it is told the subject, where it should be.
    pub subject_header: Option<HeaderName>,
    /// Headers that it needs, such as `x-functions-key`, and the settings that hold their values.
    pub secret_headers: Vec<(HeaderName, SecretName)>,
    /// The header in which it gets the user's access token of the identity provider, where it should act in the user's
    /// name: `authorization` (then with `Bearer` in front) or a header of its own.
    pub identity_provider_token_header: Option<HeaderName>,
    /// What else it is told of the caller, and where.
    pub identity_headers: Option<Box<IdentityHeaders>>,
    /// The token with which we call it, where that is got from somebody.
    pub backend_token: Option<Box<BackendToken>>,
    /// How long it may take.
    pub timeouts: Timeouts,
}

impl Upstream {
    /// Whether nothing works there without the user's tokens of the identity provider.
    pub fn needs_session_of_user(&self) -> bool {
        let is_of_user = |token: &BackendToken| matches!(&token.source, BackendTokenSource::Kept(kept) if kept.owner != TokenOwner::Gateway);
        self.identity_provider_token_header.is_some() || self.backend_token.as_deref().is_some_and(is_of_user)
    }

    /// Whether it gets assertions that we sign.
    pub fn gets_assertions(&self) -> bool {
        let is_told = self.identity_headers.as_ref().is_some_and(|headers| headers.assertion.is_some());
        let is_assertion = |token: &BackendToken| matches!(token.source, BackendTokenSource::Assertion { .. });
        is_told || self.backend_token.as_deref().is_some_and(is_assertion)
    }
}

/// How an MCP server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Streamable HTTP, of any version: its `url` takes the messages.
    StreamableHttp,
    /// HTTP+SSE of 2024-11-05: its `url` is that of the event stream.
    Sse,
}

/// How long an MCP server may take, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To take a connection.
    pub connect: u64,
    /// From the request to the beginning of its answer.
    pub answer: u64,
}
