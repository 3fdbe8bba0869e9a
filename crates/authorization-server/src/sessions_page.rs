//! The account pages: who looks at their own sessions, for a quarter of an hour after they signed in.

use core::fmt;

use gatehouse_configuration::IdentityProvider;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{Entropy, SecretString, Subject, UnixTime, WebOrigin};
use gatehouse_sealed_storage::sealing::{KeyRing, Purpose, Unopenable};
use gatehouse_storage::{Store, StoreUnavailable};
use serde::{Deserialize, Serialize};

use crate::browser::Browser;
use crate::page::{self, PageRejection, ReturnedTicket};
use crate::signed_out::has_signed_out_since;

const COOKIE: Purpose = "account";
const TICKET: Purpose = "account-ticket";
const SIGN_IN_TICKET: Purpose = "sign-in-ticket";
/// Seconds. Who wants to look again signs in again; most identity providers do not even ask then.
const ACCOUNT_SECONDS: u64 = 15 * 60;

/// Somebody who has signed in to see their sessions. It lives in a cookie alone.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedInUser {
    /// Who.
    pub subject: Subject,
    name: Option<String>,
    provider: String,
    administrator_role: Option<String>,
    operator_role: Option<String>,
    expires_at: UnixTime,
}

/// The subject and nothing else: the name is personal.
impl fmt::Debug for SignedInUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedInUser").field("subject", &self.subject).finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct SignedInUserText {
    subject: String,
    #[serde(default)]
    name: Option<String>,
    provider: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    administrator_role: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operator_role: Option<String>,
    expires_at: u64,
}

impl SignedInUser {
    /// `subject` has just signed in at `provider`, which calls them by this `name`.
    pub fn signed_in(subject: Subject, name: Option<&str>, provider: &IdentityProvider, now: UnixTime) -> Self {
        let (name, provider) = (name.map(str::to_owned), provider.name.clone());
        let expires_at = now.plus(ACCOUNT_SECONDS);
        Self { subject, name, provider, administrator_role: None, operator_role: None, expires_at }
    }

    /// The same, by whose claims `role` is one of the provider's administrator roles.
    #[must_use]
    pub fn with_administrator_role(self, role: Option<&str>) -> Self {
        Self { administrator_role: role.map(str::to_owned), ..self }
    }

    /// The same, by whose claims `role` is one of the provider's operator roles.
    #[must_use]
    pub fn with_operator_role(self, role: Option<&str>) -> Self {
        Self { operator_role: role.map(str::to_owned), ..self }
    }

    /// Whether they may open the administrator's page: where they signed in, they had one of the roles that are operators' now.
    /// Whoever loses the role there keeps the page until the cookie ends.
    pub fn is_operator(&self, configuration: &Configuration) -> bool {
        let provider = self.provider(configuration);
        let role = self.operator_role.as_ref();
        provider.zip(role).is_some_and(|(provider, role)| provider.operator_roles.contains(role))
    }

    /// The provider for all of whose users they may consent: the one where they signed in, if they had one of the roles that
    /// are administrators' now. Whoever loses the role stays one until the cookie ends.
    pub fn administrator_of<'c>(&self, configuration: &'c Configuration) -> Option<&'c IdentityProvider> {
        let role = self.administrator_role.as_ref()?;
        self.provider(configuration).filter(|provider| provider.administrator_roles.contains(role))
    }

    /// The cookie's name, protected as far as [`Browser::cookie_name`] is.
    pub fn cookie_name(public_url: &WebOrigin) -> &'static str {
        if public_url.is_plain_http() { "gatehouse-account" } else { "__Host-gatehouse-account" }
    }

    /// The cookie's value, good in `browser` only.
    ///
    /// # Errors
    /// Where it cannot be sealed.
    pub fn cookie_value(
        &self,
        browser: &Browser,
        keys: &KeyRing,
        entropy: &mut impl Entropy,
    ) -> Result<SecretString, Unopenable> {
        let text = SignedInUserText {
            subject: self.subject.to_string(),
            name: self.name.clone(),
            provider: self.provider.clone(),
            administrator_role: self.administrator_role.clone(),
            operator_role: self.operator_role.clone(),
            expires_at: self.expires_at.seconds(),
        };
        let text = serde_json::to_vec(&text).map_err(|_| Unopenable)?;
        keys.seal(COOKIE, &[&browser.digest()], &text, entropy).map(SecretString::new)
    }

    /// Seconds until the cookie ends.
    pub fn seconds_left(&self, now: UnixTime) -> u64 {
        now.seconds_until(self.expires_at)
    }

    /// The account behind a cookie's value; `None` where it is forged, of another browser, or has ended: then somebody
    /// has to sign in.
    pub fn open(cookie: &str, browser: &Browser, keys: &KeyRing, now: UnixTime) -> Option<Self> {
        let text = keys.open(COOKIE, &[&browser.digest()], cookie).ok()?;
        let text: SignedInUserText = serde_json::from_slice(&text).ok()?;
        let expires_at = UnixTime::from_seconds(text.expires_at);
        let subject = Subject::parse(&text.subject).ok()?;
        let SignedInUserText { name, provider, administrator_role, operator_role, .. } = text;
        (now < expires_at).then_some(Self { subject, name, provider, administrator_role, operator_role, expires_at })
    }

    /// Whether they have signed out everywhere since they signed in, or in the same second: then nobody is signed in.
    ///
    /// # Errors
    /// Where it cannot be known: then nobody is signed in, either.
    pub fn has_signed_out(&self, keys: &KeyRing, store: &impl Store) -> Result<bool, StoreUnavailable> {
        let signed_in_at = UnixTime::from_seconds(self.expires_at.seconds().saturating_sub(ACCOUNT_SECONDS));
        has_signed_out_since(signed_in_at, &self.subject, keys, store)
    }

    /// What the provider calls them, or else the account: for their own page and nothing else.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| self.subject.sub())
    }

    /// Where they signed in; `None` where the operator has taken that provider away: then nobody is signed in.
    pub fn provider<'c>(&self, configuration: &'c Configuration) -> Option<&'c IdentityProvider> {
        configuration.identity_provider(&self.provider)
    }

    /// The ticket of a form on a page that shows this account.
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
        page::seal(TICKET, &[&browser.digest(), self.subject.as_str()], &(), keys, now, entropy)
    }

    /// Makes sure that a form comes from a page that showed this account, in this browser.
    ///
    /// # Errors
    /// See [`PageRejection`].
    pub fn check(&self, ticket: &str, browser: &Browser, keys: &KeyRing, now: UnixTime) -> Result<(), PageRejection> {
        page::open(TICKET, &[&browser.digest(), self.subject.as_str()], ticket, keys, now).map(|((), _)| ())
    }
}

/// The ticket of the page on which somebody signs in to see their sessions.
///
/// # Errors
/// Where it cannot be sealed.
pub fn sign_in_ticket(
    browser: &Browser,
    keys: &KeyRing,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<String, Unopenable> {
    page::seal(SIGN_IN_TICKET, &[&browser.digest()], &(), keys, now, entropy)
}

/// Makes sure that a sign-in comes from our page in this browser: else another site could sign its own user in here
/// (login cross-site request forgery).
///
/// # Errors
/// See [`PageRejection`].
pub fn check_sign_in(
    ticket: &str,
    browser: &Browser,
    keys: &KeyRing,
    now: UnixTime,
) -> Result<ReturnedTicket, PageRejection> {
    page::open(SIGN_IN_TICKET, &[&browser.digest()], ticket, keys, now).map(|((), returned)| returned)
}

#[cfg(test)]
mod tests;
