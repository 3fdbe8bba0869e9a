//! Consent: the request in the user's hands, until they have decided.
//!
//! Nothing is stored before somebody has approved; the page itself carries the request, sealed. It opens only
//! together with the cookie of the browser to which it was shown.

use gatehouse_configuration::IdentityProvider;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_sealed_storage::sealing::{KeyRing, Purpose, Unopenable};
use gatehouse_storage::Store;
use serde::{Deserialize, Serialize};

use crate::authorization::{AuthorizationRequest, RequestText};
use crate::browser::Browser;
use crate::page::{self, PageRejection, ReturnedTicket};

const TICKET: Purpose = "consent-ticket";

/// What the user is asked.
#[derive(Clone, Debug)]
pub struct ConsentRequest<'c> {
    /// What the client asked for.
    pub request: AuthorizationRequest,
    /// Where the user will sign in.
    pub provider: &'c IdentityProvider,
    /// How they approved before, where the provider then let them not in: another account may be tried without asking
    /// once more.
    pub approved: Option<Approval>,
}

/// How a request was approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Approval {
    /// On the page, for this request.
    Given {
        /// Whether the next request of the same kind need not be asked about in this browser.
        remember: bool,
    },
    /// Before, in this browser. Whose approval it was is known only when somebody has signed in.
    Remembered,
    /// On the page, for everybody: by an administrator, as whoever signs in must prove to be.
    ForEverybody,
    /// By an administrator, for everybody.
    ByAdministrator,
    /// By the operator, in the configuration.
    Preauthorized,
}

#[derive(Serialize, Deserialize)]
struct QuestionText {
    request: RequestText,
    provider: String,
    approved: Option<Approval>,
}

impl<'c> ConsentRequest<'c> {
    /// Seals the question for the page that `browser` is shown.
    ///
    /// # Errors
    /// Where it cannot be sealed.
    pub fn ticket(
        &self,
        browser: &Browser,
        keys: &KeyRing,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<String, Unopenable> {
        let text = QuestionText {
            request: self.request.to_text(),
            provider: self.provider.name.clone(),
            approved: self.approved,
        };
        page::seal(TICKET, &[&browser.digest()], &text, keys, now, entropy)
    }

    /// Opens the ticket that came back from `browser`, and binds its request anew.
    ///
    /// # Errors
    /// See [`PageRejection`].
    pub fn redeem(
        ticket: &str,
        browser: &Browser,
        keys: &KeyRing,
        configuration: &'c Configuration,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<(Self, ReturnedTicket), PageRejection> {
        let (text, returned): (QuestionText, _) = page::open(TICKET, &[&browser.digest()], ticket, keys, now)?;
        let request = AuthorizationRequest::restore(&text.request, configuration, keys, store, now)?;
        let provider = configuration.identity_provider(&text.provider).ok_or(PageRejection::UnknownProvider)?;
        Ok((Self { request, provider, approved: text.approved }, returned))
    }
}

#[cfg(test)]
mod tests;
