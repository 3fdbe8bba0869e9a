//! The sign-in of a browser, without a client: what Azure App Service has below `/.auth`.
//!
//! It is a session like any other: made after a sign-in at the identity provider, judged by the same rules, listed on the sessions page
//! and ended there. Its access token is in a cookie that only our own pages bring along, and is for no route: the gateway takes it from
//! the cookie, and only at routes that take browsers. Its refresh token is in another one, sealed to the browser.

use core::fmt;

use gatehouse_configuration::IdentityProvider;
use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_protocol::{
    Actors, BROWSER_CLIENT_ID, Claims, ClientId, ClientName, Entropy, ResourceUri, Scope, Scopes, SecretString,
    Subject, UnixTime, WebOrigin, parsed_browser_resource,
};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing, Purpose, Unopenable};
use gatehouse_sessions::{AccessTokenTerms, Opening, Principal, ProviderTokens, SessionBrowser, SessionRoot};
use serde::{Deserialize, Serialize};

use crate::browser::Browser;
use crate::page::{self, PageRejection};

const COOKIE: Purpose = "browser-sign-in";
const TICKET: Purpose = "browser-sign-out-ticket";
/// What the session is called where nobody translates it.
const CLIENT_NAME: &str = "Browser";
/// A scope that no route asks for, where none takes browsers: a session has at least one.
const NO_ROUTE: &str = "browser";

/// What is in the cookie beside that of the access token.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedInBrowser {
    /// What lets the sign-in last longer.
    pub refresh_token: SecretString,
    /// The provider's name.
    pub provider: String,
    /// What the provider calls the user. It is in the store of nobody but the browser.
    pub name: Option<String>,
    /// When the access token ends.
    pub ends_at: UnixTime,
}

#[derive(Serialize, Deserialize)]
struct SignedInBrowserText {
    refresh_token: String,
    provider: String,
    name: Option<String>,
    ends_at: u64,
}

/// The provider and nothing else.
impl fmt::Debug for SignedInBrowser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedInBrowser").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl SignedInBrowser {
    /// The cookie's name, protected as far as [`Browser::cookie_name`] is.
    pub fn cookie_name(public_url: &WebOrigin) -> &'static str {
        if public_url.is_plain_http() { "gatehouse-sign-in" } else { "__Host-gatehouse-sign-in" }
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
        let text = SignedInBrowserText {
            refresh_token: self.refresh_token.expose().to_owned(),
            provider: self.provider.clone(),
            name: self.name.clone(),
            ends_at: self.ends_at.seconds(),
        };
        let text = serde_json::to_vec(&text).map_err(|_| Unopenable)?;
        keys.seal(COOKIE, &[&browser.digest()], &text, entropy).map(SecretString::new)
    }

    /// What is in the cookie; `None` where it is forged, or of another browser.
    pub fn open(cookie: &str, browser: &Browser, keys: &KeyRing) -> Option<Self> {
        let text = keys.open(COOKIE, &[&browser.digest()], cookie).ok()?;
        let text: SignedInBrowserText = serde_json::from_slice(&text).ok()?;
        Some(Self {
            refresh_token: SecretString::new(text.refresh_token),
            provider: text.provider,
            name: text.name,
            ends_at: UnixTime::from_seconds(text.ends_at),
        })
    }
}

/// How access tokens of such sessions are issued.
pub const fn terms(configuration: &Configuration) -> AccessTokenTerms {
    AccessTokenTerms { lifetime: configuration.browser_sign_in.lifetime, self_contained: false }
}

/// Whether this is what such sessions are for.
pub fn is_browser_resource(resource: &ResourceUri, configuration: &Configuration) -> bool {
    parsed_browser_resource(&configuration.public_url).as_ref() == Some(resource)
}

