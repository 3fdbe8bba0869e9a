//! The identity provider's tokens: kept in a record of their own, and refreshed by one caller at a time.
//!
//! Providers rotate refresh tokens and take a second use for theft, so of all requests that find the access token about
//! to expire, in all instances, one may ask. It takes a *lease*. For each generation of the tokens there are attempts,
//! each with a counter that one caller wins ([`gatehouse_storage::claim`]); the next attempt opens when the lease of
//! the one before is over, after a minute or when its holder gives up. Who wins is decided by the counters alone. A
//! record notes which attempt is under way and when its lease is over; it may be lost or overwritten by somebody late
//! without letting a second caller win, only the next attempt then takes longer.
//!
//! Counters of attempts that are over are removed, so that a session has a handful of them however long it lives and
//! however often the provider fails. Who comes so late that they begin a removed one anew finds other tokens, or a note of
//! a later attempt, and asks nobody.

use core::fmt;
use core::ops::RangeInclusive;

use gatehouse_protocol::{Claims, Entropy, SecretString, Subject, UnixTime};
use gatehouse_sealed_storage::sealing::HandleSecret;
use gatehouse_storage::{Claim, Key, Kind, Store, claim, issue};

use crate::provider_records::{LEASE, Note, TOKENS, TokensRecord, TokensText};
use crate::{ProviderTokens, Rejection, SessionName, SessionRoot, ending, record};

/// A counter for each attempt: 1 open, 2 taken.
const ATTEMPT: Kind = "provider-attempt";

