//! Whose a session is.

use core::fmt;

use gatehouse_protocol::{Actors, Claims, ClientId, ResourceUri, Scopes, SecretString, Subject, UnixTime};

/// Who signed in, through which client, for which resource, and what was granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The signed-in user.
    pub subject: Subject,
    /// The client that the user allowed.
    pub client_id: ClientId,
    /// What the tokens are for: the audience.
    pub resource: ResourceUri,
    /// What was granted.
    pub scopes: Scopes,
    /// What the identity provider said of the user, for policies.
    pub claims: Claims,
    /// Who acts for the user by an exchanged token; nobody is named where the user let the client.
    pub actors: Actors,
}

/// The identity provider's tokens: kept with the session, never given to a client.
#[derive(Clone, Default)]
pub struct ProviderTokens {
    /// For calls in the user's name.
    pub access_token: Option<SecretString>,
    /// To get new ones.
    pub refresh_token: Option<SecretString>,
    /// When the access token ends, where the provider said.
    pub expires_at: Option<UnixTime>,
}

impl fmt::Debug for ProviderTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderTokens([redacted])")
    }
}
