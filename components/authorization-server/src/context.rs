//! What every endpoint needs: the configuration, the keys, the store and the time.

use gatehouse_authorization_server::remembered_consent::RememberedConsents;
use gatehouse_configuration::IdentityProvider;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::UnixTime;
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_sessions::Sessions;
use http::HeaderMap;
use provider_client::ProviderClient;
use shell_configuration::SettingsError;
use shell_store::HostStore;

use crate::departures::departures;
use crate::log::RequestLog;
use crate::sessions;

/// The surroundings of one request.
pub(crate) struct Context {
    pub(crate) configuration: Configuration,
    pub(crate) keys: KeyRing,
    pub(crate) store: HostStore,
    pub(crate) now: UnixTime,
    /// What the browser says of where we have just sent it.
    pub(crate) departures: Vec<String>,
    /// Its lines in the log.
    pub(crate) log: RequestLog,
}

impl Context {
    /// Reads the configuration, of which an instance keeps nothing but the keys.
    pub(crate) fn of_this_request(headers: &HeaderMap, log: RequestLog) -> Result<Self, SettingsError> {
        let configuration = shell_configuration::authorization_server()?;
        Ok(Self {
            departures: departures(headers, &configuration.public_url),
            configuration,
            keys: shell_configuration::server_keys()?.clone(),
            store: HostStore,
            now: shell_http::now(),
            log,
        })
    }

    /// Gatehouse as the client of `provider`.
    pub(crate) fn client_of<'a>(&'a self, provider: &'a IdentityProvider) -> ProviderClient<'a> {
        ProviderClient::new(provider, &self.configuration, &self.keys, self.now)
    }

    /// The sessions that are there at this moment.
    pub(crate) fn sessions(&self) -> Sessions<'_, HostStore> {
        sessions::with_keys(&self.keys)
    }

    /// What users do not want to be asked about again.
    pub(crate) fn remembered_consents(&self) -> RememberedConsents<'_, HostStore> {
        let lifetime = self.configuration.lifetimes.consent;
        RememberedConsents { store: &self.store, keys: &self.keys, lifetime, now: self.now }
    }
}
