//! Clients: those that the configuration names, those that registered, and those that publish a document about
//! themselves.

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{GrantType, RegisteredClient};
use gatehouse_protocol::{ClientId, ClientName, Entropy, RedirectUri, Scopes, UnixTime};
use gatehouse_sealed_storage::document_cache::DocumentCache;
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::{Store, StoreUnavailable};
use thiserror::Error;

use crate::authorization::UnboundRejection;
use crate::client_authentication::ClientAuthentication;
use crate::client_document::{DocumentUrl, FoundDocument, ReadDocument};
use crate::registered_client::{Registration, find_registered};

/// A client as the flows see it.
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
    /// What it may be granted without a user (`client_credentials`).
    pub scopes: Scopes,
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
    /// The client with this id. One whose id is a URL is found where its document is kept ([`DocumentUrl::keep`]).
    ///
    /// # Errors
    /// See [`ClientUnknown`].
    pub fn find(
        client_id: &ClientId,
        configuration: &Configuration,
        keys: &KeyRing,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<Self, ClientUnknown> {
        Self::find_with(None, client_id, configuration, keys, store, now)
    }

    /// The same, where the document of the client may have been `read` for this request, or for the flow that it belongs
    /// to.
    ///
    /// # Errors
    /// See [`ClientUnknown`].
    pub(crate) fn find_with(
        read: Option<&ReadDocument>,
        client_id: &ClientId,
        configuration: &Configuration,
        keys: &KeyRing,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<Self, ClientUnknown> {
        if let Some(configured) = configuration.clients.iter().find(|client| client.client_id == *client_id) {
            return Ok(Self::from(configured));
        }
        if DocumentUrl::names_a_document(client_id) {
            let url = DocumentUrl::parse(client_id, configuration).map_err(|_| ClientUnknown::NotRegistered)?;
            let documents = DocumentCache { store, keys, now };
            return url.client(read, configuration, &documents)?.ok_or(ClientUnknown::NotRegistered);
        }
        find_registered(client_id, configuration, store, now)
    }

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
            may_introspect: configured.may_introspect,
            is_configured: true,
            registration: None,
            document: None,
        }
    }
}

impl From<ClientUnknown> for UnboundRejection {
    fn from(error: ClientUnknown) -> Self {
        match error {
            ClientUnknown::NotRegistered => Self::UnknownClient,
            ClientUnknown::Unavailable(error) => Self::Unavailable(error),
        }
    }
}

#[cfg(test)]
mod tests;
