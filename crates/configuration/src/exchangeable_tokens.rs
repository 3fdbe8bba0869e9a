//! What a client may exchange for tokens of ours (RFC 8693).

use crate::RouteTokens;

/// The tokens of other issuers that count in a client's requests to exchange one. Nothing of them is for a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeableTokens {
    /// Access tokens of users.
    pub access_tokens: Vec<RouteTokens>,
    /// Id_tokens of users. Their audiences are clients at the issuer.
    pub id_tokens: Vec<RouteTokens>,
    /// Access tokens of those who may act for users through the client.
    pub actors: Vec<RouteTokens>,
}

impl ExchangeableTokens {
    /// Whether there is nothing that the client may exchange.
    pub fn is_empty(&self) -> bool {
        self.access_tokens.is_empty() && self.id_tokens.is_empty()
    }

    /// The names of the issuers of users.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.access_tokens.iter().chain(&self.id_tokens).map(|tokens| tokens.issuer.as_str())
    }
}
