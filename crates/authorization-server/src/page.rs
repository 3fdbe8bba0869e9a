//! What a page of ours carries in a hidden field: sealed, for a quarter of an hour, for the browser that was shown it.
//!
//! That is also what protects the forms against cross-site request forgery: another site can neither read a ticket nor
//! use its own with the victim's cookie.
//!
//! Nothing is stored for a page, so nothing says that its ticket was used. But each has a secret of its own, and what its
//! answer begins is found by that: the second answer finds what the first has begun.

use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing, Purpose, Unopenable};
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

/// A ticket that came back, apart from what it carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnedTicket {
    /// The page's own secret, which nobody but us knows.
    pub(crate) secret: HandleSecret,
    /// From this second on it does not come back any more.
    pub(crate) expires_at: UnixTime,
}

#[derive(Serialize, Deserialize)]
struct Ticket<T> {
    content: T,
    secret: Vec<u8>,
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
    let secret = HandleSecret::generate(entropy).expose().to_vec();
    let ticket = Ticket { content, secret, expires_at: now.plus(TICKET_SECONDS).seconds() };
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
) -> Result<(T, ReturnedTicket), PageRejection> {
    let text = keys.open(purpose, shown_to, ticket).map_err(|_| PageRejection::Foreign)?;
    let ticket: Ticket<T> = serde_json::from_slice(&text).map_err(|_| PageRejection::Foreign)?;
    let expires_at = UnixTime::from_seconds(ticket.expires_at);
    if now >= expires_at {
        return Err(PageRejection::Expired);
    }
    let secret = HandleSecret::from_slice(&ticket.secret).ok_or(PageRejection::Foreign)?;
    Ok((ticket.content, ReturnedTicket { secret, expires_at }))
}
