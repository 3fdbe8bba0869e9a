//! Tokens of others for ours, without a user at hand: those of workloads (RFC 7523, section 2.1), and those that a client exchanges
//! (RFC 8693).

use gatehouse_configuration::authorization_server::{Configuration, Route};
use gatehouse_configuration::{GrantType, TokenRoute, Workload};
use gatehouse_openid::{ExternalPrincipal, VerifiedWorkload};
use gatehouse_protocol::{Claims, ClientId, Entropy, ResourceUri, Scopes, Subject, UnixTime};
use gatehouse_sessions::Principal;

use crate::authorization::target;
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
    let principal = Principal { subject, client_id, resource, scopes, claims: Claims::default() };
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

/// The tokens that the client may exchange, as a route accepts tokens.
///
/// # Errors
/// Where it may exchange none.
pub fn exchangeable(client: &AuthenticatedClient) -> Result<TokenRoute, TokenRejection> {
    may_use(client, GrantType::TokenExchange)?;
    let tokens = client.client().may_exchange.clone();
    if tokens.is_empty() {
        return Err(TokenRejection::UnauthorizedClient);
    }
    Ok(TokenRoute { path: String::new(), fingerprint: String::new(), tokens })
}

/// What the client is granted for a token of another issuer that was verified as one of [`exchangeable`]: the subject stays, the client
/// acts for it, and the scopes are those that the token, the client and the route have in common. There is no refresh token, and the
/// access token ends with the exchanged one at the latest.
///
/// # Errors
/// See [`TokenRejection`].
pub fn grant_to_exchange(
    client: &AuthenticatedClient,
    subject: ExternalPrincipal,
    request: &AssertionRequest<'_>,
    configuration: &Configuration,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<Grant, TokenRejection> {
    may_use(client, GrantType::TokenExchange)?;
    let client = client.client();
    if !subject.may_act.allows(&client.client_id, configuration.public_url.as_str()) {
        return Err(TokenRejection::MayNotAct);
    }
    let held = subject.scopes.intersection(&client.scopes);
    let asked: &Scopes = request.scopes.filter(|scopes| !scopes.is_empty()).unwrap_or(&held);
    let (resource, route) = target(request.resource, asked, configuration).ok_or(TokenRejection::Resource)?;
    allowed_at(route, &client.client_id)?;
    let allowed = held.intersection(&offered(route));
    if allowed.is_empty() {
        return Err(TokenRejection::SubjectScope);
    }
    let scopes = narrowed(request.scopes, &allowed)?;
    let ExternalPrincipal { subject, claims, ends_at, .. } = subject;
    let principal = Principal { subject, client_id: client.client_id.clone(), resource, scopes, claims };
    let expires_at = now.plus(configuration.lifetimes.access_token).min(ends_at);
    Ok(grant_until(principal, expires_at, entropy))
}

#[cfg(test)]
mod tests;
