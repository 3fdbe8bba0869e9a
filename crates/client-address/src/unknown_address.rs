//! Addresses that nobody knows.

use thiserror::Error;

/// Why nobody knows the address. The text is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UnknownAddress {
    /// The host tells none, and no proxy is trusted without it.
    #[error("this host does not tell who connects")]
    Host,
    /// A proxy that is trusted has not said it.
    #[error("the proxy has sent no address")]
    NotSaid,
    /// There are fewer entries than proxies.
    #[error("the request came through fewer proxies than trusted_proxies.hops")]
    TooFewHops,
    /// What a proxy should have written cannot be read.
    #[error("the header of trusted_proxies is malformed")]
    Malformed,
    /// A proxy says that it does not tell.
    #[error("a proxy keeps the address to itself")]
    Hidden,
}
