//! How a token is, and who gets it anew.

use core::fmt;

use gatehouse_protocol::{Entropy, SecretString, UnixTime};
use gatehouse_sealed_storage::renewal_lease::{RenewalClaim, RenewalLease};
use gatehouse_storage::{Store, StoreUnavailable};
use thiserror::Error;

use crate::record::{Kept, Record};
use crate::{GivenToken, Refused, TokenPlace};

/// Seconds before its end from which a token is got anew: a request that goes on with it takes its time. Tokens that live less than
/// twice as long are got anew halfway.
const DUE_SECONDS: u64 = 60;
/// Seconds for which a token counts whose end was not said.
const DEFAULT_SECONDS: u64 = 5 * 60;
/// Seconds for which a refusal counts: then somebody asks again.
const REFUSED_SECONDS: u64 = 30;

/// How a token is.
#[derive(Debug)]
pub enum TokenState {
    /// It can be used.
    Fresh(SecretString),
    /// There is none, or it ends soon or has ended.
    Due(DueToken),
    /// It was refused a moment ago.
    Refused(Refused),
}

/// A token that should be got anew.
pub struct DueToken {
    generation: u64,
    /// The one that is there, until it ends.
    pub usable: Option<SecretString>,
    /// With which it is got anew, where there is one.
    pub refresh_token: Option<SecretString>,
}

/// The outcome of wanting to get a token; waiting is not an error.
#[derive(Debug)]
pub enum TokenClaim {
    /// This caller, and no other, gets it.
    Lease(TokenLease),
    /// Somebody else does. Look at the state again in a moment, and try again where it has not changed.
    Wait,
    /// Nobody does for a while: there was no answer for several times.
    Paused,
}

/// The right to get a token once.
#[derive(Debug)]
pub struct TokenLease {
    place: TokenPlace,
    renewal: RenewalLease,
}

/// Why there is no token.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Rejection {
    /// Somebody refused to give it.
    #[error("{}", .0.reason)]
    Refused(Refused),
    /// Something that must answer did not. The text is for the log.
    #[error("{0}")]
    Unavailable(String),
}

impl From<StoreUnavailable> for Rejection {
    fn from(error: StoreUnavailable) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl TokenPlace {
    /// How the token is at `now`: one read.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn state(&self, store: &impl Store, now: UnixTime) -> Result<TokenState, StoreUnavailable> {
        let due = |generation, usable, refresh_token| TokenState::Due(DueToken { generation, usable, refresh_token });
        let Some(Record { generation, received_at, kept }) = self.record(store)? else {
            return Ok(due(0, None, None));
        };
        Ok(match kept {
            Kept::Token(GivenToken { access_token, refresh_token, expires_at }) => {
                let expires_at = expires_at.unwrap_or_else(|| received_at.plus(DEFAULT_SECONDS));
                let early = DUE_SECONDS.min(received_at.seconds_until(expires_at) / 2);
                if now.plus(early) < expires_at {
                    TokenState::Fresh(access_token)
                } else {
                    due(generation, (now < expires_at).then_some(access_token), refresh_token)
                }
            }
            Kept::Refused(refused) if now < received_at.plus(REFUSED_SECONDS) => TokenState::Refused(refused),
            Kept::Refused(_) | Kept::OfOthers => due(generation, None, None),
        })
    }

    /// Tries to become the one who gets the token.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn claim(
        &self,
        due: &DueToken,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<TokenClaim, StoreUnavailable> {
        let current = || Ok::<_, StoreUnavailable>(self.record(store)?.map_or(0, |record| record.generation));
        Ok(match self.renewals().claim(due.generation, current, store, now, entropy)? {
            RenewalClaim::Lease(renewal) => TokenClaim::Lease(TokenLease { place: self.clone(), renewal }),
            RenewalClaim::Wait => TokenClaim::Wait,
            RenewalClaim::Paused(_) => TokenClaim::Paused,
        })
    }

    /// Keeps a token that nobody has waited for, such as the first one.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn begin(
        &self,
        token: &GivenToken,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        let generation = self.record(store)?.map_or(0, |record| record.generation).saturating_add(1);
        self.put(generation, Ok(token), store, now, entropy)
    }
}

impl TokenLease {
    /// Keeps what was given, at `now`. Where another lease was quicker, because this one was over, what that one got stays, and is
    /// what counts.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn complete(
        self,
        token: GivenToken,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<SecretString, StoreUnavailable> {
        if let Some(current) = self.replaced(store)? {
            return Ok(match current.kept {
                Kept::Token(quicker) => quicker.access_token,
                Kept::Refused(_) | Kept::OfOthers => token.access_token,
            });
        }
        self.place.put(self.renewal.generation().saturating_add(1), Ok(&token), store, now, entropy)?;
        self.renewal.complete(store)?;
        Ok(token.access_token)
    }

    /// Keeps that it was refused; the token from before counts no more.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn refused(
        self,
        refused: Refused,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        if self.replaced(store)?.is_some() {
            return Ok(());
        }
        self.place.put(self.renewal.generation().saturating_add(1), Err(refused), store, now, entropy)?;
        self.renewal.complete(store)
    }

    /// Lets the next caller try: there was no answer. At once for the first times, then after a pause that grows.
    ///
    /// # Errors
    /// Where the store does not answer; the next caller then waits until the lease is over.
    pub fn give_up(
        self,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        self.renewal.give_up(store, now, entropy)
    }

    /// What another lease has written meanwhile.
    fn replaced(&self, store: &impl Store) -> Result<Option<Record>, StoreUnavailable> {
        let current = self.place.record(store)?;
        Ok(current.filter(|current| current.generation != self.renewal.generation()))
    }
}

impl fmt::Debug for DueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DueToken").field("generation", &self.generation).finish_non_exhaustive()
    }
}
