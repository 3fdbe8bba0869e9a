//! What a configuration needs of the host: variables, and places to connect to.

use std::collections::BTreeMap;
use std::fmt;

use gatehouse_configuration::{
    AssertionSource, ClientKeys, Configuration, ConnectionEndpoints, OpenApiDocument, ProviderAuthentication,
    ProviderProfile, RegisteredAuthentication, SERVER_KEYS_SETTING, SETTING, SecretName, TokenVerification,
};
use url::Url;

/// What is needed, and for what, each once and in a stable order.
pub(crate) type Needs = BTreeMap<String, Vec<String>>;

/// What Gatehouse connects to a place for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// An identity provider, by its name.
    Provider(String),
    /// The groups of a provider's users.
    Groups(String),
    /// Assertions for a provider.
    Assertions(String),
    /// A route's MCP server, by the route's path.
    Route(String),
    /// The OpenAPI document of a route's REST API.
    OpenApiDocument(String),
    /// The environments of a sandbox, by the path of its route.
    Environments(String),
    /// The keys of a client.
    ClientKeys(String),
    /// Tokens of another issuer, by its name.
    Tokens(String),
    /// Links to an API, by the connection's name, and whether its metadata says where else.
    Connection(String, bool),
    /// Tokens for MCP servers, by the name of the token service.
    TokenService(String),
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(name) => {
                write!(f, "identity provider {name}, and the hosts of the endpoints in its metadata")
            }
            Self::Groups(name) => write!(f, "groups of users of {name}"),
            Self::Assertions(name) => write!(f, "assertions for {name}"),
            Self::Route(path) => write!(f, "route {path}"),
            Self::OpenApiDocument(path) => write!(f, "OpenAPI document of route {path}"),
            Self::Environments(path) => write!(f, "environments of route {path}"),
            Self::ClientKeys(id) => write!(f, "keys of client {id}"),
            Self::Connection(name, true) => {
                write!(f, "connection {name}, and the hosts of the endpoints in its metadata")
            }
            Self::Connection(name, false) => write!(f, "connection {name}"),
            Self::TokenService(name) => write!(f, "tokens for MCP servers, by {name}"),
            Self::Tokens(name) => write!(f, "tokens of {name}, and the host of the keys in its metadata"),
        }
    }
}

/// The entry for client ID metadata documents, which may be on any host.
pub(crate) const EVERY_CLIENT_DOCUMENT: &str = "https://*:443";

/// The places that the configuration names, as `allowed_outbound_hosts` has them.
pub(crate) fn outbound_origins(configuration: &Configuration) -> BTreeMap<String, Vec<Purpose>> {
    let mut needs = BTreeMap::<_, Vec<_>>::new();
    let mut need = |url: &str, purpose: Purpose| {
        if let Ok(url) = Url::parse(url) {
            needs.entry(url.origin().ascii_serialization()).or_default().push(purpose);
        }
    };
    for provider in &configuration.authorization_server.identity_providers {
        need(provider.metadata_url.as_ref().unwrap_or(&provider.issuer), Purpose::Provider(provider.name.clone()));
        if let ProviderProfile::Entra(entra) = &provider.profile {
            need(&entra.graph, Purpose::Groups(provider.name.clone()));
        }
        if let ProviderAuthentication::Assertion(AssertionSource::Endpoint { url, .. }) = &provider.authentication {
            need(&url.to_string(), Purpose::Assertions(provider.name.clone()));
        }
    }
    for issuer in &configuration.authorization_server.token_issuers {
        if let Some(url) = issuer.asked_at() {
            need(url, Purpose::Tokens(issuer.name.clone()));
        }
        if let (TokenVerification::Entra { profile, .. }, Some(_)) = (&issuer.verification, &issuer.group_lookup) {
            need(&profile.graph, Purpose::Groups(issuer.name.clone()));
        }
    }
    for connection in &configuration.authorization_server.connections {
        let is_discovered = matches!(connection.endpoints, ConnectionEndpoints::Discovered { .. });
        need(connection.place(), Purpose::Connection(connection.name.clone(), is_discovered));
        if let ConnectionEndpoints::Given { revocation: Some(url), .. } = &connection.endpoints {
            need(url, Purpose::Connection(connection.name.clone(), false));
        }
        if let ProviderAuthentication::Assertion(AssertionSource::Endpoint { url, .. }) = &connection.authentication {
            need(&url.to_string(), Purpose::Assertions(connection.name.clone()));
        }
    }
    for service in &configuration.authorization_server.token_services {
        for url in service.urls() {
            need(&url, Purpose::TokenService(service.name.clone()));
        }
    }
    for route in &configuration.routes {
        for upstream in route.upstreams() {
            need(&upstream.url.to_string(), Purpose::Route(route.path.to_string()));
            if let Some(OpenApiDocument::At(url)) = upstream.openapi.as_ref().map(|api| &api.document) {
                need(&url.to_string(), Purpose::OpenApiDocument(route.path.to_string()));
            }
        }
        if let Some(environments) = &route.environments {
            need(&environments.url.to_string(), Purpose::Environments(route.path.to_string()));
        }
    }
    for client in &configuration.authorization_server.clients {
        if let RegisteredAuthentication::PrivateKeyJwt(ClientKeys::At(uri)) = &client.authentication {
            need(uri, Purpose::ClientKeys(client.client_id.to_string()));
        }
    }
    needs
}

