//! Sessions: opened by redeeming a code, carried on by refresh tokens, validated on every request, ended by deleting
//! their records.
//!
//! A session has a *root*: a random secret and an end. From the root and a generation number come the secrets of the
//! access tokens, so that two concurrent refreshes of one token arrive at the same successor without having to agree
//! on it. From the root comes also the session's *name*, a secret of its own, and from the name those of all its
//! records: every token leads to it, and so does the directory of the subject. Whoever has the name can end the
//! session and see through which client it goes, and can do nothing in its place. `docs/storage.md` shows the records.

mod browser;
mod ending;
mod listing;
mod name;
mod principal;
mod provider_records;
mod provider_tokens;
mod record;
mod rejection;
mod sessions;
mod summary;
mod token_facts;
mod tokens;

pub use browser::{Device, SessionBrowser, SessionBrowserText};
pub use listing::Listing;
pub use name::SessionRoot;
pub use principal::{Principal, ProviderTokens};
pub use provider_tokens::{Due, Lease, ProviderGrant, ProviderTokenState, RefreshClaim, RefreshedTokens};
pub use rejection::Rejection;
pub use sessions::{Opening, RefreshRequest, Sessions, Validated, ValidationRequest};
pub use summary::Summary;
pub use token_facts::{Introspection, Revocation, TokenKind};
pub use tokens::{AccessTokenTerms, Tokens};

use name::SessionName;

#[cfg(test)]
mod example;
