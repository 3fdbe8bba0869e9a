//! Between the boundary's records and the session crate's values.

use gatehouse_protocol::{
    Claims, ClientId, ResourceUri, Scope, Scopes, SecretString, Subject, TooManyClaims, UnixTime,
};
use gatehouse_sealed_storage::sealing::HandleSecret;
use gatehouse_sessions::{
    Introspection, Listing, Principal, ProviderTokens, Rejection, Revocation, SessionRoot, Summary, TokenKind, Tokens,
};

use crate::bindings::exports::gatehouse::auth::sessions as wit;

pub(crate) fn root(root: &wit::SessionRoot) -> Result<SessionRoot, Rejection> {
    let secret = HandleSecret::from_slice(&root.secret).ok_or_else(|| invalid("session root"))?;
    Ok(SessionRoot { secret, expires_at: UnixTime::from_seconds(root.expires_at) })
}

pub(crate) fn principal(principal: wit::Principal) -> Result<Principal, Rejection> {
    Ok(Principal {
        subject: Subject::parse(&principal.subject).map_err(|_| invalid("subject"))?,
        client_id: ClientId::parse(&principal.client_id).map_err(|_| invalid("client id"))?,
        resource: ResourceUri::parse(&principal.resource).map_err(|_| invalid("resource"))?,
        scopes: scopes(&principal.scopes).map_err(|_| invalid("scope"))?,
        claims: claims(principal.claims).map_err(|_| invalid("set of claims"))?,
    })
}

fn claims(claims: wit::Claims) -> Result<Claims, TooManyClaims> {
    let wit::Claims { tenant, groups, roles } = claims;
    Claims::new(tenant, groups, roles)
}

pub(crate) fn scopes(scopes: &[String]) -> Result<Scopes, gatehouse_protocol::InvalidScope> {
    scopes.iter().map(|scope| Scope::parse(scope)).collect()
}

pub(crate) fn resources(resources: &[String]) -> Result<Vec<ResourceUri>, Rejection> {
    let parsed = resources.iter().map(|resource| ResourceUri::parse(resource)).collect::<Result<_, _>>();
    parsed.map_err(|_| invalid("resource"))
}

pub(crate) fn provider_tokens(tokens: wit::ProviderTokens) -> ProviderTokens {
    ProviderTokens {
        access_token: tokens.access_token.map(SecretString::new),
        refresh_token: tokens.refresh_token.map(SecretString::new),
        expires_at: tokens.expires_at.map(UnixTime::from_seconds),
    }
}

pub(crate) fn principal_to_wit(principal: Principal) -> wit::Principal {
    wit::Principal {
        subject: principal.subject.to_string(),
        client_id: principal.client_id.to_string(),
        resource: principal.resource.to_string(),
        scopes: scopes_to_wit(&principal.scopes),
        claims: claims_to_wit(principal.claims),
    }
}

fn claims_to_wit(claims: Claims) -> wit::Claims {
    let Claims { tenant, groups, roles } = claims;
    wit::Claims { tenant, groups, roles }
}

pub(crate) fn tokens_to_wit(tokens: &Tokens) -> wit::Tokens {
    wit::Tokens {
        access_token: tokens.access_token.expose().to_owned(),
        refresh_token: tokens.refresh_token.as_ref().map(|token| token.expose().to_owned()),
        expires_in: tokens.expires_in,
        scopes: scopes_to_wit(&tokens.scopes),
    }
}

pub(crate) fn introspection_to_wit(introspection: Introspection) -> wit::Introspection {
    wit::Introspection {
        principal: principal_to_wit(introspection.principal),
        kind: match introspection.kind {
            TokenKind::Access => wit::TokenKind::Access,
            TokenKind::Refresh => wit::TokenKind::Refresh,
        },
        expires_at: introspection.expires_at.seconds(),
    }
}

pub(crate) fn revocation_to_wit(revocation: Revocation) -> wit::Revocation {
    match revocation {
        Revocation::Ended => wit::Revocation::Ended,
        Revocation::Unknown => wit::Revocation::Unknown,
        Revocation::Foreign => wit::Revocation::Foreign,
    }
}

pub(crate) fn listing_to_wit(listing: &Listing) -> wit::Listing {
    wit::Listing { newest: listing.newest.iter().map(summary_to_wit).collect(), total: listing.total }
}

fn summary_to_wit(summary: &Summary) -> wit::Summary {
    wit::Summary {
        id: summary.id.clone(),
        client_id: summary.client_id.to_string(),
        client_name: summary.client_name.as_str().to_owned(),
        resource: summary.resource.to_string(),
        scopes: scopes_to_wit(&summary.scopes),
        opened_at: summary.opened_at.seconds(),
        last_used_at: summary.last_used_at.seconds(),
        expires_at: summary.expires_at.seconds(),
    }
}

pub(crate) fn rejection_to_wit(rejection: Rejection) -> wit::Rejection {
    match rejection {
        Rejection::Unrecognised => wit::Rejection::Unrecognised,
        Rejection::Expired => wit::Rejection::Expired,
        Rejection::Revoked => wit::Rejection::Revoked,
        Rejection::Reused => wit::Rejection::Reused,
        Rejection::WrongClient => wit::Rejection::WrongClient,
        Rejection::BeyondGrant => wit::Rejection::BeyondGrant,
        Rejection::OtherResource => wit::Rejection::OtherResource,
        Rejection::TooOften { retry_after } => wit::Rejection::TooOften(retry_after),
        Rejection::Unavailable(reason) => wit::Rejection::Unavailable(reason),
    }
}

fn scopes_to_wit(scopes: &Scopes) -> Vec<String> {
    scopes.iter().map(|scope| scope.as_str().to_owned()).collect()
}

/// A caller that passes what is not a value breaks the contract of the boundary; nothing is accepted.
pub(crate) fn invalid(what: &str) -> Rejection {
    Rejection::Unavailable(format!("the caller passed an invalid {what}"))
}
