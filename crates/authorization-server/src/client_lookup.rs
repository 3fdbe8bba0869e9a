//! Finding clients: those that the configuration names, those that registered, and those that publish a document about
//! themselves.

use core::fmt::Display;

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{ExchangeableTokens, GrantType};
use gatehouse_protocol::{ClientId, ClientName, RedirectUri, Scopes, UnixTime};
use gatehouse_sealed_storage::document_cache::DocumentCache;
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::{Store, StoreUnavailable};

use crate::client::{Client, ClientUnknown};
use crate::client_document::{DocumentUrl, ReadDocument};
use crate::registered_client::{Registration, grant_types};

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
            return by_document(url, read, configuration, &documents)?.ok_or(ClientUnknown::NotRegistered);
        }
        by_registration(client_id, configuration, store, now)
    }
}

/// The client, by its document.
///
/// # Errors
/// Where the store does not answer.
pub(crate) fn by_document(
    url: DocumentUrl,
    read: Option<&ReadDocument>,
    configuration: &Configuration,
    documents: &DocumentCache<'_, impl Store>,
) -> Result<Option<Client>, StoreUnavailable> {
    let client_id = ClientId::parse(url.url().as_str());
    let assertions = url.presents_assertions().then_some(GrantType::JwtBearer);
    let Some(found) = url.found(read, documents)? else { return Ok(None) };
    let broken = || StoreUnavailable("a kept client metadata document cannot be read".to_owned());
    let (rules, document) = (configuration.redirect_rules(), found.document());
    Ok(Some(Client {
        client_id: client_id.map_err(|_| broken())?,
        client_name: ClientName::parse(&document.client_name).map_err(|_| broken())?,
        redirect_uris: document.redirect_uris.iter().filter_map(|uri| RedirectUri::parse(uri, &rules).ok()).collect(),
        grant_types: grant_types(document.refreshable).into_iter().chain(assertions).collect(),
        authentication: document.authentication.clone().into(),
        scopes: Scopes::default(),
        exchangeable: ExchangeableTokens::default(),
        may_introspect: false,
        is_configured: false,
        registration: None,
        document: Some(found),
    }))
}

/// The client with this id, where it registered and has been in use since.
fn by_registration(
    client_id: &ClientId,
    configuration: &Configuration,
    store: &impl Store,
    now: UnixTime,
) -> Result<Client, ClientUnknown> {
    let registration = Registration::find(client_id, store, now)?.ok_or(ClientUnknown::NotRegistered)?;
    let text = registration.text();
    let broken = |error: &dyn Display| {
        StoreUnavailable(format!("a client record holds what this version does not write: {error}"))
    };
    // Parsed again on every use: a URI that a later version refuses is refused for old clients, too.
    let rules = configuration.redirect_rules();
    Ok(Client {
        client_id: client_id.clone(),
        client_name: ClientName::parse(&text.client_name).map_err(|error| broken(&error))?,
        redirect_uris: text.redirect_uris.iter().filter_map(|uri| RedirectUri::parse(uri, &rules).ok()).collect(),
        grant_types: grant_types(text.refreshable),
        authentication: text.authentication.clone().into(),
        scopes: Scopes::default(),
        exchangeable: ExchangeableTokens::default(),
        may_introspect: false,
        is_configured: false,
        registration: Some(registration),
        document: None,
    })
}
