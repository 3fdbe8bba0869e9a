//! The life of a session.

use gatehouse_protocol::{Actors, ClientId, ClientName, Entropy, ResourceUri, Scopes, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::KeyRing;
use gatehouse_storage::{Key, Store};

use crate::record::{ACCESS_GRACE_SECONDS, AccessRecord, SessionRecord};
use crate::summary::Summary;
use crate::tokens::{AccessToken, Contained, RefreshToken};
use crate::{
    AccessTokenTerms, Principal, ProviderGrant, ProviderTokens, Rejection, SessionBrowser, SessionRoot, Tokens, ending,
};

/// Seconds: the longest life of an access token that an operator can set. One that claims a longer one is looked up.
const LONGEST_BELIEVED: u64 = 60 * 60;

/// A session to open.
#[derive(Debug)]
pub struct Opening {
    /// Whose it is, and what was granted.
    pub principal: Principal,
    /// What the client calls itself, for the owner's list of sessions.
    pub client_name: ClientName,
    /// Where the user allowed it; `None` where their organisation did, without a browser.
    pub browser: Option<SessionBrowser>,
    /// The identity provider's tokens.
    pub provider_tokens: ProviderTokens,
    /// How its access tokens are issued.
    pub access_tokens: AccessTokenTerms,
    /// Whether the client gets refresh tokens.
    pub refreshable: bool,
    /// Whether the subject is a person, who sees the session in the list and can end it there.
    pub listed: bool,
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
}

/// An access token that somebody presented.
#[derive(Clone, Debug)]
pub struct ValidationRequest<'a> {
    /// The token as presented.
    pub access_token: &'a str,
    /// Where it was presented.
    pub resource: &'a ResourceUri,
    /// Whether a token that tells everything itself is believed until it expires, although its session may have ended.
    pub without_record: bool,
}

