//! Sessions: opened by redeeming a code, carried on by refresh tokens, validated on every request, ended by deleting
//! their records.
//!
//! A session has a *root*: a random secret and an end. From the root and a generation number come the secrets of the
//! access tokens, so that two concurrent refreshes of one token arrive at the same successor without having to agree
//! on it, and so that whoever holds the root can name, and end, everything that was issued. `docs/storage.md` shows
//! the records.

mod handle;
mod principal;
mod record;
mod rejection;
mod sessions;
mod tokens;

pub use handle::{InvalidHandle, bind_handle, open_handle};
pub use principal::{Principal, UpstreamTokens};
pub use rejection::Rejection;
pub use sessions::{RefreshRequest, SessionRoot, Sessions};
pub use tokens::Tokens;
