//! Token services: who gives tokens for MCP servers and what is behind them.

use core::fmt;
use std::collections::BTreeMap;

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{BackendGrant, IdentityProvider, ManagedIdentity, TokenEndpoint, TokenServiceKind};
use gatehouse_openid::{
    BackendAnswer, BackendRejection, BackendRequest, ClientAuthentication, Endpoint, MetadataRejection,
    TOKEN_ANSWER_BYTES, TokenRefusal, managed_identity_request, parse_managed_identity,
};
use gatehouse_protocol::{SecretString, UnixTime};
use gatehouse_sealed_storage::sealing::KeyRing;
use http::Request;
use thiserror::Error;

use crate::credentials::credentials;
use crate::{ComponentHost, Failure, Host, ProviderClient};

/// The token services, as they are talked to during one request.
pub struct BackendTokens<'a, H = ComponentHost> {
    configuration: &'a Configuration,
    keys: &'a KeyRing,
    now: UnixTime,
    host: H,
}

/// A user's access token of the identity provider, which is exchanged.
#[derive(Debug)]
pub struct UserToken<'a> {
    /// The name of the provider.
    pub provider: &'a str,
    /// The token.
    pub token: &'a SecretString,
}

/// Why there is no token. The text is for the log.
#[derive(Debug, Error)]
pub enum BackendFailure {
    /// The token service said no.
    #[error("{0}")]
    Rejected(#[from] BackendRejection),
    /// The conversation came to nothing.
    #[error(transparent)]
    Conversation(#[from] Failure),
    /// What is needed is no longer configured.
    #[error("{0}")]
    Configuration(&'static str),
}

impl<'a> BackendTokens<'a> {
    /// The token services of `configuration`, with the server `keys`, at `now`.
    pub const fn new(configuration: &'a Configuration, keys: &'a KeyRing, now: UnixTime) -> Self {
        Self::on(ComponentHost, configuration, keys, now)
    }
}

impl<'a, H: Host> BackendTokens<'a, H> {
    /// The same, in other surroundings than the component's.
    pub const fn on(host: H, configuration: &'a Configuration, keys: &'a KeyRing, now: UnixTime) -> Self {
        Self { configuration, keys, now, host }
    }

    /// Asks for a token; of a user, with their `user_token`, which no other identity provider than the user's own is shown.
    ///
    /// # Errors
    /// Where there is none.
    pub fn get(&self, grant: &BackendGrant, user_token: Option<&UserToken<'_>>) -> Result<BackendAnswer, BackendFailure>
    where
        H: Copy,
    {
        let name = match (&grant.service, user_token) {
            (Some(name), _) => name,
            (None, Some(user)) => return self.at_provider(user.provider, grant, user_token),
            (None, None) => return Err(BackendFailure::Configuration("the token service is not named")),
        };
        let service = self.configuration.token_service(name);
        let service = service.ok_or(BackendFailure::Configuration("the token service is no longer configured"))?;
        match &service.kind {
            TokenServiceKind::Endpoint(endpoint) => self.at_endpoint(endpoint, grant, user_token),
            TokenServiceKind::IdentityProvider(provider) => match user_token {
                // Nobody's token is shown to a provider that has not given it.
                Some(user) if user.provider != provider => Err(other_provider()),
                Some(_) | None => self.at_provider(provider, grant, user_token),
            },
            TokenServiceKind::ManagedIdentity(identity) => self.of_platform(identity, grant),
            TokenServiceKind::Setting(_) => {
                Err(BackendFailure::Configuration("the token of a variable is not asked for"))
            }
        }
    }

    fn at_endpoint(
        &self,
        service: &TokenEndpoint,
        grant: &BackendGrant,
        user_token: Option<&UserToken<'_>>,
    ) -> Result<BackendAnswer, BackendFailure> {
        let endpoint = Endpoint::parse(&service.url).map_err(|problem| {
            Failure::from(MetadataRejection::Endpoint { member: "of the configuration", problem })
        })?;
        let credentials = credentials(&self.host, &service.authentication)?;
        let mut entropy = self.host.entropy();
        let authentication = ClientAuthentication::at_endpoint(
            &credentials,
            &service.client_id,
            &endpoint,
            service.secret_in_body,
            self.now,
            &mut entropy,
        );
        let authentication = authentication.map_err(Failure::from)?;
        let subject_token = user_token.map(|user| user.token);
        let request = BackendRequest { grant, subject_token, parameters: &service.parameters };
        self.ask(&request, &request.to(&endpoint, &service.client_id, &authentication))
    }

    fn at_provider(
        &self,
        name: &str,
        grant: &BackendGrant,
        user_token: Option<&UserToken<'_>>,
    ) -> Result<BackendAnswer, BackendFailure>
    where
        H: Copy,
    {
        let provider: Option<&IdentityProvider> = self.configuration.identity_provider(name);
        let provider =
            provider.ok_or(BackendFailure::Configuration("the identity provider is no longer configured"))?;
        let client = ProviderClient::on(self.host, provider, self.configuration, self.keys, self.now);
        let metadata = client.metadata()?;
        let authentication = client.authentication(&metadata)?;
        let (subject_token, parameters) = (user_token.map(|user| user.token), BTreeMap::new());
        let request = BackendRequest { grant, subject_token, parameters: &parameters };
        self.ask(&request, &request.to(metadata.token_endpoint(), &provider.client_id, &authentication))
    }

    fn ask(&self, request: &BackendRequest<'_>, sent: &Request<Vec<u8>>) -> Result<BackendAnswer, BackendFailure> {
        let response = self.host.fetch(sent, TOKEN_ANSWER_BYTES);
        let response = response.map_err(|reason| Failure::NoAnswer("token for a server", reason).at(sent.uri()))?;
        Ok(request.read(&response)?)
    }

    fn of_platform(&self, identity: &ManagedIdentity, grant: &BackendGrant) -> Result<BackendAnswer, BackendFailure> {
        let secret = identity.identity_header.as_ref().map(|name| self.host.secret(name)).transpose();
        let secret = secret.map_err(Failure::Settings)?;
        let resource = grant.resource.as_deref().unwrap_or_default();
        let request = managed_identity_request(identity, resource, secret.as_ref());
        let request = request.map_err(BackendFailure::Configuration)?;
        let response = self.host.fetch(&request, TOKEN_ANSWER_BYTES);
        let response = response.map_err(|reason| Failure::NoAnswer("token for a server", reason).at(request.uri()))?;
        Ok(parse_managed_identity(&response, self.now)?)
    }
}

fn other_provider() -> BackendFailure {
    let reason = "the user has signed in at another identity provider than the token service's".to_owned();
    BackendFailure::Rejected(BackendRejection::Refused { of: TokenRefusal::User, reason })
}

impl<H> fmt::Debug for BackendTokens<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendTokens").finish_non_exhaustive()
    }
}