/// An access token that is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validated {
    /// Whose it is, and what it allows.
    pub principal: Principal,
    /// What is noted under the key that the caller named; `None` where there is nothing, and where nothing was read.
    pub note: Option<Vec<u8>>,
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
    pub fn open(&self, root: &SessionRoot, opening: Opening, entropy: &mut impl Entropy) -> Result<Tokens, Rejection> {
        let Opening { principal, client_name, browser, provider_tokens, access_tokens, refreshable, listed } = opening;
        let name = root.name();
        ProviderGrant::of_root(principal.subject.clone(), root).begin(
            provider_tokens,
            self.store,
            self.now,
            entropy,
        )?;
        AccessRecord::put(&principal, root, 0, self.store, entropy)?;
        let now = self.now;
        let record = SessionRecord {
            principal,
            client_name,
            browser,
            opened_at: now,
            generation: 0,
            rotated_at: now,
            paced_until: now,
        };
        record.put(root, self.store, entropy)?;
        Summary::of(&record, &name).put(&name, self.store, entropy)?;
        if listed {
            self.list_session(&record.principal.subject, &name, entropy)?;
        }
        let scopes = record.principal.scopes.clone();
        // Who replays the code while this is going on ends a session that is not all there yet. Its tokens are given out
        // all the same, dead: of all who redeem a code, one succeeds. So they must not be believed without a record either.
        let terms = match ending::check(&name, self.store) {
            Ok(()) => access_tokens,
            Err(Rejection::Revoked) => AccessTokenTerms { self_contained: false, ..access_tokens },
            Err(rejection) => return Err(rejection),
        };
        let mut tokens = self.issue(root, 0, &record.principal, scopes, terms, entropy)?;
        if !refreshable {
            tokens.refresh_token = None;
        }
        Ok(tokens)
    }

    /// Validates an access token: one read of the store and no write, or none at all where the token itself may and can be
    /// asked. It is good for some seconds behind its announced end, and never ends before it.
    ///
    /// `note_key` names a note that is read in the same question to the store, once it is known whose the token is.
    ///
    /// # Errors
    /// See [`Rejection`].
    pub fn validate(
        &self,
        request: &ValidationRequest<'_>,
        note_key: impl FnOnce(&Subject) -> Result<Option<Key>, Rejection>,
    ) -> Result<Validated, Rejection> {
        let resource = request.resource;
        let token = AccessToken::open(request.access_token, resource.as_str(), self.keys)?;
        // Its end is not believed beyond what any token of ours can have.
        let may_be_believed = request.without_record && token.expires_at <= self.now.plus(LONGEST_BELIEVED);
        if let (true, Some(Contained { client_id, claims })) = (may_be_believed, &token.contained) {
            self.check_expiry(&token)?;
            let (client_id, claims) = (client_id.clone(), claims.clone());
            let principal = Principal {
                subject: token.subject,
                client_id,
                resource: resource.clone(),
                scopes: token.scopes,
                claims,
                // A token by which others act tells nothing by itself.
                actors: Actors::default(),
            };
            return Ok(Validated { principal, note: None });
        }
        let note_key = note_key(&token.subject)?;
        let (access, note) = self.look_up(&token, resource, note_key.as_ref())?;
        Ok(Validated { principal: access.principal, note })
    }

    /// Leads to the identity provider's tokens of the session to which an access token presented at `resource` belongs.
    ///
    /// # Errors
    /// Where the token does not validate.
    pub fn provider_grant(&self, access_token: &str, resource: &ResourceUri) -> Result<ProviderGrant, Rejection> {
        let token = AccessToken::open(access_token, resource.as_str(), self.keys)?;
        let (access, _) = self.look_up(&token, resource, None)?;
        Ok(ProviderGrant::new(access.principal.subject, token.session, access.provider_secret))
    }

    /// Leads to the identity provider's tokens of a session that is about to be refreshed, so that they can be looked
    /// after first, with the resource of the session. `None` where the refresh token is one that [`Sessions::refresh`] takes for
    /// stolen.
    ///
    /// # Errors
    /// Those of [`Sessions::refresh`]; nothing is written.
    pub fn provider_grant_at_refresh(
        &self,
        request: &RefreshRequest<'_>,
    ) -> Result<Option<(ProviderGrant, ResourceUri)>, Rejection> {
        let presented = self.present(request)?;
        if presented.is_reused(self.now) {
            return Ok(None);
        }
        let Principal { subject, resource, .. } = presented.record.principal;
        Ok(Some((ProviderGrant::of_root(subject, &presented.root), resource)))
    }

    /// Redeems a refresh token: issues the tokens of the next generation, and retires the one presented. They carry the
    /// claims that the provider told last, and the access token is issued on the `terms` of the session's resource.
    ///
    /// # Errors
    /// See [`Rejection`]. [`Rejection::Reused`] has ended the session; every other one has changed nothing, but for
    /// [`Rejection::Unavailable`] where the store fails on the way.
    pub fn refresh(
        &self,
        request: &RefreshRequest<'_>,
        terms: impl FnOnce(&ResourceUri) -> AccessTokenTerms,
        entropy: &mut impl Entropy,
    ) -> Result<Tokens, Rejection> {
        let presented = self.present(request)?;
        let is_reused = presented.is_reused(self.now);
        let Presented { root, generation, mut record, scopes } = presented;
        let name = root.name();
        if is_reused {
            ending::end(&name, self.store)?;
            return Err(Rejection::Reused);
        }
        if let Some(claims) =
            ProviderGrant::of_root(record.principal.subject.clone(), &root).renewed_claims(self.store)?
        {
            record.principal.claims = claims;
        }
        let principal = record.principal.clone();
        let next = generation.saturating_add(1);
        // Records have few places, taken in turn. Whoever was suspended on the way here, and finds that the others are two
        // refreshes further, would write over what they wrote last.
        if SessionRecord::is_successor_used(&root, generation, self.store)? {
            return Err(Rejection::Unavailable("the session was refreshed again meanwhile".to_owned()));
        }
        if generation >= record.generation
            && let Some(before) = generation.checked_sub(1)
        {
            // Right after that look, because the place is the one that the next refresh but one writes to.
            AccessRecord::delete(&name, before, self.store)?;
        }
        // Written by every caller, with the same content, but for claims that were renewed between two of them: whoever
        // answers first must not answer with a token that is not there yet.
        AccessRecord::put(&principal, &root, next, self.store, entropy)?;
        if generation >= record.generation {
            // By everybody who saw the token as the current one, too. Nobody may take it for current after a successor
            // was used: from here on it is known that this one was.
            let record = SessionRecord { generation, ..record }.refreshed(self.now);
            record.put(&root, self.store, entropy)?;
            Summary::of(&record, &name).put(&name, self.store, entropy)?;
        }
        ending::check(&name, self.store)?;
        self.issue(&root, next, &principal, scopes, terms(&principal.resource), entropy)
    }

    /// Ends the session of `root`, whatever tokens it has. Succeeds where there is none.
    ///
    /// # Errors
    /// Where the store fails; the session may then still be there.
    pub fn end(&self, root: &SessionRoot) -> Result<(), Rejection> {
        ending::end(&root.name(), self.store)
    }

    /// What requests with `token` may do at `resource`, and the note under `note_key`.
    pub(crate) fn look_up(
        &self,
        token: &AccessToken,
        resource: &ResourceUri,
        note_key: Option<&Key>,
    ) -> Result<(AccessRecord, Option<Vec<u8>>), Rejection> {
        self.check_expiry(token)?;
        let key = AccessRecord::key(&token.session, token.generation)?;
        let (sealed, note) = match note_key {
            Some(note_key) => {
                let mut values = self.store.get_many(&[&key, note_key])?.into_iter();
                (values.next().flatten(), values.next().flatten())
            }
            None => (self.store.get(&key)?, None),
        };
        let access = AccessRecord::open(&key, &token.secret, &sealed.ok_or(Rejection::Revoked)?)?;
        let AccessRecord { principal, provider_secret } = access.ok_or(Rejection::Revoked)?;
        if principal.resource != *resource {
            return Err(Rejection::Unrecognised);
        }
        let scopes = principal.scopes.intersection(&token.scopes);
        Ok((AccessRecord { principal: Principal { scopes, ..principal }, provider_secret }, note))
    }

    fn check_expiry(&self, token: &AccessToken) -> Result<(), Rejection> {
        match self.now >= token.expires_at.plus(ACCESS_GRACE_SECONDS) {
            true => Err(Rejection::Expired),
            false => Ok(()),
        }
    }

    /// Checks a refresh token and what is asked for with it. Writes nothing.
    fn present(&self, request: &RefreshRequest<'_>) -> Result<Presented, Rejection> {
        let RefreshToken { root, generation } = RefreshToken::open(request.refresh_token, self.keys)?;
        if self.now >= root.expires_at {
            return Err(Rejection::Expired);
        }
        let record = SessionRecord::get(&root, self.store)?.ok_or(Rejection::Revoked)?;
        let scopes = narrowed(&record.principal, request)?;
        // Only what rotates: who comes in the grace period, and who is taken for a thief, gets their own answer.
        if generation >= record.generation
            && let Some(retry_after) = record.has_to_wait(self.now)
        {
            return Err(Rejection::TooOften { retry_after });
        }
        Ok(Presented { root, generation, record, scopes })
    }

    fn issue(
        &self,
        root: &SessionRoot,
        generation: u64,
        principal: &Principal,
        scopes: Scopes,
        terms: AccessTokenTerms,
        entropy: &mut impl Entropy,
    ) -> Result<Tokens, Rejection> {
        let expires_in = terms.lifetime.min(self.now.seconds_until(root.expires_at));
        let access_token = AccessToken {
            secret: root.access_secret(generation),
            session: root.name(),
            generation,
            expires_at: self.now.plus(expires_in),
            scopes: scopes.clone(),
            subject: principal.subject.clone(),
            contained: if terms.self_contained { Contained::of(principal) } else { None },
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

/// A refresh token that is ours, presented by its client.
struct Presented {
    root: SessionRoot,
    generation: u64,
    record: SessionRecord,
    /// What the new access token allows.
    scopes: Scopes,
}

impl Presented {
    /// Whether somebody else has the token, too: it was rotated, and not just now.
    fn is_reused(&self, now: UnixTime) -> bool {
        self.record.is_reuse(self.generation, now)
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
    principal.scopes.granted(request.scopes.unwrap_or(&principal.scopes)).ok_or(Rejection::BeyondGrant)
}

#[cfg(test)]
mod tests;