/// The settings that have to be given. All but the first are secrets.
pub(crate) fn settings(configuration: &Configuration) -> Needs {
    let mut needs = Needs::from([
        (SETTING.to_owned(), vec!["this document".to_owned()]),
        (SERVER_KEYS_SETTING.to_owned(), vec!["see `gatehouse keys generate`".to_owned()]),
    ]);
    let mut need = |name: &SecretName, why: String| needs.entry(name.as_str().to_owned()).or_default().push(why);
    let registration = &configuration.authorization_server.registration;
    if let Some(name) = registration.initial_access_token.as_ref().filter(|_| registration.enabled) {
        need(name, "initial access token of the client registration".to_owned());
    }
    for (name, uses) in provider_settings(configuration) {
        needs.entry(name).or_default().extend(uses);
    }
    let mut need = |name: &SecretName, why: String| needs.entry(name.as_str().to_owned()).or_default().push(why);
    for route in &configuration.routes {
        for (header, name) in route.upstreams().flat_map(|upstream| &upstream.secret_headers) {
            need(name, format!("header {header} of route {}", route.path));
        }
        if let Some(environments) = &route.environments {
            need(&environments.secret, format!("administration_secret of the sandbox of {}", route.path));
        }
        for administrator in
            route.api_keys.iter().flat_map(|keys| &keys.session_pool).flat_map(|pool| &pool.administrators)
        {
            need(
                &administrator.secret,
                format!("token of {}, an administrator of the API key of {}", administrator.label, route.path),
            );
        }
    }
    if let Some(name) = &configuration.authorization_server.caller_assertion_keys {
        need(name, "private keys that sign assertions of who calls (PEM, PKCS #8)".to_owned());
    }
    for client in &configuration.authorization_server.clients {
        match &client.authentication {
            RegisteredAuthentication::SecretBasic(name) | RegisteredAuthentication::SecretPost(name) => {
                need(name, format!("secret of client {}", client.client_id));
            }
            RegisteredAuthentication::None | RegisteredAuthentication::PrivateKeyJwt(_) => {}
        }
    }
    needs
}

/// Those of them with which Gatehouse proves itself to identity providers and issuers of tokens.
pub(crate) fn provider_settings(configuration: &Configuration) -> Needs {
    let mut needs = Needs::new();
    let mut need = |name: &SecretName, why: String| needs.entry(name.as_str().to_owned()).or_default().push(why);
    let providers = configuration.authorization_server.identity_providers.iter();
    let providers = providers.map(|provider| (&provider.name, &provider.authentication));
    let connections = configuration.authorization_server.connections.iter();
    let connections = connections.map(|connection| (&connection.name, &connection.authentication));
    for (at, authentication) in providers.chain(connections) {
        match authentication {
            ProviderAuthentication::None => {}
            ProviderAuthentication::Secret(name) => need(name, format!("client secret at {at}")),
            ProviderAuthentication::PrivateKey { key, .. } => {
                need(key, format!("private key for {at} (PEM, PKCS #8)"));
            }
            ProviderAuthentication::Assertion(AssertionSource::Setting(name)) => {
                need(name, format!("assertion for {at}"));
            }
            ProviderAuthentication::Assertion(AssertionSource::Endpoint { secret_headers, .. }) => {
                for (header, name) in secret_headers {
                    need(name, format!("header {header} for the assertions for {at}"));
                }
            }
        }
    }
    for issuer in &configuration.authorization_server.token_issuers {
        if let Some(name) = issuer.secret() {
            let what = if issuer.is_signed() { "the application that looks up groups" } else { "introspection" };
            need(name, format!("secret for {what} at {}", issuer.name));
        }
    }
    for service in &configuration.authorization_server.token_services {
        for name in service.secrets() {
            need(name, format!("credentials of the token service {}", service.name));
        }
    }
    needs
}
