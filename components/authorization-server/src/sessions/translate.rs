//! From the session crate's values to the boundary's records.

use gatehouse_openid::ExternalPrincipal;
use gatehouse_protocol::{Claims, ClientId, Names, ResourceUri, Scope, Scopes, Subject};
use gatehouse_sessions::{Principal, Rejection, Validated};

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
    let ExternalPrincipal { subject, client_id, scopes, claims, .. } = principal;
    let principal = Principal { subject, client_id, resource: resource.clone(), scopes, claims };
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
    }
}

/// The subject, client, scopes and claims of a principal that comes back; `None` where it never was one.
pub(super) fn facts(principal: wit::Principal) -> Option<(Subject, ClientId, Scopes, Claims)> {
    let wit::Claims { tenant, groups, roles, names } = principal.claims;
    let names = names.map(|wit::Names { name, preferred_username, email }| Names { name, preferred_username, email });
    Some((
        Subject::parse(&principal.subject).ok()?,
        ClientId::parse(&principal.client_id).ok()?,
        principal.scopes.iter().map(|scope| Scope::parse(scope).ok()).collect::<Option<_>>()?,
        Claims { tenant, groups, roles, names: names.map(Box::new) },
    ))
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
