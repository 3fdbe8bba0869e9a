//! The authorization server's decisions: metadata, registration, authorization, consent, login, codes and tokens.
//!
//! A request goes through them in this order: [`arrival`] says how it came, [`authorization`] parses and binds it, [`provider_selection`] and [`consent`] keep it in
//! the user's hands until they have decided ([`remembered_consent`], [`administrator_consent`] and [`preauthorization`] may have it
//! decided already), [`login`] keeps it while
//! the identity provider asks who they are, [`code`] hands the outcome to the client, and [`token`] turns it into a
//! session. Each step consumes what the one before made. [`sessions_page`] is the user's own way in, to what they have allowed;
//! [`token_page`] gives them an access token by hand; [`browser_sign_in`] signs their browser in;
//! [`signed_out`] ends what is under way when they take all of it back.
//!
//! [`client`] finds clients, wherever they are known from. Those that call an endpoint themselves are held against it by
//! [`credentials`]; what they may have without a user at hand is decided by [`grant`], and for tokens of others
//! by [`exchange`].

pub mod administration;
pub mod administrator_consent;
pub mod arrival;
pub mod authorization;
pub mod browser;
pub mod browser_sign_in;
pub mod caller_assertion;
pub mod client;
pub mod client_assertion;
pub mod client_authentication;
pub mod client_document;
pub mod client_keys;
mod client_lookup;
pub mod code;
pub mod connection_login;
pub mod consent;
pub mod credentials;
mod error;
#[cfg(test)]
mod example;
pub mod exchange;
pub mod exchange_request;
pub mod fetched_url;
pub mod fetches;
mod first_use;
pub mod grant;
mod hourly;
pub mod language;
pub mod login;
pub mod metadata;
pub mod page;
pub mod preauthorization;
pub mod presented_token;
pub mod provider_selection;
mod record;
mod registered_client;
pub mod registration;
pub mod remembered_consent;
pub mod return_address;
mod sealed_handle;
pub mod session_pools;
pub mod sessions_page;
pub mod signed_out;
pub mod token;
pub mod token_page;

pub use error::{ErrorCode, error_description};
