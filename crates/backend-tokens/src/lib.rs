//! Tokens for what is behind the gateway, kept until they end, and got anew by one caller at a time in all instances.
//!
//! A token has a *place*: the names of its entries and the secret that seals them. A user's is derived from their session, so that
//! nobody opens it without a token of that session, and it goes when the session ends; the gateway's own is derived from a server
//! key. What a record holds counts only under the settings with which it was got: its *fingerprint* is in it.
//!
//! A record is a token, or that somebody refused to give one: who asks again and again must not have us ask again and again.

mod place;
mod record;
mod state;

pub use place::{GATEWAY_SECONDS, TokenKinds, TokenPlace, USER_PLACES};
pub use record::{GivenToken, Refused, RefusedBy};
pub use state::{DueToken, Rejection, TokenClaim, TokenLease, TokenState};

#[cfg(test)]
mod tests;
