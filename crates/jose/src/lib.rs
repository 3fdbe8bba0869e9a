//! Signed tokens (JSON Web Signature, RFC 7515; JSON Web Token, RFC 7519), verified and made.
//!
//! Three kinds of them reach Gatehouse: id_tokens, clients' assertions (RFC 7523) and identity assertions (ID-JAG). What
//! is the same for all is here: [`SignedToken`] is read, and verified with a [`KeySet`]; [`TimeClaims`] judges its times.
//! What a claim must say is decided by the crate that asked for the token. A [`SigningKey`] makes the assertions with
//! which Gatehouse authenticates elsewhere.
//!
//! The token format is that of `jwt-compact`: compact form, headers, claims and time claims are its types, and the
//! algorithms are our implementations of its trait over the RustCrypto crates. None of its types is in a signature of ours.
//!
//! Texts of rejections are predicates ("is signed with …"): whoever shows one puts the kind of token in front.

mod algorithm;
mod claims;
#[cfg(test)]
mod example;
mod key_set;
mod members;
mod private_key;
mod public_jwk;
mod public_key;
mod signature;
mod signed_token;
mod signer;
mod signing_key;
mod signing_rejection;
mod time_claims;

pub use algorithm::SigningAlgorithm;
pub use claims::Audience;
pub use key_set::{KeyRejection, KeySet, KeySetRejection};
pub use public_jwk::PublicJwk;
pub use signed_token::{SignedToken, TokenRejection, VerifiedClaims};
pub use signing_key::{SigningHeader, SigningKey};
pub use signing_rejection::SigningRejection;
pub use time_claims::{LEEWAY_SECONDS, TimeClaims, TimeRejection, TimeRules};
