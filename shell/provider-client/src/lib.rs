//! Conversations with identity providers: what the `openid` crate asks and judges, sent and answered.
//!
//! A [`ProviderClient`] keeps the provider's metadata and keys in the store, sealed, for as long as HTTP lets them be
//! kept. Everything else is asked anew each time.

mod client;
mod credentials;
mod documents;
mod failure;
mod host;
#[cfg(test)]
mod tests;

pub use client::{ProviderClient, Refreshed, SignedIn};
pub use failure::{AssertionFailure, Failure, RefreshFailure};
pub use host::{ComponentHost, Host};