/// Seconds before its end from which an access token is refreshed: a request that goes on with it takes its time.
/// Tokens that live less than twice as long are refreshed halfway.
const DUE_SECONDS: u64 = 60;
/// Seconds for which nobody else asks the provider: more than the exchanges for metadata, an assertion, tokens and keys take.
const LEASE_SECONDS: u64 = 60;
/// How many attempts may follow each other at once where the provider does not answer.
const ATTEMPTS_AT_ONCE: u64 = 6;
/// Seconds between two attempts after those, at most: 1 first, then 2, and so on.
const LONGEST_PAUSE_SECONDS: u64 = 30;
/// How many counters of attempts that are over stay while the tokens do: so many that the pauses between them are longer
/// than any store lags.
const ATTEMPTS_KEPT: u64 = 8;

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
    /// It has ended, and cannot be refreshed.
    Ended,
    /// The session began without any.
    NeverGiven,
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
    attempt: u64,
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
    /// [`Rejection::Revoked`] where the session has ended, [`Rejection::Unavailable`] where the store does not answer.
    pub fn state(&self, store: &impl Store, now: UnixTime) -> Result<ProviderTokenState, Rejection> {
        match self.tokens(store)? {
            Some(record) => Ok(ProviderTokenState::of(record, now)),
            // A session that ends loses them: that must not be taken for one that never had any.
            None => ending::check(&self.name, store).map(|()| ProviderTokenState::NeverGiven),
        }
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
        let generation = due.generation;
        let before = self.note(generation, store)?;
        let attempt = match &before {
            Some(note) if now < note.over_at() && note.gave_up => return Err(no_answer_lately()),
            Some(note) if now < note.over_at() => return Ok(RefreshClaim::Wait),
            Some(note) => note.attempt.saturating_add(1),
            None => 0,
        };
        let note = Note { generation, attempt, over_at: now.plus(LEASE_SECONDS).seconds(), gave_up: false };
        match claim(store, &self.attempt(generation, attempt)?)? {
            Claim::Won => {}
            Claim::AlreadyClaimed => {
                // Whoever won has not noted it yet, or broke down before it could: its time runs from now.
                if self.note(generation, store)? == before {
                    self.put_note(&note, store, entropy)?;
                }
                return Ok(RefreshClaim::Wait);
            }
            // The one before broke down before it opened this attempt; now it is open.
            Claim::NeverIssued => return Ok(RefreshClaim::Wait),
        }
        // The tokens may have been refreshed after the caller had read them, by a lease that is over since; or this counter
        // was one that had been removed, because later attempts were under way.
        let current = self.tokens(store)?.ok_or(Rejection::Revoked)?;
        let is_late = self.note(generation, store)?.is_some_and(|noted| noted.attempt > attempt);
        if current.generation != generation || is_late {
            return Ok(RefreshClaim::Wait);
        }
        issue(store, &self.attempt(generation, attempt.saturating_add(1))?)?;
        self.put_note(&note, store, entropy)?;
        if let Some(over) = attempt.checked_sub(ATTEMPTS_KEPT) {
            self.remove_attempts(generation, over..=over, store)?;
        }
        Ok(RefreshClaim::Lease(Lease { grant: self.clone(), tokens: due, attempt }))
    }

    fn tokens(&self, store: &impl Store) -> Result<Option<TokensRecord>, Rejection> {
        let text = record::get::<TokensText>(&self.secret, &self.name.key(TOKENS, 0)?, store)?;
        Ok(text.map(TokensRecord::from))
    }

    /// Stores a generation of tokens. Its first attempt is open before anybody can want it.
    fn put(&self, record: &TokensRecord, store: &impl Store, entropy: &mut impl Entropy) -> Result<(), Rejection> {
        if record.refresh_token.is_some() {
            issue(store, &self.attempt(record.generation, 0)?)?;
        }
        record::put(&TokensText::from(record), &self.secret, &self.name.key(TOKENS, 0)?, store, entropy)
    }

    /// Which attempt for `generation` is under way; `None` where none was noted.
    fn note(&self, generation: u64, store: &impl Store) -> Result<Option<Note>, Rejection> {
        let note = record::get::<Note>(&self.secret, &self.name.key(LEASE, 0)?, store)?;
        Ok(note.filter(|note| note.generation == generation))
    }

    fn put_note(&self, note: &Note, store: &impl Store, entropy: &mut impl Entropy) -> Result<(), Rejection> {
        record::put(note, &self.secret, &self.name.key(LEASE, 0)?, store, entropy)
    }

    fn attempt(&self, generation: u64, attempt: u64) -> Result<Key, Rejection> {
        self.name.key_of_pair(ATTEMPT, generation, attempt)
    }

    fn remove_attempts(
        &self,
        generation: u64,
        attempts: RangeInclusive<u64>,
        store: &impl Store,
    ) -> Result<(), Rejection> {
        for attempt in attempts {
            store.delete(&self.attempt(generation, attempt)?)?;
        }
        Ok(())
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
        // Those of this generation that are there, the last of which this attempt opened.
        let first = self.attempt.saturating_sub(ATTEMPTS_KEPT - 1);
        self.grant.remove_attempts(self.tokens.generation, first..=self.attempt.saturating_add(1), store)?;
        ending::check(&self.grant.name, store)?;
        Ok(answer.access_token)
    }

    /// Lets the next caller try: the provider did not answer. At once for the first times, then after a pause that grows,
    /// during which nobody waits for it.
    ///
    /// # Errors
    /// Where the store does not answer; the next caller then waits until the lease is over.
    pub fn give_up(self, store: &impl Store, now: UnixTime, entropy: &mut impl Entropy) -> Result<(), Rejection> {
        let pause = pause_after(self.attempt);
        let over_at = if pause == 0 { 0 } else { now.plus(pause).seconds() };
        let note = Note { generation: self.tokens.generation, attempt: self.attempt, over_at, gave_up: true };
        self.grant.put_note(&note, store, entropy)
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
        f.debug_struct("Lease").field("tokens", &self.tokens).field("attempt", &self.attempt).finish_non_exhaustive()
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
            _ => Self::Ended,
        }
    }
}

/// Seconds in which nobody asks the provider after it has not answered to the attempt with this number, from 0.
const fn pause_after(attempt: u64) -> u64 {
    match attempt.saturating_add(1).checked_sub(ATTEMPTS_AT_ONCE) {
        None => 0,
        Some(more @ 0..5) => 1 << more,
        Some(_) => LONGEST_PAUSE_SECONDS,
    }
}

#[cfg(test)]
mod tests;