/// The session of a browser in which `subject` has signed in, of whom the provider says `claims`; and what names it. It has the scopes
/// that the routes need which take browsers, and none by which rules allow more. `None` only if the names were wrong.
pub fn opening(
    configuration: &Configuration,
    subject: Subject,
    claims: Claims,
    browser: SessionBrowser,
    provider_tokens: ProviderTokens,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Option<(SessionRoot, Opening)> {
    let expires_at = now.plus(configuration.lifetimes.session);
    let root = SessionRoot { secret: HandleSecret::generate(entropy), expires_at };
    let taking = configuration.routes.iter().filter(|route| route.takes_browsers);
    let scopes: Scopes = taking.flat_map(|route| route.scopes.iter()).cloned().collect();
    let scopes = if scopes.is_empty() { [Scope::parse(NO_ROUTE).ok()?].into_iter().collect() } else { scopes };
    let resource = parsed_browser_resource(&configuration.public_url)?;
    let client_id = ClientId::parse(BROWSER_CLIENT_ID).ok()?;
    let claims = configuration.kept_claims(claims, &resource);
    let opening = Opening {
        principal: Principal { subject, client_id, resource, scopes, claims, actors: Actors::default() },
        client_name: ClientName::parse(CLIENT_NAME).ok()?,
        browser: Some(browser),
        provider_tokens,
        access_tokens: terms(configuration),
        refreshable: true,
        listed: true,
    };
    Some((root, opening))
}

/// The provider that a path names: by its name in the configuration, or `aad`, as App Service calls Entra, where one provider is.
pub fn named_provider<'c>(name: &str, configuration: &'c Configuration) -> Option<&'c IdentityProvider> {
    let mut of_entra = configuration.identity_providers.iter().filter(|provider| is_entra(provider));
    let mut only_entra = || of_entra.next().filter(|_| of_entra.next().is_none());
    configuration.identity_provider(name).or_else(|| if name == AAD { only_entra() } else { None })
}

/// What App Service calls the provider.
pub fn shown_name(provider: &IdentityProvider) -> &str {
    if is_entra(provider) { AAD } else { &provider.name }
}

/// App Service's name of Microsoft Entra ID.
const AAD: &str = "aad";

fn is_entra(provider: &IdentityProvider) -> bool {
    matches!(provider.profile, gatehouse_configuration::ProviderProfile::Entra(_))
}

/// The ticket of the page that asks whether the browser is to be signed out.
///
/// # Errors
/// Where it cannot be sealed.
pub fn sign_out_ticket(
    browser: &Browser,
    keys: &KeyRing,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<String, Unopenable> {
    page::seal(TICKET, &[&browser.digest()], &(), keys, now, entropy)
}

/// Makes sure that a form comes from that page in this browser.
///
/// # Errors
/// See [`PageRejection`].
pub fn check_sign_out(ticket: &str, browser: &Browser, keys: &KeyRing, now: UnixTime) -> Result<(), PageRejection> {
    page::open(TICKET, &[&browser.digest()], ticket, keys, now).map(|((), _)| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::{START, World, key_ring};

    #[test]
    fn the_cookie_opens_in_its_own_browser_and_nowhere_else() {
        let mut world = World::new();
        let own = SignedInBrowser {
            refresh_token: SecretString::new("r".to_owned()),
            provider: "demo".to_owned(),
            name: Some("Alice".to_owned()),
            ends_at: START,
        };
        let (browser, other) = (world.browser.clone(), world.another_browser());
        let value = own.cookie_value(&browser, &world.keys, &mut world.entropy).unwrap();
        let open = |browser: &Browser, keys: &KeyRing| SignedInBrowser::open(value.expose(), browser, keys);
        assert_eq!(open(&browser, &world.keys), Some(own.clone()));
        assert_eq!(open(&other, &world.keys), None);
        assert_eq!(open(&browser, &key_ring('B')), None);
        assert!(!format!("{own:?}").contains("Alice"), "{own:?}");
    }

    #[test]
    fn aad_is_the_one_provider_that_is_entra_unless_one_has_that_name() {
        let mut configuration = crate::example::configuration_with_two_providers();
        assert!(named_provider("aad", &configuration).is_none());
        let entra = gatehouse_configuration::EntraProfile {
            authority: "https://login.example".to_owned(),
            tenant: "common".to_owned(),
            graph: "https://graph.example".to_owned(),
        };
        let profile = gatehouse_configuration::ProviderProfile::Entra(entra);
        configuration.identity_providers[1].profile = profile.clone();
        assert_eq!(named_provider("aad", &configuration).unwrap().name, "other");
        assert_eq!(named_provider("demo", &configuration).unwrap().name, "demo");
        configuration.identity_providers[0].profile = profile;
        assert!(named_provider("aad", &configuration).is_none(), "two of them");
        configuration.identity_providers[0].name = "aad".to_owned();
        assert_eq!(named_provider("aad", &configuration).unwrap().name, "aad");
        for name in ["", "AAD", "demo/", "..", "nobody"] {
            assert!(named_provider(name, &configuration).is_none(), "{name}");
        }
    }
}
