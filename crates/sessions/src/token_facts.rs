//! What a token is good for (RFC 7662), and its return (RFC 7009).

use gatehouse_protocol::{ClientId, ResourceUri, UnixTime};
use gatehouse_storage::Store;

use crate::record::SessionRecord;
use crate::summary::Summary;
use crate::tokens::{AccessToken, RefreshToken};
use crate::{Principal, Rejection, SessionName, Sessions, ending};

/// What an active token says (RFC 7662, section 2.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection {
    /// Whose it is; of an access token with the scopes that this one allows.
    pub principal: Principal,
    /// Which of the two it is.
    pub kind: TokenKind,
    /// From this second on it is not active.
    pub expires_at: UnixTime,
}

/// The two kinds of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// For requests.
    Access,
    /// For new tokens.
    Refresh,
}

/// What became of a token that a client gave back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// It was the client's own: the whole session has ended.
    Ended,
    /// It belongs to no session that is there. Nothing has changed.
    Unknown,
    /// It is another client's. Nothing has changed; only the log may tell it from an unknown one.
    Foreign,
}

impl<S: Store> Sessions<'_, S> {
    /// What `token` is good for, at whichever of `resources` it was issued for; `None` where for nothing. Nothing is
    /// written: a refresh token that was used before is inactive, its session goes on.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn introspect(&self, token: &str, resources: &[ResourceUri]) -> Result<Option<Introspection>, Rejection> {
        let found = match self.open_access(token, resources) {
            Some((token, resource)) => self.access_facts(&token, resource),
            None => self.refresh_facts(token, resources),
        };
        match found {
            Ok(introspection) => Ok(Some(introspection)),
            Err(rejection @ Rejection::Unavailable(_)) => Err(rejection),
            Err(
                Rejection::Unrecognised
                | Rejection::Expired
                | Rejection::Revoked
                | Rejection::Reused
                | Rejection::WrongClient
                | Rejection::BeyondGrant
                | Rejection::OtherResource
                | Rejection::TooOften { .. },
            ) => Ok(None),
        }
    }

    /// Ends the session of `token`, access or refresh token, where it is one of the authenticated client `client_id`.
    /// One that has expired or was rotated does, too: a client that signs its user out may hold no other.
    ///
    /// # Errors
    /// Where the store does not answer; the session may then still be there.
    pub fn revoke(
        &self,
        token: &str,
        client_id: &ClientId,
        resources: &[ResourceUri],
    ) -> Result<Revocation, Rejection> {
        let Some(name) = self.session_of(token, resources) else { return Ok(Revocation::Unknown) };
        let Some(summary) = Summary::get(&name, self.store)? else { return Ok(Revocation::Unknown) };
        if summary.client_id != *client_id {
            return Ok(Revocation::Foreign);
        }
        ending::end(&name, self.store)?;
        Ok(Revocation::Ended)
    }

    fn access_facts(&self, token: &AccessToken, resource: &ResourceUri) -> Result<Introspection, Rejection> {
        if self.now >= token.expires_at {
            return Err(Rejection::Expired);
        }
        let principal = self.look_up(token, resource, None)?.0.principal;
        Ok(Introspection { principal, kind: TokenKind::Access, expires_at: token.expires_at })
    }

    fn refresh_facts(&self, token: &str, resources: &[ResourceUri]) -> Result<Introspection, Rejection> {
        let RefreshToken { root, generation } = RefreshToken::open(token, self.keys)?;
        if self.now >= root.expires_at {
            return Err(Rejection::Expired);
        }
        let record = SessionRecord::get(&root, self.store)?.ok_or(Rejection::Revoked)?;
        if record.is_reuse(generation, self.now) {
            return Err(Rejection::Reused);
        }
        if !resources.contains(&record.principal.resource) {
            return Err(Rejection::OtherResource);
        }
        Ok(Introspection { principal: record.principal, kind: TokenKind::Refresh, expires_at: root.expires_at })
    }

    fn session_of(&self, token: &str, resources: &[ResourceUri]) -> Option<SessionName> {
        match self.open_access(token, resources) {
            Some((token, _)) => Some(token.session),
            None => RefreshToken::open(token, self.keys).ok().map(|token| token.root.name()),
        }
    }

    /// An access token opens only for the resource that it was sealed for, and does not say which that is.
    fn open_access<'r>(&self, token: &str, resources: &'r [ResourceUri]) -> Option<(AccessToken, &'r ResourceUri)> {
        resources.iter().find_map(|resource| {
            let token = AccessToken::open(token, resource.as_str(), self.keys).ok()?;
            Some((token, resource))
        })
    }
}

#[cfg(test)]
mod tests;
