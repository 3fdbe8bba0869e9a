//! The configuration document: one TOML or JSON text, parsed into values that need no further checking.
//!
//! Secrets are not in it. Where one is needed, the document names the setting that holds it
//! (`{ secret = "identity_provider_secret" }`), so that it can be shown, committed and compared.

mod document;
mod error;
mod identity_provider;
mod origins;
mod registered_client;
mod secret_name;
mod upstream;

use gatehouse_protocol::WebOrigin;

pub use error::{ConfigurationError, Problem};
pub use identity_provider::IdentityProvider;
pub use origins::AllowedOrigins;
pub use registered_client::RegisteredClient;
pub use secret_name::SecretName;
pub use upstream::{RoutePath, Upstream};

/// The setting that holds the document.
pub const SETTING: &str = "config";
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
    /// Whether unknown clients may register (RFC 7591).
    pub registration_enabled: bool,
    /// Clients that need not register.
    pub clients: Vec<RegisteredClient>,
    /// Where users sign in.
    pub identity_provider: IdentityProvider,
    /// The MCP servers behind the gateway; at least one, each with a path of its own.
    pub upstreams: Vec<Upstream>,
}

/// How long things live, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// An access token. Short: until it ends, a copied one works.
    pub access_token: u64,
    /// A session, from sign-in to the last refresh.
    pub session: u64,
}

impl Configuration {
    /// Where identity providers send users back to.
    pub fn callback_url(&self) -> String {
        self.public_url.join("/callback")
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
