//! The token with which the gateway calls an MCP server.

use http::HeaderName;

/// The token that one MCP server gets, as the gateway needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendToken {
    /// The header: `authorization` (then with `Bearer` in front) or one of its own.
    pub header: HeaderName,
    /// Where it is from.
    pub source: BackendTokenSource,
}

/// Where a server's token is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendTokenSource {
    /// The account that is linked at the connection with this name.
    Connection(String),
}
