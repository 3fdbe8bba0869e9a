//! The configuration document: one TOML or JSON text, parsed into values that need no further checking.
//!
//! Secrets are not in it. Where one is needed, the document names the setting that holds it
//! (`{ secret = "identity_provider_secret" }`), so that it can be shown, committed and compared.

pub mod authorization_server;
mod compiled;
mod configured_urls;
mod document;
mod error;
pub mod gateway;
mod identity_provider;
mod limits;
mod origins;
mod policy;
mod registered_client;
mod registration;
mod route;
mod secret_name;
mod source;
mod upstream;

pub use compiled::{CompiledError, compile};
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
pub use source::{Part, Source};
pub use upstream::{Timeouts, Transport, Upstream};

/// The setting that holds the document.
pub const SETTING: &str = "config";
/// Behind a route's path: the event stream of the transport of 2024-11-05. At the root, too, where there is one route.
pub const LEGACY_SSE: &str = "/sse";
/// Behind a route's path: where messages go in the transport of 2024-11-05. At the root, too, where there is one route.
pub const LEGACY_MESSAGE: &str = "/message";
/// The setting that holds the server keys: a secret, and therefore never part of the document.
pub const SERVER_KEYS_SETTING: &str = "server_keys";

/// All that an operator can decide, in the parts that are read of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// What the gateway needs at every route.
    pub gateway: gateway::Configuration,
    /// What the authorization server needs.
    pub authorization_server: authorization_server::Configuration,
    /// The MCP endpoints; at least one, each with a path of its own.
    pub routes: Vec<Route>,
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
    /// Parses and checks the document: JSON where it starts with `{`, TOML otherwise.
    ///
    /// # Errors
    /// Every problem names the key, what is wrong with its value, and what a right one looks like.
    pub fn parse(text: &str) -> Result<Self, ConfigurationError> {
        Ok(document::parse(text)?.divide()?.1)
    }
}

#[cfg(test)]
mod tests;
