//! What is known of a client, wherever it is known from.

use gatehouse_configuration::{ExchangeableTokens, GrantType, RegisteredClient};
use gatehouse_protocol::{ClientId, ClientName, Entropy, RedirectUri, Scopes, UnixTime};
use gatehouse_sealed_storage::document_cache::DocumentCache;
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::{Store, StoreUnavailable};
use thiserror::Error;

use crate::client_authentication::ClientAuthentication;
use crate::client_document::FoundDocument;
use crate::registered_client::Registration;

/// A client as the flows see it. [`Client::find`] is in `client_lookup`.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its id.
    pub client_id: ClientId,
    /// Its name, as it calls itself or as the operator calls it.
    pub client_name: ClientName,
    /// Where its codes may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// What it may present at the token endpoint.
    pub grant_types: Vec<GrantType>,
    /// How it proves who it is.
    pub authentication: ClientAuthentication,
    /// What it may be granted without a user at hand (`client_credentials`, token exchange).
    pub scopes: Scopes,
    /// The tokens of other issuers that it may exchange for ours (RFC 8693).
    pub exchangeable: ExchangeableTokens,
    /// Whether it may ask what a token is good for (RFC 7662).
    pub may_introspect: bool,
    /// Whether the operator vouches for it.
    pub is_configured: bool,
    pub(crate) registration: Option<Registration>,
    pub(crate) document: Option<FoundDocument>,
}

/// The client cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClientUnknown {
    /// Nobody registered under this id, or the registration has expired.
    #[error("the client is not registered")]
    NotRegistered,
    /// It cannot be known now.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

impl Client {
    /// Whether it may present this at the token endpoint.
    pub fn may(&self, grant_type: GrantType) -> bool {
        self.grant_types.contains(&grant_type)
    }

    /// Notes that the client is in use: a user has approved it, or it got tokens. A registration that nobody uses is dropped
    /// after a day, and the document of a client that nobody uses is not kept. At most one write in 45 days, beside those
    /// of documents; none for clients of the configuration.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn note_use(
        &self,
        keys: &KeyRing,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        if let Some(document) = &self.document {
            document.note_use(&DocumentCache { store, keys, now }, entropy)?;
        }
        self.registration.as_ref().map_or(Ok(()), |registration| registration.note_use(store, now, entropy))
    }
}

impl From<&RegisteredClient> for Client {
    fn from(configured: &RegisteredClient) -> Self {
        Self {
            client_id: configured.client_id.clone(),
            client_name: configured.client_name.clone(),
            redirect_uris: configured.redirect_uris.clone(),
            grant_types: configured.grant_types.clone(),
            authentication: ClientAuthentication::from(&configured.authentication),
            scopes: configured.scopes.clone(),
            exchangeable: configured.exchangeable.clone(),
            may_introspect: configured.may_introspect,
            is_configured: true,
            registration: None,
            document: None,
        }
    }
}

#[cfg(test)]
mod tests;
