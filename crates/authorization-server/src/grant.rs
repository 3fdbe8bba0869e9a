//! Grants without a user at hand: of machines for themselves, and of an enterprise's identity provider for its users.

use gatehouse_configuration::authorization_server::{Configuration, Route};
use gatehouse_configuration::{GrantType, IdentityProvider};
use gatehouse_openid::{AccessRejection, Admission, AssertedIdentity, GroupsUnknown, NamedClaims, admit};
use gatehouse_protocol::{Actors, Claims, ClientId, Entropy, ResourceUri, Scopes, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::HandleSecret;
use gatehouse_sessions::{Principal, ProviderTokens, SessionRoot};
use gatehouse_storage::{Kind, Store};

use crate::authorization::target;
use crate::code::Grant;
use crate::credentials::AuthenticatedClient;
use crate::first_use::is_first_use;
use crate::token::TokenRejection;

/// A counter for each identity assertion: it works once.
const ASSERTION_USE: Kind = "id-jag-use";

/// Whether the client may use a grant at all: to be asked before anything is fetched, redeemed or used up for it. Those
/// without a user are for clients that prove who they are (RFC 6749, section 4.4; ID-JAG, section 4.3).
///
/// # Errors
/// Where it may not.
pub fn may_use(client: &AuthenticatedClient, grant_type: GrantType) -> Result<(), TokenRejection> {
    let needs_proof = match grant_type {
        GrantType::AuthorizationCode | GrantType::RefreshToken => false,
        GrantType::ClientCredentials | GrantType::JwtBearer | GrantType::TokenExchange => true,
    };
    if client.client().may(grant_type) && (client.is_confidential() || !needs_proof) {
        Ok(())
    } else {
        Err(TokenRejection::UnauthorizedClient)
    }
}

/// What a machine is granted for itself (RFC 6749, section 4.4): only one that the operator has given the grant and
/// scopes, and that has proved who it is. There is no refresh token (section 4.4.3).
///
/// # Errors
/// See [`TokenRejection`].
pub fn grant_to_machine(
    client: &AuthenticatedClient,
    resource: Option<&ResourceUri>,
    scopes: Option<&Scopes>,
    configuration: &Configuration,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<Grant, TokenRejection> {
    may_use(client, GrantType::ClientCredentials)?;
    let asked = scopes.filter(|scopes| !scopes.is_empty()).unwrap_or(&client.client().scopes);
    let (resource, route) = target(resource, asked, configuration).ok_or(TokenRejection::Resource)?;
    allowed_at(route, &client.client().client_id)?;
    let scopes = narrowed(scopes, &client.client().scopes.intersection(&offered(route)))?;
    let client_id = client.client().client_id.clone();
    let subject = Subject::of_machine(&client_id).map_err(|_| TokenRejection::MachineSubject)?;
    let claims = Claims::default();
    Ok(grant(
        Principal { subject, client_id, resource, scopes, claims, actors: Actors::default() },
        configuration,
        now,
        entropy,
    ))
}

/// What the user of an assertion that `provider` made, and that was verified for `client`, is granted through it
/// (ID-JAG, section 4.4). There is no refresh token: the provider decides anew each time.
///
/// # Errors
/// See [`TokenRejection`]. The assertion is used up last, so that only a right request can use it up.
#[expect(clippy::too_many_arguments, reason = "the request, and the surroundings that every flow gets")]
pub fn grant_to_asserted(
    client: &AuthenticatedClient,
    asserted: &AssertedIdentity,
    provider: &IdentityProvider,
    request: &AssertionRequest<'_>,
    configuration: &Configuration,
    store: &impl Store,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<Grant, TokenRejection> {
    may_use(client, GrantType::JwtBearer)?;
    let claims = match admit(&asserted.identity, provider, &NamedClaims::of(&configuration.rule_claims))? {
        Admission::Granted(claims) => claims,
        // They are asked for with the user's access token, which there is only after a login.
        Admission::GroupsNeeded => return Err(AccessRejection::from(GroupsUnknown::NoAccessToken).into()),
    };
    let asserted_scopes = asserted.scope.as_deref().map(Scopes::parse).transpose();
    let asserted_scopes = asserted_scopes.map_err(|_| TokenRejection::AssertedScope)?;
    let (resource, route) = match &asserted.resource {
        Some(resource) => {
            let resource = ResourceUri::parse(resource).map_err(|_| TokenRejection::AssertedResource)?;
            let target = target(Some(&resource), &Scopes::default(), configuration);
            let (resource, route) = target.ok_or(TokenRejection::AssertedResource)?;
            // The request may repeat the resource, and not change it: the provider's policy decided on this one.
            if request.resource.is_some_and(|repeated| *repeated != resource) {
                return Err(TokenRejection::Resource);
            }
            (resource, route)
        }
        None => {
            let asked = request.scopes.filter(|scopes| !scopes.is_empty()).or(asserted_scopes.as_ref());
            let asked = asked.cloned().unwrap_or_default();
            target(request.resource, &asked, configuration).ok_or(TokenRejection::Resource)?
        }
    };
    allowed_at(route, &client.client().client_id)?;
    // What the provider allows beyond what the resource has means nothing here.
    let allowed = match &asserted_scopes {
        Some(scopes) => {
            let scopes = scopes.intersection(&offered(route));
            if scopes.is_empty() {
                return Err(TokenRejection::AssertedScope);
            }
            scopes
        }
        None => route.scopes.clone(),
    };
    let scopes = narrowed(request.scopes, &allowed)?;
    let first = is_first_use(ASSERTION_USE, &provider.name, &asserted.id, asserted.ends_at, store);
    if !first.map_err(|error| TokenRejection::Unavailable(error.to_string()))? {
        return Err(TokenRejection::AssertionReplayed);
    }
    let (subject, client_id) = (asserted.identity.subject().clone(), client.client().client_id.clone());
    let claims = configuration.kept_claims(claims, &resource);
    Ok(grant(
        Principal { subject, client_id, resource, scopes, claims, actors: Actors::default() },
        configuration,
        now,
        entropy,
    ))
}

/// What a request asks for beside its assertion.
#[derive(Clone, Copy, Debug, Default)]
pub struct AssertionRequest<'a> {
    /// `resource`, where it is repeated, as `Configuration::audience_of` has it.
    pub resource: Option<&'a ResourceUri>,
    /// `scope`, where less is asked for.
    pub scopes: Option<&'a Scopes>,
}

/// Whether the client may have tokens for the route. Its requests are asked the same: the operator may change the list.
pub(crate) fn allowed_at(route: &Route, client_id: &ClientId) -> Result<(), TokenRejection> {
    if route.allows_client(client_id) { Ok(()) } else { Err(TokenRejection::ClientNotAllowed) }
}

/// What a token for the route can have.
pub(crate) fn offered(route: &Route) -> Scopes {
    route.offered_scopes().cloned().collect()
}

/// What is asked for where all of it is allowed; all that is allowed where nothing is asked for.
pub(crate) fn narrowed(requested: Option<&Scopes>, allowed: &Scopes) -> Result<Scopes, TokenRejection> {
    let granted = allowed.granted(requested.unwrap_or(&Scopes::default()));
    granted.filter(|granted| !granted.is_empty()).ok_or(TokenRejection::Scope)
}

/// A session that ends with its one access token.
fn grant(principal: Principal, configuration: &Configuration, now: UnixTime, entropy: &mut impl Entropy) -> Grant {
    grant_until(principal, now.plus(configuration.lifetimes.access_token), entropy)
}

/// One that ends then.
pub(crate) fn grant_until(principal: Principal, expires_at: UnixTime, entropy: &mut impl Entropy) -> Grant {
    let root = SessionRoot { secret: HandleSecret::generate(entropy), expires_at };
    Grant { principal, browser: None, provider_tokens: ProviderTokens::default(), root, refreshable: false }
}

#[cfg(test)]
mod tests;
