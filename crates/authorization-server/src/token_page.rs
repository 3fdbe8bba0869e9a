//! The page on which a person gets an access token by hand, for a program that cannot sign in by itself.
//!
//! Such a token is one of any other session of theirs: made after a sign-in at the identity provider, judged by the same rules,
//! for one route, listed on the sessions page and ended there. It cannot be refreshed.

use gatehouse_configuration::authorization_server::{Configuration, Route};
use gatehouse_protocol::{
    Actors, Claims, ClientId, ClientName, Entropy, ResourceUri, Scope, Scopes, Subject, UnixTime,
};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing, Purpose, Unopenable};
use gatehouse_sessions::{AccessTokenTerms, Opening, Principal, ProviderTokens, SessionBrowser, SessionRoot};
use serde::{Deserialize, Serialize};

use crate::authorization::UnboundRejection;
use crate::browser::Browser;
use crate::page::{self, PageRejection, ReturnedTicket};

const TICKET: Purpose = "token-page-ticket";
/// The client of such tokens, for the rules of policies, the log and the list of sessions. Nobody can register it.
pub const CLIENT_ID: &str = "gatehouse:access-token-page";
/// What the session is called where nobody translates it.
const CLIENT_NAME: &str = "Access token by hand";

/// What somebody wants a token for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenPageRequest {
    /// The route's.
    pub resource: ResourceUri,
    /// Those that the route needs, and those that they picked.
    pub scopes: Scopes,
}

/// A [`TokenPageRequest`] in a record.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TokenPageRequestText {
    resource: String,
    scopes: String,
}

impl TokenPageRequest {
    /// A token for the route at `path`, with the scopes that it needs and the `further` ones.
    ///
    /// # Errors
    /// Where there is no such route, or it offers no such scope.
    pub fn parse<'a>(
        path: &str,
        further: impl Iterator<Item = &'a str>,
        configuration: &Configuration,
    ) -> Result<Self, UnboundRejection> {
        let route = configuration.routes.iter().find(|route| route.path.as_str() == path);
        let route = route.ok_or(UnboundRejection::WithdrawnResource)?;
        let further = Scopes::parse(&further.collect::<Vec<_>>().join(" "));
        let further = further.map_err(|_| UnboundRejection::WithdrawnResource)?;
        let scopes = route.scopes.iter().chain(further.iter()).cloned().collect();
        let resource = configuration.resource_of(route).ok_or(UnboundRejection::WithdrawnResource)?;
        Self { resource, scopes }.for_route(route)
    }

    /// What a token can have beyond what the route needs.
    pub fn further_scopes(route: &Route) -> impl Iterator<Item = &Scope> {
        route.offered_scopes().filter(|scope| !route.scopes.iter().any(|own| own == *scope))
    }

    fn for_route(self, route: &Route) -> Result<Self, UnboundRejection> {
        if route.offered_scopes.contains_all(&self.scopes) && is_allowed_at(route) {
            Ok(self)
        } else {
            Err(UnboundRejection::WithdrawnResource)
        }
    }

    /// Different for different requests.
    pub(crate) fn label(&self) -> String {
        format!("/{} {}", self.resource, self.scopes)
    }

    pub(crate) fn to_text(&self) -> TokenPageRequestText {
        TokenPageRequestText { resource: self.resource.to_string(), scopes: self.scopes.to_string() }
    }

    pub(crate) fn restore(
        text: &TokenPageRequestText,
        configuration: &Configuration,
    ) -> Result<Self, UnboundRejection> {
        let withdrawn = || UnboundRejection::WithdrawnResource;
        let resource = ResourceUri::parse(&text.resource).map_err(|_| withdrawn())?;
        let scopes = Scopes::parse(&text.scopes).map_err(|_| withdrawn())?;
        let route = configuration.route_of(&resource).filter(|_| configuration.token_page.enabled);
        Self { resource, scopes }.for_route(route.ok_or_else(withdrawn)?)
    }

    /// The session that ends with the token, of `subject`, of whom the provider says `claims`, who asked for it in `browser`;
    /// and what names it.
    /// `None` only if the names at the top of this file were wrong.
    #[expect(clippy::too_many_arguments, reason = "the grant, and the surroundings that every flow gets")]
    pub fn opening(
        &self,
        subject: Subject,
        claims: Claims,
        browser: SessionBrowser,
        provider_tokens: ProviderTokens,
        lifetime: u64,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Option<(SessionRoot, Opening)> {
        let root = SessionRoot { secret: HandleSecret::generate(entropy), expires_at: now.plus(lifetime) };
        let (resource, scopes) = (self.resource.clone(), self.scopes.clone());
        let opening = Opening {
            principal: Principal {
                subject,
                client_id: ClientId::parse(CLIENT_ID).ok()?,
                resource,
                scopes,
                claims,
                actors: Actors::default(),
            },
            client_name: ClientName::parse(CLIENT_NAME).ok()?,
            browser: Some(browser),
            provider_tokens,
            // It may live for months: nobody waits for its end until it stops to work.
            access_tokens: AccessTokenTerms { lifetime, self_contained: false },
            refreshable: false,
            listed: true,
        };
        Some((root, opening))
    }
}

/// Whether the page gives tokens for the route: where clients are listed, its own id must be among them.
pub fn is_allowed_at(route: &Route) -> bool {
    ClientId::parse(CLIENT_ID).is_ok_and(|client_id| route.allows_client(&client_id))
}

/// The ticket of the page's forms.
///
/// # Errors
/// Where it cannot be sealed.
pub fn ticket(
    browser: &Browser,
    keys: &KeyRing,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<String, Unopenable> {
    page::seal(TICKET, &[&browser.digest()], &(), keys, now, entropy)
}

/// Makes sure that a form comes from our page in this browser.
///
/// # Errors
/// See [`PageRejection`].
pub fn check(ticket: &str, browser: &Browser, keys: &KeyRing, now: UnixTime) -> Result<ReturnedTicket, PageRejection> {
    page::open(TICKET, &[&browser.digest()], ticket, keys, now).map(|((), returned)| returned)
}

#[cfg(test)]
mod tests;
