//! What a page of ours carries in a hidden field: sealed, for a quarter of an hour, for the browser that was shown it.
//!
//! That is also what protects the forms against cross-site request forgery: another site can neither read a ticket nor
//! use its own with the victim's cookie.

use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_sealing::{KeyRing, Purpose, Unopenable};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::authorization::UnboundRejection;

/// Seconds for which a page can be answered.
const TICKET_SECONDS: u64 = 15 * 60;

/// Why an answer to a page does not count. It is shown, never redirected.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PageRejection {
    /// Forged, altered, of another page, or shown to somebody else.
    #[error("the page was not made for this browser, or was altered")]
    Foreign,
    /// The page stood open for too long.
    #[error("the page has expired")]
    Expired,
    /// The operator has taken away, while the user was deciding, where they wanted to sign in.
    #[error("the identity provider is not, or no longer, one of ours")]
    UnknownProvider,
    /// The client has changed meanwhile.
    #[error(transparent)]
    Unbound(#[from] UnboundRejection),
}

#[derive(Serialize, Deserialize)]
struct Ticket<T> {
    content: T,
    expires_at: u64,
}

/// Seals `content` for a page; `shown_to` is what must be known of whoever sends it back.
pub(crate) fn seal<T: Serialize>(
    purpose: Purpose,
    shown_to: &[&str],
    content: &T,
    keys: &KeyRing,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<String, Unopenable> {
    let ticket = Ticket { content, expires_at: now.plus(TICKET_SECONDS).seconds() };
    let text = serde_json::to_vec(&ticket).map_err(|_| Unopenable)?;
    keys.seal(purpose, shown_to, &text, entropy)
}

/// What was sealed for the same page and the same people.
pub(crate) fn open<T: DeserializeOwned>(
    purpose: Purpose,
    shown_to: &[&str],
    ticket: &str,
    keys: &KeyRing,
    now: UnixTime,
) -> Result<T, PageRejection> {
    let text = keys.open(purpose, shown_to, ticket).map_err(|_| PageRejection::Foreign)?;
    let ticket: Ticket<T> = serde_json::from_slice(&text).map_err(|_| PageRejection::Foreign)?;
    if now.seconds() >= ticket.expires_at {
        return Err(PageRejection::Expired);
    }
    Ok(ticket.content)
}
