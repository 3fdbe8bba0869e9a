//! Connections to APIs of others: accounts that users link, and the tokens that act in them.
//!
//! The crate makes requests to an OAuth server and judges its answers; a component sends the one and fetches the other. A link is, in
//! order:
//!
//! 1. [`Server::of`], or [`places`] and [`Server::parse`]: where the server's endpoints are.
//! 2. [`authorization_url`]: where to send the browser.
//! 3. [`code_request`], [`LinkedTokens::parse`]: the code becomes tokens.
//! 4. [`Links::put`]: they are kept, sealed, for one [`Owner`] and one connection.
//!
//! Later, [`Links::find`] and [`Link::state`] tell how the access token is; one caller at a time renews it ([`Link::claim`],
//! [`refresh_request`], [`TokenLease::complete`]). [`Links::remove`] and [`revocation_requests`] end a link.
//!
//! Requests carry secrets in their bodies and headers: they must never be logged.

mod link;
mod links;
mod renewal;
mod requests;
mod server;
mod tokens;

pub use link::{Link, LinkFacts};
pub use links::{LINK_DAYS, Links, Owner, is_link};
pub use renewal::{DueTokens, LinkState, TokenClaim, TokenLease};
pub use requests::{authorization_url, code_request, refresh_request, revocation_requests};
pub use server::{Server, places};
pub use tokens::{LinkedTokens, NotLinked};
