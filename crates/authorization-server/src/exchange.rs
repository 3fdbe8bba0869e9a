//! Tokens of others for ours, without a user at hand: those of workloads (RFC 7523, section 2.1), and those that a client exchanges
//! (RFC 8693).

use gatehouse_configuration::authorization_server::{Configuration, Route};
use gatehouse_configuration::{GrantType, RouteTokens, TokenIssuer, Workload};
use gatehouse_openid::{ActingParty, ExternalPrincipal, ExternalTokenKind, VerifiedWorkload};
use gatehouse_protocol::{Actor, Actors, Claims, ClientId, Entropy, ResourceUri, Scopes, Subject, UnixTime};
use gatehouse_sessions::Principal;

use crate::authorization::target;
use crate::client::Client;
use crate::code::Grant;
use crate::credentials::AuthenticatedClient;
use crate::grant::{AssertionRequest, allowed_at, grant_until, may_use, narrowed, offered};
use crate::token::TokenRejection;

/// What a workload is granted, as which its token was verified. Where the token fits several, it is the first that may have tokens for
/// the resource. The session has one access token, which ends with the token that was shown at the latest.
///
/// # Errors
/// See [`TokenRejection`].
pub fn grant_to_workload(
    verified: &VerifiedWorkload<'_>,
    request: &AssertionRequest<'_>,
    configuration: &Configuration,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<Grant, TokenRejection> {
    let mut refused = TokenRejection::Resource;
    let mut found = None;
    for workload in &verified.workloads {
        let Some((resource, route)) = target_of_workload(workload, request, configuration) else { continue };
        let subject = Subject::of_workload(&workload.name).map_err(|_| TokenRejection::MachineSubject)?;
        let client_id = ClientId::parse(subject.as_str()).map_err(|_| TokenRejection::MachineSubject)?;
        match allowed_at(route, &client_id) {
            Ok(()) => {
                found = Some((workload, resource, route, subject, client_id));
                break;
            }
            Err(rejection) => refused = rejection,
        }
    }
    let (workload, resource, route, subject, client_id) = found.ok_or(refused)?;
    let scopes = narrowed(request.scopes, &workload.scopes.intersection(&offered(route)))?;
    let principal =
        Principal { subject, client_id, resource, scopes, claims: Claims::default(), actors: Actors::default() };
    let expires_at = now.plus(configuration.lifetimes.access_token).min(verified.ends_at);
    Ok(grant_until(principal, expires_at, entropy))
}

/// The route that is meant among those of the workload.
fn target_of_workload<'a>(
    workload: &Workload,
    request: &AssertionRequest<'_>,
    configuration: &'a Configuration,
) -> Option<(ResourceUri, &'a Route)> {
    let only = match (request.resource, workload.routes.as_slice()) {
        (None, [only]) => ResourceUri::parse(&configuration.public_url.join(only.as_str())).ok(),
        _ => None,
    };
    let asked = request.scopes.filter(|scopes| !scopes.is_empty()).unwrap_or(&workload.scopes);
    let target = target(request.resource.or(only.as_ref()), asked, configuration);
    target.filter(|(_, route)| workload.routes.contains(&route.path))
}

/// The tokens of a user that the client may exchange, of those that are presented as one of this kind.
///
/// # Errors
/// Where it may exchange none.
pub fn exchangeable(client: &AuthenticatedClient, kind: ExternalTokenKind) -> Result<&[RouteTokens], TokenRejection> {
    may_use(client, GrantType::TokenExchange)?;
    let tokens = &client.client().exchangeable;
    if tokens.is_empty() {
        return Err(TokenRejection::UnauthorizedClient);
    }
    Ok(match kind {
        ExternalTokenKind::Access => &tokens.access_tokens,
        ExternalTokenKind::SignIn => &tokens.id_tokens,
    })
}

/// The tokens of those who may act for users through the client.
pub fn accepted_actors(client: &AuthenticatedClient) -> &[RouteTokens] {
    &client.client().exchangeable.actors
}

/// What a client has shown, all of it verified.
#[derive(Debug)]
pub struct VerifiedExchange {
    /// Whose token was exchanged.
    pub subject: ExternalPrincipal,
    /// Who acts, where it is not the client.
    pub actor: Option<ExternalPrincipal>,
}

/// What the client is granted for tokens of other issuers that were verified as those of [`exchangeable`] and [`accepted_actors`]: the
/// subject stays, who acts is added to those who acted before, and the scopes are those that the token, the client and the route have in
/// common. There is no refresh token, and the access token ends with the exchanged ones at the latest.
///
/// # Errors
/// See [`TokenRejection`].
pub fn grant_to_exchange(
    client: &AuthenticatedClient,
    exchange: VerifiedExchange,
    request: &AssertionRequest<'_>,
    configuration: &Configuration,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<Grant, TokenRejection> {
    may_use(client, GrantType::TokenExchange)?;
    let client = client.client();
    let VerifiedExchange { subject, actor } = exchange;
    let actors = acting(client, &subject, actor.as_ref(), configuration)?;
    let held = subject.scopes.intersection(&client.scopes);
    let asked: &Scopes = request.scopes.filter(|scopes| !scopes.is_empty()).unwrap_or(&held);
    let (resource, route) = target(request.resource, asked, configuration).ok_or(TokenRejection::Resource)?;
    allowed_at(route, &client.client_id)?;
    let allowed = held.intersection(&offered(route));
    if allowed.is_empty() {
        return Err(TokenRejection::SubjectScope);
    }
    let scopes = narrowed(request.scopes, &allowed)?;
    let shown_until = actor.map_or(subject.ends_at, |actor| actor.ends_at.min(subject.ends_at));
    let ExternalPrincipal { subject, claims, .. } = subject;
    let principal = Principal { subject, client_id: client.client_id.clone(), resource, scopes, claims, actors };
    let expires_at = now.plus(configuration.lifetimes.access_token).min(shown_until);
    Ok(grant_until(principal, expires_at, entropy))
}

/// All who act from now on, where the subject's token lets the one who now wants to: the party of the actor's token, or the client.
fn acting(
    client: &Client,
    subject: &ExternalPrincipal,
    actor: Option<&ExternalPrincipal>,
    configuration: &Configuration,
) -> Result<Actors, TokenRejection> {
    let may_act = |party: &ActingParty<'_>| match subject.may_act.allows(party) {
        true => Ok(()),
        false => Err(TokenRejection::MayNotAct),
    };
    let named = match actor {
        None => {
            let issuer = Some(configuration.public_url.as_str());
            may_act(&ActingParty { id: client.client_id.as_str(), issuer, is_known_without_issuer: true })?;
            Ok(Actor::client(&client.client_id))
        }
        Some(actor) => {
            if !actor.actors.is_empty() {
                return Err(TokenRejection::ActorOfActor);
            }
            let name = actor.subject.provider();
            let issuer = configuration.token_issuer(name).and_then(TokenIssuer::url);
            may_act(&ActingParty {
                id: actor.subject.sub(),
                issuer: issuer.as_deref(),
                is_known_without_issuer: name == subject.subject.provider(),
            })?;
            Actor::new(actor.subject.as_str(), None)
        }
    };
    let named = named.map_err(|_| TokenRejection::Actors)?;
    subject.actors.behind(named).map_err(|_| TokenRejection::Actors)
}

#[cfg(test)]
mod tests;
