//! From the session crate's values to the boundary's records.

use gatehouse_openid::ExternalPrincipal;
use gatehouse_protocol::{Claims, ResourceUri, Scope};
use gatehouse_sessions::{Principal, Rejection, Validated};

use crate::bindings::exports::gatehouse::auth::sessions as wit;

pub(super) fn validated(Validated { principal, note }: Validated) -> wit::Validated {
    wit::Validated {
        principal: self::principal(principal),
        issuer: wit::TokenIssuer::Ourselves,
        calls_are_full: note.is_some(),
    }
}

/// Nobody has looked for a note: whose the token is was not known before.
pub(super) fn external(principal: ExternalPrincipal, resource: &ResourceUri) -> wit::Validated {
    let ExternalPrincipal { subject, client_id, scopes, claims, .. } = principal;
    let principal = Principal { subject, client_id, resource: resource.clone(), scopes, claims };
    wit::Validated { principal: self::principal(principal), issuer: wit::TokenIssuer::Another, calls_are_full: false }
}

fn principal(principal: Principal) -> wit::Principal {
    let Claims { tenant, groups, roles } = principal.claims;
    wit::Principal {
        subject: principal.subject.to_string(),
        client_id: principal.client_id.to_string(),
        resource: principal.resource.to_string(),
        scopes: principal.scopes.iter().map(Scope::as_str).map(str::to_owned).collect(),
        claims: wit::Claims { tenant, groups, roles },
    }
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
