//! The keys that are good at a route.

use gatehouse_protocol::{Scopes, SecretBytes, UnixTime};
use http::HeaderName;

use crate::SecretName;

/// Callers of a route who show a key in place of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeys {
    /// The header that the key is in.
    pub header: HeaderName,
    /// Those that stand in the configuration.
    pub keys: Vec<ConfiguredKey>,
    /// The one that administrators fetch and replace.
    pub session_pool: Option<SessionPool>,
    /// What the caller with the key of the session pool may ask for.
    pub scopes: Scopes,
    /// How many wrong keys are answered with 401 in a minute.
    pub failures_per_minute: u32,
}

/// A key in the configuration. The key itself is not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredKey {
    /// What its caller is called.
    pub label: String,
    /// The SHA-256 of the key.
    pub sha256: SecretBytes<32>,
    /// From then on it is refused.
    pub expires: Option<UnixTime>,
    /// What the caller may ask for.
    pub scopes: Scopes,
}

/// The key that administrators fetch and replace, by the names that Azure has for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPool {
    /// The pool's name in the paths of the administrators, and what the caller is called.
    pub name: String,
    /// Who may fetch and replace the key; at least one.
    pub administrators: Vec<Administrator>,
    /// Seconds for which the former key is good after it was replaced.
    pub validation_seconds: u64,
    /// How many wrong administrators are answered with 401 in a minute.
    pub failures_per_minute: u32,
}

/// Somebody who may fetch and replace the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administrator {
    /// What the log calls them.
    pub label: String,
    /// The variable with their bearer token.
    pub secret: SecretName,
}
