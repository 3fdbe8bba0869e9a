//! The life of a session.

use gatehouse_protocol::{ClientId, Entropy, ResourceUri, Scopes, UnixTime};
use gatehouse_sealing::{HandleSecret, KeyRing};
use gatehouse_storage::Store;

use crate::record::{self, SessionRecord};
use crate::tokens::{AccessToken, RefreshToken};
use crate::{Principal, Rejection, Tokens, UpstreamTokens};

/// Seconds for which a refresh token that was just rotated still gets its successor. Clients refresh concurrently,
/// some of them from two machines (Claude; `docs/conformance.md`), and a lost answer must not sign the user out; a
/// thief gains no more than the lineage that the next refresh would expose.
const GRACE_SECONDS: u64 = 30;

/// What names a session: its secret, and when it ends at the latest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRoot {
    /// Random; it travels inside sealed codes and refresh tokens only.
    pub secret: HandleSecret,
    /// The end. Refreshing never extends it.
    pub expires_at: UnixTime,
}

impl SessionRoot {
    /// The secret of the access token of `generation`.
    fn access_secret(&self, generation: u64) -> HandleSecret {
        self.secret.derive("access", generation)
    }
}

/// A refresh, by a client that has been authenticated.
#[derive(Clone, Debug)]
pub struct RefreshRequest<'a> {
    /// The token as presented.
    pub refresh_token: &'a str,
    /// The client that presents it.
    pub client_id: &'a ClientId,
    /// Narrowing, where asked for.
    pub resource: Option<&'a ResourceUri>,
    /// Narrowing, where asked for.
    pub scopes: Option<&'a Scopes>,
    /// Seconds.
    pub access_token_lifetime: u64,
}

/// Sessions in `store`, sealed with `keys`, seen at `now`.
#[derive(Clone, Copy, Debug)]
pub struct Sessions<'a, S> {
    /// Where the records are.
    pub store: &'a S,
    /// What seals the tokens.
    pub keys: &'a KeyRing,
    /// The time of the request.
    pub now: UnixTime,
}

