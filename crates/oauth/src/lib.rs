//! The authorization server's decisions: metadata, registration, authorization, consent, login, codes and tokens.
//!
//! A request goes through them in this order: [`authorization`] parses and binds it, [`consent`] keeps it in the
//! user's hands until they have decided, [`login`] keeps it while the identity provider asks who they are, [`code`]
//! hands the outcome to the client, and [`token`] turns it into a session. Each step consumes what the one before
//! made.

pub mod authorization;
pub mod browser;
pub mod client;
pub mod client_assertion;
pub mod client_authentication;
pub mod client_document;
pub mod client_keys;
pub mod code;
pub mod consent;
pub mod credentials;
mod error;
#[cfg(test)]
mod example;
mod fetched_url;
mod first_use;
pub mod grant;
pub mod login;
pub mod metadata;
pub mod presented_token;
mod record;
mod registered_client;
pub mod registration;
mod sealed_handle;
pub mod token;

pub use error::ErrorCode;
