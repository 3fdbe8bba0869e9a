//! MCP servers behind the gateway.

use http::{HeaderName, Uri};

use crate::{BackendToken, IdentityHeaders, SecretName};

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
    /// The token with which it is called.
    pub backend_token: Option<Box<BackendToken>>,
    /// What else it is told of the caller, and where.
    pub identity_headers: Option<Box<IdentityHeaders>>,
    /// How long it may take.
    pub timeouts: Timeouts,
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
