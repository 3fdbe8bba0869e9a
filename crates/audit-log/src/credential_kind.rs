//! What a caller showed.

use serde::Serialize;

/// What a caller showed to say who they are. Never the thing itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialKind {
    /// An access token of ours.
    OwnToken,
    /// An access token of another issuer.
    ExternalToken,
    /// A key of the route.
    ApiKey,
    /// The cookie of a person who has signed in with a browser.
    BrowserSession,
    /// Nothing: the route lets everybody in.
    None,
}
