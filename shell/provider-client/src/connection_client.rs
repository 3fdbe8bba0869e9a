//! Conversations with the OAuth server of a connection.

use core::fmt;

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_configuration::{AssertionSource, Connection, ProviderAuthentication, SecretMethod};
use gatehouse_connections::{
    LinkedTokens, NotLinked, Server, code_request, places, refresh_request, revocation_requests,
};
use gatehouse_openid::{
    ASSERTION_BYTES, AuthorizationCode, ClientAuthentication, ClientAuthenticationRejection, ClientCredentials,
    Endpoint, METADATA_BYTES, MetadataRejection, SigningKey, TOKEN_ANSWER_BYTES, assertion, assertion_request,
    document_request, parse_assertion,
};
use gatehouse_protocol::{CodeVerifier, SecretString, UnixTime};
use gatehouse_sealed_storage::sealing::KeyRing;
use http::{Request, Response};
use thiserror::Error;

use crate::documents::{Document, Documents, METADATA};
use crate::{ComponentHost, Failure, Host};

/// The server of one connection, as it is talked to during one request.
pub struct ConnectionClient<'a, H = ComponentHost> {
    connection: &'a Connection,
    configuration: &'a Configuration,
    keys: &'a KeyRing,
    now: UnixTime,
    host: H,
}

