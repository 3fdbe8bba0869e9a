//! What every endpoint needs: the configuration, the keys, the store and the time.

use gatehouse_authorization_server::administrator_consent::AdministratorConsents;
use gatehouse_authorization_server::language::Language;
use gatehouse_authorization_server::remembered_consent::RememberedConsents;
use gatehouse_client_address::ClientAddress;
use gatehouse_configuration::IdentityProvider;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_connections::Links;
use gatehouse_protocol::{OwnPath, UnixTime};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_sessions::Sessions;
use http::header::ACCEPT_LANGUAGE;
use http::{HeaderMap, Method, Request};
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
    /// In which language a page is read.
    pub(crate) language: Language,
    /// The path and the query of a page that was asked for, so that it can be asked for again; `None` where a form was sent.
    pub(crate) address: Option<String>,
    /// What the browser says of where we have just sent it.
    pub(crate) departures: Vec<String>,
    /// Where it comes from.
    pub(crate) client: ClientAddress,
    /// Its lines in the log.
    pub(crate) log: RequestLog,
}

impl Context {
    /// Reads the configuration, of which an instance keeps nothing but the keys.
    pub(crate) fn of_this_request(head: &Request<()>, log: RequestLog) -> Result<Self, SettingsError> {
        let headers = head.headers();
        let configuration = shell_configuration::authorization_server()?;
        let client = shell_peer::client_address(headers, &configuration.client_addresses);
        Ok(Self {
            language: language(headers),
            address: address(head),
            departures: departures(headers, &configuration.public_url),
            configuration,
            keys: shell_configuration::server_keys()?.clone(),
            store: HostStore,
            now: shell_http::now(),
            log: log.with_client_address(client.logged()),
            client,
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

    /// The accounts that are linked to APIs of others.
    pub(crate) fn links(&self) -> Links<'_, HostStore> {
        Links { store: &self.store, keys: &self.keys, now: self.now }
    }

    /// What administrators have allowed for everybody who signs in at `provider`.
    pub(crate) fn administrator_consents<'a>(
        &'a self,
        provider: &'a IdentityProvider,
    ) -> AdministratorConsents<'a, HostStore> {
        AdministratorConsents { store: &self.store, keys: &self.keys, provider, now: self.now }
    }
}

/// The language that the browser asks for.
pub(crate) fn language(headers: &HeaderMap) -> Language {
    Language::accepted(headers.get_all(ACCEPT_LANGUAGE).iter().filter_map(|line| line.to_str().ok()))
}

/// Where a page can be asked for again: not the callback, which is good for once.
fn address(head: &Request<()>) -> Option<String> {
    let path = head.uri().path();
    let is_repeatable =
        [OwnPath::Authorize, OwnPath::Sessions, OwnPath::Consents, OwnPath::Connections, OwnPath::Administration]
            .iter()
            .any(|own| own.as_str() == path);
    let address = head.uri().path_and_query().filter(|_| is_repeatable && *head.method() == Method::GET)?;
    Some(address.as_str().to_owned())
}
