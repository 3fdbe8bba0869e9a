//! Clients: those that the configuration names, those that registered, and those that publish a document about
//! themselves.

use gatehouse_configuration::Configuration;
use gatehouse_protocol::{ClientId, ClientName, Entropy, RedirectUri, UnixTime};
use gatehouse_sealing::HandleSecret;
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::client_document::DocumentUrl;

/// One record for each client that registered.
const CLIENT: Kind = "client";

/// A client as the flows see it.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its id.
    pub client_id: ClientId,
    /// Its name, as it calls itself or as the operator calls it.
    pub client_name: ClientName,
    /// Where its codes may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// Whether it gets refresh tokens.
    pub refreshable: bool,
    /// Whether the operator vouches for it.
    pub is_configured: bool,
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

/// What is stored, sealed under the secret in the client's id.
#[derive(Serialize, Deserialize)]
struct ClientText {
    client_name: String,
    redirect_uris: Vec<String>,
    refreshable: bool,
}

impl Client {
    /// The client with this id. One whose id is a URL is found where its document has been read lately
    /// ([`DocumentUrl::keep`]).
    ///
    /// # Errors
    /// See [`ClientUnknown`].
    pub fn find(
        client_id: &ClientId,
        configuration: &Configuration,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<Self, ClientUnknown> {
        if let Some(configured) = configuration.clients.iter().find(|client| client.client_id == *client_id) {
            return Ok(Self {
                client_id: configured.client_id.clone(),
                client_name: configured.client_name.clone(),
                redirect_uris: configured.redirect_uris.clone(),
                refreshable: true,
                is_configured: true,
            });
        }
        if DocumentUrl::names_a_document(client_id) {
            let url = DocumentUrl::parse(client_id).map_err(|_| ClientUnknown::NotRegistered)?;
            return url.kept(configuration, store, now)?.ok_or(ClientUnknown::NotRegistered);
        }
        let handle = RegisteredId::parse(client_id).ok_or(ClientUnknown::NotRegistered)?;
        if now >= handle.expires_at {
            return Err(ClientUnknown::NotRegistered);
        }
        let key = handle.key()?;
        let sealed = store.get(&key)?.ok_or(ClientUnknown::NotRegistered)?;
        let text = handle.secret.open_record(&key.to_string(), &sealed).map_err(|_| ClientUnknown::NotRegistered)?;
        let text: ClientText = serde_json::from_slice(&text).map_err(|error| broken(&error))?;
        // Parsed again on every use: a URI that a later version refuses is refused for old clients, too.
        let rules = configuration.redirect_rules();
        Ok(Self {
            client_id: client_id.clone(),
            client_name: ClientName::parse(&text.client_name).map_err(|error| broken(&error))?,
            redirect_uris: text.redirect_uris.iter().filter_map(|uri| RedirectUri::parse(uri, &rules).ok()).collect(),
            refreshable: text.refreshable,
            is_configured: false,
        })
    }
}

/// Stores a new client, until `expires_at`, and returns its id.
///
/// # Errors
/// Where the store does not answer; then there is no client.
pub(crate) fn store_registered(
    client_name: &ClientName,
    redirect_uris: &[RedirectUri],
    refreshable: bool,
    expires_at: UnixTime,
    store: &impl Store,
    entropy: &mut impl Entropy,
) -> Result<ClientId, StoreUnavailable> {
    let handle = RegisteredId { secret: HandleSecret::generate(entropy), expires_at };
    let text = ClientText {
        client_name: client_name.as_str().to_owned(),
        redirect_uris: redirect_uris.iter().map(|uri| uri.as_str().to_owned()).collect(),
        refreshable,
    };
    let failed = |error: &dyn core::fmt::Display| StoreUnavailable(error.to_string());
    let text = serde_json::to_vec(&text).map_err(|error| failed(&error))?;
    let key = handle.key()?;
    let sealed = handle.secret.seal_record(&key.to_string(), &text, entropy).map_err(|error| failed(&error))?;
    store.put(&key, &sealed)?;
    ClientId::parse(&handle.to_text()).map_err(|error| failed(&error))
}

/// The id of a client that registered: when the registration ends, and what finds and opens its record.
struct RegisteredId {
    secret: HandleSecret,
    expires_at: UnixTime,
}

impl RegisteredId {
    fn parse(client_id: &ClientId) -> Option<Self> {
        use base64::Engine as _;
        let (expires_at, secret) = client_id.as_str().split_once('-')?;
        let secret = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(secret).ok()?;
        let expires_at = UnixTime::from_seconds(expires_at.parse().ok()?);
        let id = Self { secret: HandleSecret::from_slice(&secret)?, expires_at };
        // Numbers have several spellings (`+1`, `01`), a client has one id.
        (id.to_text() == client_id.as_str()).then_some(id)
    }

    fn to_text(&self) -> String {
        use base64::Engine as _;
        format!("{}-{}", self.expires_at, base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.secret.expose()))
    }

    fn key(&self) -> Result<Key, StoreUnavailable> {
        Key::new(CLIENT, &self.secret.record_id(), self.expires_at).map_err(|error| StoreUnavailable(error.to_string()))
    }
}

fn broken(error: &dyn core::fmt::Display) -> ClientUnknown {
    ClientUnknown::Unavailable(StoreUnavailable(format!("a client record cannot be read: {error}")))
}

#[cfg(test)]
mod tests;