impl<S: Store> Sessions<'_, S> {
    /// Opens the session of `root` and issues its first tokens. The caller has made sure that this happens once.
    ///
    /// # Errors
    /// Where the store or the keys fail; then nothing was issued.
    pub fn open(
        &self,
        root: &SessionRoot,
        principal: Principal,
        upstream: UpstreamTokens,
        access_token_lifetime: u64,
        refreshable: bool,
        entropy: &mut impl Entropy,
    ) -> Result<Tokens, Rejection> {
        let record = SessionRecord { principal, upstream, generation: 0, rotated_at: self.now };
        record::put_access(&record.principal, &root.access_secret(0), root.expires_at, self.store, entropy)?;
        record.put(root, self.store, entropy)?;
        let scopes = record.principal.scopes.clone();
        let mut tokens = self.issue(root, 0, &record.principal, scopes, access_token_lifetime, entropy)?;
        if !refreshable {
            tokens.refresh_token = None;
        }
        Ok(tokens)
    }

    /// Validates an access token presented at `resource`: one store read, no write.
    ///
    /// # Errors
    /// See [`Rejection`].
    pub fn validate(&self, access_token: &str, resource: &ResourceUri) -> Result<Principal, Rejection> {
        let token = AccessToken::open(access_token, resource.as_str(), self.keys)?;
        if self.now >= token.expires_at {
            return Err(Rejection::Expired);
        }
        let principal = record::get_access(&token.secret, token.session_expires_at, self.store)?;
        let principal = principal.ok_or(Rejection::Revoked)?;
        if principal.resource != *resource {
            return Err(Rejection::Unrecognised);
        }
        Ok(Principal { scopes: principal.scopes.intersection(&token.scopes), ..principal })
    }

    /// Redeems a refresh token: issues the tokens of the next generation, and retires the one presented.
    ///
    /// # Errors
    /// See [`Rejection`]. [`Rejection::Reused`] has ended the session; every other one has changed nothing.
    pub fn refresh(&self, request: &RefreshRequest<'_>, entropy: &mut impl Entropy) -> Result<Tokens, Rejection> {
        let RefreshToken { root, generation } = RefreshToken::open(request.refresh_token, self.keys)?;
        if self.now >= root.expires_at {
            return Err(Rejection::Expired);
        }
        let record = SessionRecord::get(&root, self.store)?.ok_or(Rejection::Revoked)?;
        let principal = record.principal.clone();
        let scopes = narrowed(&principal, request)?;
        let next = generation.saturating_add(1);
        if generation < record.generation {
            let in_grace = next == record.generation && record.rotated_at.seconds_until(self.now) <= GRACE_SECONDS;
            if !in_grace {
                self.end(&root)?;
                return Err(Rejection::Reused);
            }
        }
        // Written by every caller, with the same content: whoever answers first must not answer with a token that is
        // not there yet.
        record::put_access(&principal, &root.access_secret(next), root.expires_at, self.store, entropy)?;
        if generation >= record.generation && record::is_first_to_rotate(&root, generation, self.store)? {
            SessionRecord { generation: next, rotated_at: self.now, ..record }.put(&root, self.store, entropy)?;
            if let Some(before) = generation.checked_sub(1) {
                record::delete_access(&root.access_secret(before), root.expires_at, self.store)?;
            }
        }
        // A session that was ended while this was going on stays ended: `end` notes it first and deletes then, here
        // it is looked for last.
        if record::has_ended(&root, self.store)? {
            self.end(&root)?;
            return Err(Rejection::Revoked);
        }
        self.issue(&root, next, &principal, scopes, request.access_token_lifetime, entropy)
    }

    /// Ends the session of `root`, whatever tokens it has.
    ///
    /// # Errors
    /// Where the store fails; the session may then still be there.
    pub fn end(&self, root: &SessionRoot) -> Result<(), Rejection> {
        record::put_ended(root, self.store)?;
        let Some(record) = SessionRecord::get(root, self.store)? else { return Ok(()) };
        let live = record.generation.saturating_sub(1)..=record.generation.saturating_add(1);
        for generation in live {
            record::delete_access(&root.access_secret(generation), root.expires_at, self.store)?;
        }
        record::delete_session(root, self.store)
    }

    fn issue(
        &self,
        root: &SessionRoot,
        generation: u64,
        principal: &Principal,
        scopes: Scopes,
        lifetime: u64,
        entropy: &mut impl Entropy,
    ) -> Result<Tokens, Rejection> {
        let expires_in = lifetime.min(self.now.seconds_until(root.expires_at));
        let access_token = AccessToken {
            secret: root.access_secret(generation),
            expires_at: self.now.plus(expires_in),
            session_expires_at: root.expires_at,
            scopes: scopes.clone(),
        };
        let refresh_token = RefreshToken { root: root.clone(), generation };
        Ok(Tokens {
            access_token: access_token.seal(principal.resource.as_str(), self.keys, entropy)?,
            refresh_token: Some(refresh_token.seal(self.keys, entropy)?),
            expires_in,
            scopes,
        })
    }
}

/// What the new access token allows: what was asked for, never more than was granted (RFC 6749, section 6; RFC 8707,
/// section 2.2).
fn narrowed(principal: &Principal, request: &RefreshRequest<'_>) -> Result<Scopes, Rejection> {
    if principal.client_id != *request.client_id {
        return Err(Rejection::WrongClient);
    }
    if request.resource.is_some_and(|resource| *resource != principal.resource) {
        return Err(Rejection::OtherResource);
    }
    let requested = request.scopes.unwrap_or(&principal.scopes).without_openid_but(&principal.scopes);
    if !principal.scopes.contains_all(&requested) {
        return Err(Rejection::BeyondGrant);
    }
    Ok(if requested.is_empty() { principal.scopes.clone() } else { requested })
}

#[cfg(test)]
mod tests;
