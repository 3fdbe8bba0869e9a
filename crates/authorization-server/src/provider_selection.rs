//! The choice of an identity provider, where there are several: the request in the user's hands, until they have said
//! where they want to sign in.

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_sealed_storage::sealing::{KeyRing, Purpose, Unopenable};
use gatehouse_storage::Store;
use serde::{Deserialize, Serialize};

use crate::authorization::{AuthorizationRequest, RequestText};
use crate::browser::Browser;
use crate::page::{self, PageRejection, ReturnedTicket};

const TICKET: Purpose = "choice-ticket";

/// What the choice is for.
#[derive(Clone, Debug)]
pub struct ProviderSelection {
    /// What the client asked for.
    pub request: AuthorizationRequest,
    /// Whether a remembered consent may answer it once the provider is known
    /// ([`may_be_remembered`](crate::remembered_consent::may_be_remembered)). It follows from how the browser came to
    /// the authorization endpoint; that the choice itself comes from our own page says nothing.
    pub may_be_remembered: bool,
    /// Whether an approval for everybody may answer it
    /// ([`may_go_unasked`](crate::preauthorization::may_go_unasked)).
    pub may_go_unasked: bool,
}

#[derive(Serialize, Deserialize)]
struct ChoiceText {
    request: RequestText,
    may_be_remembered: bool,
    #[serde(default)]
    may_go_unasked: bool,
}

impl ProviderSelection {
    /// Seals the choice for the page that `browser` is shown.
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
        let Self { may_be_remembered, may_go_unasked, .. } = *self;
        let text = ChoiceText { request: self.request.to_text(), may_be_remembered, may_go_unasked };
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
        configuration: &Configuration,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<(Self, ReturnedTicket), PageRejection> {
        let (text, returned): (ChoiceText, _) = page::open(TICKET, &[&browser.digest()], ticket, keys, now)?;
        let request = AuthorizationRequest::restore(&text.request, configuration, keys, store, now)?;
        let ChoiceText { may_be_remembered, may_go_unasked, .. } = text;
        Ok((Self { request, may_be_remembered, may_go_unasked }, returned))
    }
}

#[cfg(test)]
mod tests;
