//! Consent: the request in the user's hands, until they have decided.
//!
//! Nothing is stored before somebody has approved; the page itself carries the request, sealed. It opens only
//! together with the cookie of the browser to which it was shown, which is also what protects the form against
//! cross-site request forgery: another site can neither read a ticket nor use its own with the victim's cookie.

use gatehouse_configuration::Configuration;
use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_sealing::{KeyRing, Purpose, Unopenable};
use gatehouse_storage::Store;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::authorization::{AuthorizationRequest, RequestText, UnboundRejection};
use crate::browser::Browser;

const TICKET: Purpose = "consent-ticket";
/// Seconds for which a consent page can be answered.
const TICKET_SECONDS: u64 = 15 * 60;

#[derive(Serialize, Deserialize)]
struct TicketText {
    request: RequestText,
    expires_at: u64,
}

/// Why an answer to the consent page does not count.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ConsentRejection {
    /// Forged, altered, or shown to another browser.
    #[error("the page was not made for this browser, or was altered")]
    Foreign,
    /// The page stood open for too long.
    #[error("the page has expired")]
    Expired,
    /// The client has changed meanwhile.
    #[error(transparent)]
    Unbound(#[from] UnboundRejection),
}

/// Seals `request` for the page that `browser` is shown.
///
/// # Errors
/// Where the request cannot be sealed.
pub fn ticket(
    request: &AuthorizationRequest,
    browser: &Browser,
    keys: &KeyRing,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<String, Unopenable> {
    let text = TicketText { request: request.to_text(), expires_at: now.plus(TICKET_SECONDS).seconds() };
    let text = serde_json::to_vec(&text).map_err(|_| Unopenable)?;
    keys.seal(TICKET, &[&browser.digest()], &text, entropy)
}

/// Opens the ticket that came back from `browser`, and binds its request anew.
///
/// # Errors
/// See [`ConsentRejection`]: to be shown, never redirected.
pub fn redeem(
    ticket: &str,
    browser: &Browser,
    keys: &KeyRing,
    configuration: &Configuration,
    store: &impl Store,
    now: UnixTime,
) -> Result<AuthorizationRequest, ConsentRejection> {
    let text = keys.open(TICKET, &[&browser.digest()], ticket).map_err(|_| ConsentRejection::Foreign)?;
    let text: TicketText = serde_json::from_slice(&text).map_err(|_| ConsentRejection::Foreign)?;
    if now.seconds() >= text.expires_at {
        return Err(ConsentRejection::Expired);
    }
    Ok(AuthorizationRequest::restore(&text.request, configuration, keys, store, now)?)
}

#[cfg(test)]
mod tests;
