//! What the gateway reads of the document at every route.

use gatehouse_protocol::WebOrigin;
use http::{HeaderName, Uri};

use crate::{AllowedOrigins, Route, RoutePath, SecretName, TokenIssuer, Upstream, authorization_server};

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
    /// What these providers, issuers of tokens and routes need.
    pub fn of(configuration: &authorization_server::Configuration, routes: &[Route]) -> Self {
        let server = |route: &Route, upstream: &Upstream| Server {
            route: route.path.clone(),
            url: upstream.url.clone(),
            secrets: upstream.secret_headers.iter().map(|(_, name)| name.clone()).collect(),
        };
        let servers = routes.iter().flat_map(|route| route.upstreams().map(move |upstream| server(route, upstream)));
        let providers = configuration.identity_providers.iter();
        let secrets = providers.flat_map(|provider| provider.authentication.secrets());
        let secrets = secrets.chain(configuration.token_issuers.iter().filter_map(TokenIssuer::secret));
        Self { provider_secrets: secrets.cloned().collect(), servers: servers.collect() }
    }
}
