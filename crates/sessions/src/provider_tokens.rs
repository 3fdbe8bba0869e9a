//! The identity provider's tokens: kept in a record of their own, and refreshed by one caller at a time.
//!
//! Providers rotate refresh tokens and take a second use for theft, so of all requests that find the access token about
//! to expire, in all instances, one may ask ([`gatehouse_sealed_storage::renewal_lease`]).

use core::fmt;

use gatehouse_backend_tokens::TokenPlace;
use gatehouse_protocol::{Claims, Entropy, SecretString, Subject, UnixTime};
use gatehouse_sealed_storage::renewal_lease::{Opened, RenewalClaim, RenewalKinds, RenewalLease, RenewalPlace};
use gatehouse_sealed_storage::sealing::HandleSecret;
use gatehouse_storage::{Kind, Store};

use crate::provider_records::{LEASE, TOKENS, TokensRecord, TokensText};
use crate::{ProviderTokens, Rejection, SessionName, SessionRoot, ending, record};

/// A counter for each attempt: 1 open, 2 taken.
const ATTEMPT: Kind = "provider-attempt";

/// Seconds before its end from which an access token is refreshed: a request that goes on with it takes its time.
/// Tokens that live less than twice as long are refreshed halfway.
const DUE_SECONDS: u64 = 60;

/// Leads to the provider's tokens of one session.
#[derive(Clone, Debug)]
pub struct ProviderGrant {
    /// Whose they are. The first part is the provider's configured name.
    pub subject: Subject,
    name: SessionName,
    secret: HandleSecret,
}

/// How the provider's access token is.
#[derive(Debug)]
pub enum ProviderTokenState {
    /// It can be used.
    Fresh(SecretString),
    /// It ends soon or has ended, and can be refreshed.
    Due(Due),
    /// The provider gave none, or none that can still be used.
    Absent,
}

/// Tokens that should be refreshed.
pub struct Due {
    generation: u64,
    refresh_token: SecretString,
}

/// The outcome of trying to refresh; waiting is not an error.
#[derive(Debug)]
pub enum RefreshClaim {
    /// This caller, and no other, asks the provider.
    Lease(Lease),
    /// Somebody else does. Look at the state again in a moment, and try again where it has not changed.
    Wait,
}

/// The right to refresh the tokens once.
pub struct Lease {
    grant: ProviderGrant,
    tokens: Due,
    renewal: RenewalLease,
}

/// What the provider answers to a refresh.
pub struct RefreshedTokens {
    /// The new access token.
    pub access_token: SecretString,
    /// The new refresh token, where the provider gives one.
    pub refresh_token: Option<SecretString>,
    /// When the access token ends, where the provider says.
    pub expires_at: Option<UnixTime>,
    /// What the provider now says of the user; `None` where it said nothing.
    pub claims: Option<Claims>,
}

impl ProviderGrant {
    pub(crate) fn new(subject: Subject, name: SessionName, secret: HandleSecret) -> Self {
        Self { subject, name, secret }
    }

    /// Ends the session: its provider's tokens are what it was for, and it has none that can be used.
    ///
    /// # Errors
    /// Where the store fails; the session may then still be there.
    pub fn end_session(&self, store: &impl Store) -> Result<(), Rejection> {
        ending::end(&self.name, store)
    }

    /// Where the session keeps a token for what is behind the gateway: one of its places, for these settings.
    pub fn backend_place(&self, place: u8, fingerprint: String) -> TokenPlace {
        TokenPlace::of_session(&self.name.secret, &self.secret, self.name.expires_at, place, fingerprint)
    }

    /// Notes that the session may have such tokens, so that they end with it.
    ///
    /// # Errors
    /// Where the store does not answer: then none may be kept.
    pub fn mark_backend_tokens(&self, store: &impl Store) -> Result<(), Rejection> {
        Ok(TokenPlace::mark_session(&self.name.secret, self.name.expires_at, store)?)
    }

    /// Looks whether the session has ended while a token of it was kept, and then removes that.
    ///
    /// # Errors
    /// [`Rejection::Revoked`] where it has.
    pub fn check_open(&self, store: &impl Store) -> Result<(), Rejection> {
        ending::check(&self.name, store)
    }

    /// That of the session of `root`.
    pub(crate) fn of_root(subject: Subject, root: &SessionRoot) -> Self {
        Self::new(subject, root.name(), root.provider_secret())
    }

    /// Keeps the tokens with which the session opens.
    pub(crate) fn begin(
        &self,
        tokens: ProviderTokens,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<(), Rejection> {
        let Some(access_token) = tokens.access_token else { return Ok(()) };
        let record = TokensRecord {
            access_token,
            refresh_token: tokens.refresh_token,
            received_at: now,
            expires_at: tokens.expires_at,
            generation: 0,
            renewed_claims: None,
        };
        self.put(&record, store, entropy)
    }

    /// How the provider's access token is at `now`.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn state(&self, store: &impl Store, now: UnixTime) -> Result<ProviderTokenState, Rejection> {
        Ok(self.tokens(store)?.map_or(ProviderTokenState::Absent, |record| ProviderTokenState::of(record, now)))
    }

    /// What the provider has said of the user since the session was opened; `None` where it said nothing anew.
    pub(crate) fn renewed_claims(&self, store: &impl Store) -> Result<Option<Claims>, Rejection> {
        Ok(self.tokens(store)?.and_then(|record| record.renewed_claims))
    }

