//! Connections to APIs of others: in whose account an MCP server acts there.

use std::collections::BTreeMap;

use gatehouse_protocol::Scopes;

use crate::ProviderAuthentication;

/// A named connection to an API, at whose OAuth server users link an account of theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// A short id: part of the redirect URI, and of what links are found by.
    pub name: String,
    /// What people read on the page.
    pub display_name: String,
    /// Where the OAuth server is.
    pub endpoints: ConnectionEndpoints,
    /// Our client id there.
    pub client_id: String,
    /// How we prove there who we are.
    pub authentication: ProviderAuthentication,
    /// How a secret is sent; `None`: as the server's metadata says, or else in the header.
    pub secret_method: Option<SecretMethod>,
    /// What is asked for; nothing, where there is none.
    pub scopes: Scopes,
    /// Further parameters of the authorization request, by name; none of them one that every request has.
    pub authorization_parameters: BTreeMap<String, String>,
    /// Further parameters of the token requests, by name; none of them one that every request has.
    pub token_parameters: BTreeMap<String, String>,
    /// Whether the authorization request has a code challenge (RFC 7636).
    pub uses_pkce: bool,
    /// The identity provider whose administrators link one account for everybody; `None`, where each user links their own.
    pub shared_by: Option<String>,
}

/// Where an OAuth server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionEndpoints {
    /// As its metadata says (RFC 8414, OpenID Connect Discovery 1.0).
    Discovered {
        /// The issuer, letter by letter as the metadata has it.
        issuer: String,
        /// Where the metadata is, where that does not follow from the issuer.
        metadata_url: Option<String>,
    },
    /// As the operator says, or as its documents say.
    Given {
        /// The issuer that it calls itself in its answers (RFC 9207), where that is known.
        issuer: Option<String>,
        /// Where users allow the link.
        authorization: String,
        /// Where codes and refresh tokens become tokens.
        token: String,
        /// Where tokens are revoked (RFC 7009), where that is known.
        revocation: Option<String>,
    },
}

/// How a client's secret is sent (RFC 6749, section 2.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretMethod {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
}

impl Connection {
    /// Whether one account is linked for everybody.
    pub const fn is_shared(&self) -> bool {
        self.shared_by.is_some()
    }

    /// The path of its redirect URI: one of its own, so that no other server's answer is taken for its own (RFC 9700, section 4.4.2).
    pub fn callback_path(&self) -> String {
        format!("/connections/callback/{}", self.name)
    }

    /// What makes it another connection: tokens of one must not reach another that has been given its name.
    pub fn identity(&self) -> [&str; 3] {
        let place = match &self.endpoints {
            ConnectionEndpoints::Discovered { issuer, .. } => issuer,
            ConnectionEndpoints::Given { token, .. } => token,
        };
        [&self.name, place, &self.client_id]
    }

    /// The address of the server, as far as it is known without asking.
    pub fn place(&self) -> &str {
        match &self.endpoints {
            ConnectionEndpoints::Discovered { issuer, metadata_url } => metadata_url.as_ref().unwrap_or(issuer),
            ConnectionEndpoints::Given { token, .. } => token,
        }
    }
}
