//! Clients that the operator knows beforehand.

use gatehouse_protocol::{ClientId, ClientName, RedirectUri, Scopes};

use crate::{ExchangeableTokens, SecretName};

/// A client from the configuration: it need not register, and never expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredClient {
    /// Its id.
    pub client_id: ClientId,
    /// Its name on the consent page.
    pub client_name: ClientName,
    /// Where its codes may go; at least one where it has the grant `authorization_code`.
    pub redirect_uris: Vec<RedirectUri>,
    /// How it proves at the token endpoint who it is.
    pub authentication: RegisteredAuthentication,
    /// What it may present at the token endpoint.
    pub grant_types: Vec<GrantType>,
    /// What it may be granted without a user at hand (`client_credentials`, token exchange); empty for every other client.
    pub scopes: Scopes,
    /// The tokens of other issuers that it may exchange for ours (RFC 8693); empty for a client without that grant.
    pub exchangeable: ExchangeableTokens,
    /// Whether it may ask what a token is good for (RFC 7662). Never a client that cannot authenticate.
    pub may_introspect: bool,
}

/// How a client of the configuration proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisteredAuthentication {
    /// `none`: a public client.
    None,
    /// `client_secret_basic`.
    SecretBasic(SecretName),
    /// `client_secret_post`.
    SecretPost(SecretName),
    /// `private_key_jwt`, with these keys (a JWK Set, RFC 7517).
    PrivateKeyJwt(ClientKeys),
}

/// Where a client's public keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientKeys {
    /// `jwks`: the JWK Set itself, as JSON.
    Inline(String),
    /// `jwks_uri`: an https URL.
    At(String),
}

/// What a client may present at the token endpoint (RFC 6749, section 1.3; RFC 7523).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantType {
    /// A code.
    AuthorizationCode,
    /// A refresh token.
    RefreshToken,
    /// Its own credentials, for itself.
    ClientCredentials,
    /// An identity assertion of the enterprise's identity provider (ID-JAG).
    JwtBearer,
    /// An access token of another issuer (RFC 8693).
    TokenExchange,
}

impl GrantType {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::AuthorizationCode, Self::RefreshToken, Self::ClientCredentials, Self::JwtBearer, Self::TokenExchange];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }

    /// The grant type of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant_type| grant_type.as_str() == name)
    }
}

impl RegisteredClient {
    /// Whether it has the grant.
    pub fn has(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }
}
