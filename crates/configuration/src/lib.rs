//! The configuration document: one TOML or JSON text, parsed into values that need no further checking.
//!
//! Secrets are not in it. Where one is needed, the document names the setting that holds it
//! (`{ secret = "identity_provider_secret" }`), so that it can be shown, committed and compared.

mod configured_urls;
mod document;
mod error;
mod identity_provider;
mod limits;
mod origins;
mod policy;
mod registered_client;
mod registration;
mod route;
mod secret_name;
mod upstream;

use gatehouse_protocol::{OwnPath, PrivateUseScheme, RedirectRules, ResourceUri, WebOrigin};

pub use error::{ConfigurationError, Problem};
pub use identity_provider::{
    AccessRules, AssertionSource, EntraProfile, IdentityProvider, ProviderAuthentication, ProviderProfile,
};
pub use limits::{Counted, Limits, Rate};
pub use origins::AllowedOrigins;
pub use policy::{Effect, Pattern, Policy, Rule, What, Who};
pub use registered_client::{ClientKeys, GrantType, RegisteredAuthentication, RegisteredClient};
pub use registration::{ClientDocuments, Registration, SignIns};
pub use route::{Member, Prefix, Route, RoutePath, Servers};
pub use secret_name::SecretName;
pub use upstream::{Timeouts, Transport, Upstream};

/// The setting that holds the document.
pub const SETTING: &str = "config";
/// Behind a route's path: the event stream of the transport of 2024-11-05. At the root, too, where there is one route.
pub const LEGACY_SSE: &str = "/sse";
/// Behind a route's path: where messages go in the transport of 2024-11-05. At the root, too, where there is one route.
pub const LEGACY_MESSAGE: &str = "/message";
/// The setting that holds the server keys: a secret, and therefore never part of the document.
pub const SERVER_KEYS_SETTING: &str = "server_keys";

/// All that an operator can decide.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Where clients reach Gatehouse: also the issuer. Never taken from a request's headers, which an attacker writes.
    pub public_url: WebOrigin,
    /// The browser origins that may call the MCP endpoints.
    pub allowed_origins: AllowedOrigins,
    /// How long codes and tokens live.
    pub lifetimes: Lifetimes,
    /// Dynamic client registration (RFC 7591).
    pub registration: Registration,
    /// Users who are sent to an identity provider.
    pub sign_ins: SignIns,
    /// Client ID metadata documents.
    pub client_documents: ClientDocuments,
    /// The private-use schemes that redirect URIs may have (RFC 8252, section 7.1), such as `cursor`.
    pub private_use_schemes: Vec<PrivateUseScheme>,
    /// Clients that need not register.
    pub clients: Vec<RegisteredClient>,
    /// Where users sign in; at least one, each with a name of its own.
    pub identity_providers: Vec<IdentityProvider>,
    /// The MCP endpoints; at least one, each with a path of its own.
    pub routes: Vec<Route>,
    /// The most requests that may last at once, of all routes and subjects together: open streams, and calls that have
    /// waited for a server for more than a second.
    pub long_requests: u32,
}

/// How long things live, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// An access token. Short: until it ends, a copied one works.
    pub access_token: u64,
    /// A session, from sign-in to the last refresh.
    pub session: u64,
    /// A remembered consent. 0 means that none is remembered.
    pub consent: u64,
}

impl Configuration {
    /// Where identity providers send users back to.
    pub fn callback_url(&self) -> String {
        self.public_url.join(OwnPath::Callback.as_str())
    }

    /// The most requests of one subject that may last at once, at all routes together: a quarter of all, so that four are
    /// needed to take every place.
    pub fn long_requests_of_subject(&self) -> u32 {
        self.long_requests.div_ceil(4)
    }

    /// What a redirect URI must be.
    pub fn redirect_rules(&self) -> RedirectRules {
        RedirectRules { own: self.public_url.clone(), private_use_schemes: self.private_use_schemes.clone() }
    }

    /// The route that a resource indicator (RFC 8707) is for: that of its endpoint, or of its event stream for clients of
    /// 2024-11-05, who call another URL and ask for a token for that one.
    pub fn route_of(&self, resource: &ResourceUri) -> Option<&Route> {
        let is = |url: String| ResourceUri::parse(&url).is_ok_and(|own| own == *resource);
        let root = match self.routes.as_slice() {
            [only] if only.legacy_sse && is(self.public_url.join(LEGACY_SSE)) => Some(only),
            _ => None,
        };
        root.or_else(|| {
            self.routes.iter().find(|route| {
                let path = self.public_url.join(route.path.as_str());
                route.legacy_sse && is(format!("{path}{LEGACY_SSE}")) || is(path)
            })
        })
    }

    /// The resource indicator of a route: the audience of its tokens, whichever of its URLs a client named.
    pub fn resource_of(&self, route: &Route) -> Option<ResourceUri> {
        ResourceUri::parse(&self.public_url.join(route.path.as_str())).ok()
    }

    /// The audience that a client means by this resource: the route's own, whichever of its URLs is named. What names no
    /// route stays as it is; nothing is ever granted for it.
    pub fn audience_of(&self, resource: ResourceUri) -> ResourceUri {
        self.route_of(&resource).and_then(|route| self.resource_of(route)).unwrap_or(resource)
    }

    /// The identity provider with this name.
    pub fn identity_provider(&self, name: &str) -> Option<&IdentityProvider> {
        self.identity_providers.iter().find(|provider| provider.name == name)
    }

    /// Parses and checks the document: JSON where it starts with `{`, TOML otherwise.
    ///
    /// # Errors
    /// Every problem names the key, what is wrong with its value, and what a right one looks like.
    pub fn parse(text: &str) -> Result<Self, ConfigurationError> {
        document::parse(text)?.check()
    }
}

#[cfg(test)]
mod tests;
