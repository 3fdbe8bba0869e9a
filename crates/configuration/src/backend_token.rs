//! The token that an MCP server, or what is behind it, gets from a token service.

use std::collections::BTreeMap;

use gatehouse_protocol::Scopes;
use http::{HeaderName, Uri};

use crate::{AssertionSource, ProviderAuthentication, SecretName};

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
    /// A token service gave it, and the authorization server keeps it.
    Kept(KeptBackendToken),
    /// A setting that the host keeps fresh, read for each request.
    Setting(SecretName),
    /// Gatehouse signs an assertion of who calls, for each request.
    Assertion {
        /// For whom it is.
        audience: String,
    },
    /// The account that is linked at the connection with this name.
    Connection(String),
}

/// A token that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBackendToken {
    /// What all that is configured of it adds up to, its route among it: a token that was got under another one is none.
    pub fingerprint: String,
    /// Whose it is.
    pub owner: TokenOwner,
}

/// Whose a kept token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenOwner {
    /// The caller's, who must be a user with a session of ours.
    User {
        /// Its place among those of a session.
        place: u8,
    },
    /// The gateway's own: every caller of the route has the same.
    Gateway,
}

/// How a token is got, as the authorization server needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendGrant {
    /// The path of the route.
    pub path: String,
    /// That of [`KeptBackendToken`].
    pub fingerprint: String,
    /// How it is got.
    pub flow: BackendFlow,
    /// The name of the [`TokenService`]; the identity provider at which the user signed in where there is none.
    pub service: Option<String>,
    /// What it is to allow.
    pub scopes: Scopes,
    /// For whom it is to be (RFC 8693, section 2.1).
    pub audience: Option<String>,
    /// Where it is to be used (RFC 8707).
    pub resource: Option<String>,
}

/// How a token is got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendFlow {
    /// The user's access token of the identity provider is exchanged at Microsoft Entra ID, with the grant `jwt-bearer`.
    OnBehalfOf,
    /// The user's access token of the identity provider is exchanged (RFC 8693).
    TokenExchange,
    /// Gatehouse asks for itself (RFC 6749, section 4.4).
    ClientCredentials,
    /// The platform gives the token.
    WorkloadIdentity,
}

impl BackendFlow {
    /// Whether the token is a user's.
    pub const fn is_of_user(self) -> bool {
        matches!(self, Self::OnBehalfOf | Self::TokenExchange)
    }

    /// As the document calls it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnBehalfOf => "on-behalf-of",
            Self::TokenExchange => "token-exchange",
            Self::ClientCredentials => "client-credentials",
            Self::WorkloadIdentity => "workload-identity",
        }
    }
}

/// Who gives tokens for MCP servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenService {
    /// A short id.
    pub name: String,
    /// What it is.
    pub kind: TokenServiceKind,
}

/// What a token service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenServiceKind {
    /// The token endpoint of an authorization server, and what it knows of us.
    Endpoint(Box<TokenEndpoint>),
    /// The identity provider with this name, where we are the client that users sign in through.
    IdentityProvider(String),
    /// Azure's service for managed identities.
    ManagedIdentity(Box<ManagedIdentity>),
    /// A setting that the host keeps fresh: the platform puts a token there, such as that of a Kubernetes service account, or a SPIFFE
    /// JWT.
    Setting(SecretName),
}

/// A token endpoint, and what it knows of us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEndpoint {
    /// Its URL.
    pub url: String,
    /// Our client id there.
    pub client_id: String,
    /// How we prove who we are.
    pub authentication: ProviderAuthentication,
    /// Whether a secret is sent in the body (`client_secret_post`).
    pub secret_in_body: bool,
    /// Further parameters of each request, by name.
    pub parameters: BTreeMap<String, String>,
}

/// Azure's service for managed identities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagedIdentity {
    /// Its URL, without the parameters of one request.
    pub url: Uri,
    /// The version of its interface.
    pub api_version: &'static str,
    /// What App Service and Container Apps want to see in `X-IDENTITY-HEADER`; of a virtual machine there is none.
    pub identity_header: Option<SecretName>,
    /// Which of several identities: the client id of one that users have assigned.
    pub client_id: Option<String>,
}

impl TokenService {
    /// The settings that it needs, but for those of an identity provider.
    pub fn secrets(&self) -> impl Iterator<Item = &SecretName> {
        let (authentication, one) = match &self.kind {
            TokenServiceKind::Endpoint(endpoint) => (Some(&endpoint.authentication), None),
            TokenServiceKind::IdentityProvider(_) => (None, None),
            TokenServiceKind::ManagedIdentity(identity) => (None, identity.identity_header.as_ref()),
            TokenServiceKind::Setting(name) => (None, Some(name)),
        };
        authentication.into_iter().flat_map(ProviderAuthentication::secrets).chain(one)
    }

    /// Where it is asked.
    pub fn urls(&self) -> Vec<String> {
        match &self.kind {
            TokenServiceKind::Endpoint(endpoint) => {
                let mut urls = vec![endpoint.url.clone()];
                if let ProviderAuthentication::Assertion(AssertionSource::Endpoint { url, .. }) =
                    &endpoint.authentication
                {
                    urls.push(url.to_string());
                }
                urls
            }
            TokenServiceKind::ManagedIdentity(identity) => vec![identity.url.to_string()],
            TokenServiceKind::IdentityProvider(_) | TokenServiceKind::Setting(_) => Vec::new(),
        }
    }
}
