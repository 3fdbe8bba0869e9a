//! What the gateway reads of the document at every route.

use gatehouse_protocol::WebOrigin;
use http::Uri;

use crate::{AllowedOrigins, Route, RoutePath};

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
}

impl Configuration {
    /// The most requests of one subject that may last at once, at all routes together: a quarter of all, so that four are
    /// needed to take every place.
    pub fn long_requests_of_subject(&self) -> u32 {
        self.long_requests.div_ceil(4)
    }
}

/// An MCP server that must answer for Gatehouse to be ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// One of the routes that it is behind.
    pub route: RoutePath,
    /// Its own address.
    pub url: Uri,
}

impl Server {
    /// Every server behind one of the routes, each URL once.
    pub fn all_of(routes: &[Route]) -> Vec<Self> {
        let mut servers: Vec<Self> = Vec::new();
        for route in routes {
            for upstream in route.upstreams() {
                if servers.iter().all(|known| known.url != upstream.url) {
                    servers.push(Self { route: route.path.clone(), url: upstream.url.clone() });
                }
            }
        }
        servers
    }
}