/// Why there are no tokens. The text is for the log.
#[derive(Debug, Error)]
pub enum ConnectionFailure {
    /// The server said no, or something that does not do.
    #[error("connection: {0}")]
    Rejected(#[from] NotLinked),
    /// The conversation came to nothing.
    #[error("connection: {0}")]
    Conversation(#[from] Failure),
}

impl ConnectionFailure {
    /// Whether only a new link helps. Otherwise whoever asked may ask again later.
    pub const fn ends_the_link(&self) -> bool {
        matches!(self, Self::Rejected(NotLinked::Over(_)))
    }
}

impl<'a> ConnectionClient<'a> {
    /// The client of the server of `connection`, which is one of `configuration`, with the server `keys`, at `now`.
    pub const fn new(
        connection: &'a Connection,
        configuration: &'a Configuration,
        keys: &'a KeyRing,
        now: UnixTime,
    ) -> Self {
        Self { connection, configuration, keys, now, host: ComponentHost }
    }
}

impl<H: Host> ConnectionClient<'_, H> {
    /// Where the server's endpoints are.
    ///
    /// # Errors
    /// Where that cannot be known.
    pub fn server(&self) -> Result<Server, Failure> {
        let own = &self.configuration.public_url;
        if let Some(server) = Server::of(self.connection, own)? {
            return Ok(server);
        }
        let misplaced = |problem| MetadataRejection::Endpoint { member: "of the configuration", problem };
        let places = places(self.connection).map_err(misplaced)?;
        let documents = Documents { keys: self.keys, own, now: self.now, host: &self.host };
        for place in &places {
            if let Some(kept) = documents.kept(&self.metadata(place))? {
                return Ok(kept);
            }
        }
        let mut failed = None;
        for place in &places {
            match documents.current(&self.metadata(place)) {
                Ok(server) => return Ok(server),
                // The first place is the usual one; what is wrong there is what an operator wants to know.
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        Err(failed.unwrap_or_else(|| MetadataRejection::Missing("issuer").into()))
    }

    /// Redeems the code that the browser brought.
    ///
    /// # Errors
    /// Where there are no tokens.
    pub fn redeem(
        &self,
        server: &Server,
        callback_url: &str,
        code: &AuthorizationCode,
        verifier: &CodeVerifier,
    ) -> Result<LinkedTokens, ConnectionFailure> {
        let authentication = self.authentication(server)?;
        let request = code_request(self.connection, server, &authentication, callback_url, code, verifier);
        Ok(LinkedTokens::parse(&self.ask("tokens", &request)?)?)
    }

    /// Asks for new tokens. The refresh token may be spent from then on, so this happens once at a time for each link.
    ///
    /// # Errors
    /// Where there are none; [`ConnectionFailure::ends_the_link`] says what that means.
    pub fn refresh(&self, refresh_token: &SecretString) -> Result<LinkedTokens, ConnectionFailure> {
        let server = self.server()?;
        let authentication = self.authentication(&server)?;
        let request = refresh_request(self.connection, &server, &authentication, refresh_token);
        Ok(LinkedTokens::parse(&self.ask("refreshed tokens", &request)?)?)
    }

    /// Revokes the tokens of a link that was removed. Tells whether there is a place for that.
    ///
    /// # Errors
    /// Where the server did not do it.
    pub fn revoke(&self, tokens: &LinkedTokens) -> Result<bool, ConnectionFailure> {
        let server = self.server()?;
        if !server.can_revoke() {
            return Ok(false);
        }
        let mut failed = None;
        // An assertion works once, so each request has its own.
        for index in 0.. {
            let authentication = self.authentication(&server)?;
            let requests = revocation_requests(self.connection, &server, &authentication, tokens);
            let Some(request) = requests.get(index) else { break };
            let answer = self.ask("answer to a revocation", request)?;
            // With the refresh token, the others of its grant are gone, and some servers then say that they do not know them.
            if index == 0 && !answer.status().is_success() {
                failed = Some(NotLinked::Unreadable(answer.status()));
            }
        }
        failed.map_or(Ok(true), |failure| Err(failure.into()))
    }

    fn metadata(&self, place: &Endpoint) -> Document<Server, MetadataRejection> {
        let issuer = match &self.connection.endpoints {
            gatehouse_configuration::ConnectionEndpoints::Discovered { issuer, .. } => issuer.clone(),
            gatehouse_configuration::ConnectionEndpoints::Given { .. } => String::new(),
        };
        Document {
            kind: METADATA,
            name: "metadata",
            limit: METADATA_BYTES,
            request: document_request(place),
            parse: Server::parse,
            issuer,
        }
    }

    /// The authentication of one request.
    fn authentication(&self, server: &Server) -> Result<ClientAuthentication, Failure> {
        let secret = |name| self.host.secret(name).map_err(Failure::Settings);
        let mut in_body = false;
        let credentials = match &self.connection.authentication {
            ProviderAuthentication::None => ClientCredentials::None,
            ProviderAuthentication::Secret(name) => {
                in_body = server.secret_method(self.connection)? == SecretMethod::Post;
                ClientCredentials::Secret(secret(name)?)
            }
            ProviderAuthentication::PrivateKey { key, key_id, certificate_thumbprint } => {
                ClientCredentials::PrivateKey {
                    key: SigningKey::from_pem(&secret(key)?).map_err(ClientAuthenticationRejection::Key)?,
                    key_id: key_id.clone(),
                    certificate_thumbprint: certificate_thumbprint.clone(),
                }
            }
            ProviderAuthentication::Assertion(source) => ClientCredentials::Assertion(self.assertion(source)?),
        };
        let (client_id, endpoint) = (&self.connection.client_id, server.token_endpoint());
        let mut entropy = self.host.entropy();
        Ok(ClientAuthentication::at_endpoint(&credentials, client_id, endpoint, in_body, self.now, &mut entropy)?)
    }

    /// The assertion that somebody else signs for us, as it is now.
    fn assertion(&self, source: &AssertionSource) -> Result<SecretString, Failure> {
        match source {
            AssertionSource::Setting(name) => Ok(assertion(self.host.secret(name).map_err(Failure::Settings)?)?),
            AssertionSource::Endpoint { url, headers, secret_headers } => {
                let mut secrets = Vec::new();
                for (header, name) in secret_headers {
                    secrets.push((header.clone(), self.host.secret(name).map_err(Failure::Settings)?));
                }
                let request = assertion_request(url, headers, &secrets)?;
                let answer = self.host.fetch(&request, ASSERTION_BYTES);
                let answer =
                    answer.map_err(|reason| Failure::NoAnswer("client assertion", reason).at(request.uri()))?;
                Ok(parse_assertion(&answer)?)
            }
        }
    }

    fn ask(&self, what: &'static str, request: &Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Failure> {
        let answer = self.host.fetch(request, TOKEN_ANSWER_BYTES);
        answer.map_err(|reason| Failure::NoAnswer(what, reason).at(request.uri()))
    }
}

impl<H> fmt::Debug for ConnectionClient<'_, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionClient").field("connection", &self.connection.name).finish_non_exhaustive()
    }
}
