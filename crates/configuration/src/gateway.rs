//! What the gateway reads of the document at every route.

use gatehouse_protocol::WebOrigin;
use http::{HeaderName, Uri};

use crate::{
    AllowedOrigins, ClientAddresses, Networks, Route, RoutePath, SecretName, TokenIssuer, Upstream,
    authorization_server,
};

/// What holds for all routes together. A route's own part is a [`Route`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Configuration {
    /// Where clients reach Gatehouse: also the issuer. Never taken from a request's headers, which an attacker writes.
    pub public_url: WebOrigin,
    /// The browser origins that may call the MCP endpoints.
    pub allowed_origins: AllowedOrigins,
    /// The most requests that may last at once, of all routes and subjects together: open streams, and calls that have
    /// waited for a server for more than a second.
    pub long_requests: u32,
    /// The headers in which callers show keys, of all routes: no MCP server gets them.
    pub api_key_headers: Vec<HeaderName>,
    /// The headers in which callers show tokens of other issuers, of all routes, but for `Authorization`: no MCP server gets them.
    pub token_headers: Vec<HeaderName>,
    /// The setting with the keys that sign assertions for MCP servers.
    pub caller_assertion_keys: Option<SecretName>,
    /// Every header in which some server is told who calls, but for those that no client may send anyway. No client may send these to
    /// any server: one that was forgotten in the configuration would believe it.
    pub identity_header_names: Vec<HeaderName>,
    /// How a client's address is found out.
    pub client_addresses: ClientAddresses,
    /// From where probes may be asked.
    pub probes: Networks,
}

/// Families of headers that no client may send to any server, whatever is configured.
pub const NEVER_OF_CLIENTS: [&str; 2] = ["x-ms-", "x-gatehouse-"];

/// The headers in which the servers of `routes` are told who calls, each once, without those of [`NEVER_OF_CLIENTS`].
pub(crate) fn identity_header_names(routes: &[Route]) -> Vec<HeaderName> {
    let headers = |upstream: &'_ Upstream| {
        let own = upstream.identity_headers.iter().flat_map(|headers| headers.headers());
        let own = own.chain(upstream.subject_header.clone()).chain(upstream.identity_provider_token_header.clone());
        own.filter(|name| *name != http::header::AUTHORIZATION).collect::<Vec<_>>()
    };
    let mut names: Vec<_> = routes.iter().flat_map(Route::upstreams).flat_map(headers).collect();
    names.retain(|name| {
        let reduced = name.as_str().replace('_', "-");
        !NEVER_OF_CLIENTS.iter().any(|family| reduced.starts_with(family))
    });
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    names
}

/// The headers in which callers of `routes` show keys, each once.
pub(crate) fn api_key_headers(routes: &[Route]) -> Vec<HeaderName> {
    let keys = routes.iter().filter_map(|route| route.api_keys.as_ref());
    let mut names: Vec<_> = keys.map(|keys| keys.header.clone()).collect();
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    names
}

/// The headers in which callers of `routes` show tokens of other issuers, each once, without `Authorization`.
pub(crate) fn token_headers(routes: &[Route]) -> Vec<HeaderName> {
    let mut names: Vec<_> = routes.iter().flat_map(Route::token_headers).collect();
    names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
    names.dedup();
    names
}

impl Configuration {
    /// The most requests of one subject that may last at once, at all routes together: a quarter of all, so that four are
    /// needed to take every place.
    pub fn long_requests_of_subject(&self) -> u32 {
        self.long_requests.div_ceil(4)
    }
}

/// What has to be there for Gatehouse to be ready, beside the server keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// The secrets with which it proves itself to identity providers and issuers of tokens: without one, nobody can come in.
    pub provider_secrets: Vec<SecretName>,
    /// The MCP servers: every one of each route.
    pub servers: Vec<Server>,
}

/// An MCP server behind a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The route.
    pub route: RoutePath,
    /// Its own address.
    pub url: Uri,
    /// The secrets that every request to it needs.
    pub secrets: Vec<SecretName>,
}

impl Needs {
    /// What these providers, issuers of tokens and routes need; `caller_assertion_keys` where a server gets assertions.
    pub fn of(
        configuration: &authorization_server::Configuration,
        routes: &[Route],
        caller_assertion_keys: Option<&SecretName>,
    ) -> Self {
        let server = |route: &Route, upstream: &Upstream| {
            let signs = upstream.identity_headers.as_ref().is_some_and(|headers| headers.assertion.is_some());
            let secrets = upstream.secret_headers.iter().map(|(_, name)| name);
            Server {
                route: route.path.clone(),
                url: upstream.url.clone(),
                secrets: secrets.chain(caller_assertion_keys.filter(|_| signs)).cloned().collect(),
            }
        };
        let servers = routes.iter().flat_map(|route| route.upstreams().map(move |upstream| server(route, upstream)));
        let providers = configuration.identity_providers.iter();
        let secrets = providers.flat_map(|provider| provider.authentication.secrets());
        let secrets = secrets.chain(configuration.token_issuers.iter().filter_map(TokenIssuer::secret));
        Self { provider_secrets: secrets.cloned().collect(), servers: servers.collect() }
    }
}
