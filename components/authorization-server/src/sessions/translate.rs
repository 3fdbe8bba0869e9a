//! From the session crate's values to the boundary's records.

use gatehouse_openid::ExternalPrincipal;
use gatehouse_protocol::{Actor, Actors, Claims, ClientId, Names, ResourceUri, Scope, Subject};
use gatehouse_sessions::{Principal, Rejection, Validated};

use super::ProviderToken;
use crate::bindings::exports::gatehouse::auth::sessions as wit;

pub(super) fn validated(Validated { principal, note }: Validated) -> wit::Validated {
    wit::Validated {
        principal: self::principal(principal),
        issuer: wit::TokenIssuer::Ourselves,
        calls_are_full: Some(note.is_some()),
    }
}

/// Nobody has looked for a note: whose the token is was not known before the store was asked.
pub(super) fn external(principal: ExternalPrincipal, resource: &ResourceUri) -> wit::Validated {
    let ExternalPrincipal { subject, client_id, scopes, claims, actors, .. } = principal;
    let principal = Principal { subject, client_id, resource: resource.clone(), scopes, claims, actors };
    wit::Validated { principal: self::principal(principal), issuer: wit::TokenIssuer::Another, calls_are_full: None }
}

fn principal(principal: Principal) -> wit::Principal {
    let Claims { tenant, groups, roles, names } = principal.claims;
    let names = names.map(|names| *names).map(|Names { name, preferred_username, email }| wit::Names {
        name,
        preferred_username,
        email,
    });
    wit::Principal {
        subject: principal.subject.to_string(),
        client_id: principal.client_id.to_string(),
        resource: principal.resource.to_string(),
        scopes: principal.scopes.iter().map(Scope::as_str).map(str::to_owned).collect(),
        claims: wit::Claims { tenant, groups, roles, names },
        actors: principal.actors.iter().map(actor).collect(),
    }
}

fn actor(actor: &Actor) -> wit::Actor {
    wit::Actor { sub: actor.sub().to_owned(), iss: actor.iss().map(str::to_owned) }
}

pub(super) fn provider_token(token: ProviderToken) -> wit::ProviderToken {
    match token {
        ProviderToken::Usable(token) => wit::ProviderToken::Usable(token.expose().to_owned()),
        ProviderToken::Ended => wit::ProviderToken::Ended,
        ProviderToken::NeverGiven => wit::ProviderToken::NeverGiven,
    }
}

/// A principal that comes back; `None` where it never was one.
pub(super) fn restored(principal: wit::Principal) -> Option<Principal> {
    let wit::Claims { tenant, groups, roles, names } = principal.claims;
    let names = names.map(|wit::Names { name, preferred_username, email }| Names { name, preferred_username, email });
    let actor = |actor: wit::Actor| Actor::new(&actor.sub, actor.iss.as_deref()).ok();
    Some(Principal {
        subject: Subject::parse(&principal.subject).ok()?,
        client_id: ClientId::parse(&principal.client_id).ok()?,
        resource: ResourceUri::parse(&principal.resource).ok()?,
        scopes: principal.scopes.iter().map(|scope| Scope::parse(scope).ok()).collect::<Option<_>>()?,
        claims: Claims { tenant, groups, roles, names: names.map(Box::new) },
        actors: Actors::new(principal.actors.into_iter().map(actor).collect::<Option<_>>()?).ok()?,
    })
}

/// Those that only a refresh token can meet do not come about here. If one did, the token would be refused all the same.
pub(super) fn rejection(rejection: Rejection) -> wit::Rejection {
    match rejection {
        Rejection::Unrecognised
        | Rejection::Reused
        | Rejection::WrongClient
        | Rejection::BeyondGrant
        | Rejection::OtherResource
        | Rejection::TooOften { .. } => wit::Rejection::Unrecognised,
        Rejection::Expired => wit::Rejection::Expired,
        Rejection::Revoked => wit::Rejection::Revoked,
        Rejection::Unavailable(reason) => wit::Rejection::Unavailable(reason),
    }
}