    /// Tries to become the one who refreshes the tokens.
    ///
    /// # Errors
    /// [`Rejection::Revoked`] where the session has ended, [`Rejection::Unavailable`] where the store does not answer.
    pub fn claim_refresh(
        &self,
        due: Due,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<RefreshClaim, Rejection> {
        let current = || Ok::<_, Rejection>(self.tokens(store)?.ok_or(Rejection::Revoked)?.generation);
        Ok(match self.renewals().claim(due.generation, current, store, now, entropy)? {
            RenewalClaim::Lease(renewal) => RefreshClaim::Lease(Lease { grant: self.clone(), tokens: due, renewal }),
            RenewalClaim::Wait => RefreshClaim::Wait,
            RenewalClaim::Paused(_) => return Err(no_answer_lately()),
        })
    }

    fn tokens(&self, store: &impl Store) -> Result<Option<TokensRecord>, Rejection> {
        let text = record::get::<TokensText>(&self.secret, &self.name.key(TOKENS, 0)?, store)?;
        Ok(text.map(TokensRecord::from))
    }

    /// Stores a generation of tokens. Its first attempt is open before anybody can want it.
    fn put(&self, record: &TokensRecord, store: &impl Store, entropy: &mut impl Entropy) -> Result<(), Rejection> {
        if record.refresh_token.is_some() {
            self.renewals().open(record.generation, store)?;
        }
        record::put(&TokensText::from(record), &self.secret, &self.name.key(TOKENS, 0)?, store, entropy)
    }

    /// Who refreshes them.
    fn renewals(&self) -> RenewalPlace {
        RenewalPlace {
            name: self.name.secret.clone(),
            secret: self.secret.clone(),
            expires_at: self.name.expires_at,
            kinds: RenewalKinds { note: LEASE, attempt: ATTEMPT },
            opened: Opened::WithTheGeneration,
        }
    }
}

/// What who asks while the provider is left in peace is told.
fn no_answer_lately() -> Rejection {
    Rejection::Unavailable("the identity provider has not answered for several times".to_owned())
}

impl Lease {
    /// What to ask the provider with.
    pub fn refresh_token(&self) -> &SecretString {
        &self.tokens.refresh_token
    }

    /// Keeps what the provider answered, at `now`, and gives the access token. Without a new refresh token the old one
    /// goes on (RFC 6749, section 6).
    ///
    /// # Errors
    /// [`Rejection::Revoked`] where the session was ended meanwhile: nothing of it is left.
    pub fn complete(
        self,
        answer: RefreshedTokens,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<SecretString, Rejection> {
        let current = self.grant.tokens(store)?.ok_or(Rejection::Revoked)?;
        if current.generation != self.tokens.generation {
            // This lease was over before the provider answered, and the next one was quicker.
            return Ok(current.access_token);
        }
        let record = TokensRecord {
            access_token: answer.access_token.clone(),
            refresh_token: Some(answer.refresh_token.unwrap_or(self.tokens.refresh_token)),
            received_at: now,
            expires_at: answer.expires_at,
            generation: self.tokens.generation.saturating_add(1),
            renewed_claims: answer.claims.or(current.renewed_claims),
        };
        self.grant.put(&record, store, entropy)?;
        self.renewal.complete(store)?;
        ending::check(&self.grant.name, store)?;
        Ok(answer.access_token)
    }

    /// Lets the next caller try: the provider did not answer. At once for the first times, then after a pause that grows,
    /// during which nobody waits for it.
    ///
    /// # Errors
    /// Where the store does not answer; the next caller then waits until the lease is over.
    pub fn give_up(self, store: &impl Store, now: UnixTime, entropy: &mut impl Entropy) -> Result<(), Rejection> {
        Ok(self.renewal.give_up(store, now, entropy)?)
    }

    /// Ends the session: the provider no longer takes its refresh token, so the user must sign in
    /// again. Where the tokens were refreshed meanwhile, the provider meant the old one, and the session goes on.
    ///
    /// # Errors
    /// [`Rejection::Revoked`] where the session has ended by it; [`Rejection::Unavailable`] where the store does not
    /// answer, and the session may still be there.
    pub fn sign_in_again(self, store: &impl Store) -> Result<(), Rejection> {
        let current = self.grant.tokens(store)?;
        if current.is_some_and(|current| current.generation != self.tokens.generation) {
            return Ok(());
        }
        ending::end(&self.grant.name, store)?;
        Err(Rejection::Revoked)
    }
}

impl fmt::Debug for Due {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Due").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl fmt::Debug for RefreshedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshedTokens([redacted])")
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("tokens", &self.tokens).field("renewal", &self.renewal).finish_non_exhaustive()
    }
}

impl ProviderTokenState {
    fn of(tokens: TokensRecord, now: UnixTime) -> Self {
        let TokensRecord { access_token, refresh_token, received_at, expires_at, generation, renewed_claims: _ } =
            tokens;
        // Where the provider did not say when it ends, nobody knows better than the one who uses it.
        let Some(expires_at) = expires_at else { return Self::Fresh(access_token) };
        let early = DUE_SECONDS.min(received_at.seconds_until(expires_at) / 2);
        match refresh_token {
            Some(refresh_token) if now.plus(early) >= expires_at => Self::Due(Due { generation, refresh_token }),
            _ if now < expires_at => Self::Fresh(access_token),
            _ => Self::Absent,
        }
    }
}

#[cfg(test)]
mod tests;
