//! Conversations with identity providers, and with issuers of access tokens: what the `openid` crate asks and judges, sent and
//! answered.
//!
//! A [`ProviderClient`] keeps the provider's metadata and keys in the store, sealed, for as long as HTTP lets them be
//! kept. Everything else is asked anew each time.

mod client;
mod credentials;
mod documents;
mod failure;
mod host;
mod issuer_client;
#[cfg(test)]
mod tests;

pub use client::{ProviderClient, Refreshed, SignedIn};
pub use failure::{AssertionFailure, ExternalTokenFailure, Failure, RefreshFailure, WorkloadFailure};
pub use host::{ComponentHost, Host};
pub use issuer_client::{Asker, IssuerClient, Verified};
