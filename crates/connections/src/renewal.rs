//! The tokens of a link, and who renews them: one caller at a time, in all instances ([`gatehouse_sealed_storage::renewal_lease`]).

use core::fmt;

use gatehouse_protocol::{Entropy, SecretString, UnixTime};
use gatehouse_sealed_storage::renewal_lease::{Opened, RenewalClaim, RenewalKinds, RenewalLease, RenewalPlace};
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};
use serde::{Deserialize, Serialize};

use crate::LinkedTokens;
use crate::link::{Link, unreadable};

/// One record for each link: its tokens.
const TOKENS: Kind = "connection-tokens";
/// The note of who renews them, and a counter for each attempt.
const KINDS: RenewalKinds = RenewalKinds { note: "connection-lease", attempt: "connection-attempt" };

/// Seconds before its end from which an access token is renewed: a request that goes on with it takes its time. Tokens that live
/// less than twice as long are renewed halfway.
const DUE_SECONDS: u64 = 60;

/// A generation of tokens.
#[derive(Serialize, Deserialize)]
pub(crate) struct TokensRecord {
    access_token: String,
    refresh_token: Option<String>,
    received_at: u64,
    expires_at: Option<u64>,
    generation: u64,
}

/// How the access token of a link is.
pub enum LinkState {
    /// It can be used.
    Fresh(SecretString),
    /// It ends soon or has ended, and can be renewed.
    Due(DueTokens),
    /// It has ended, and cannot be renewed; or the link was removed. Only a new link helps.
    Over,
}

/// Tokens that should be renewed.
pub struct DueTokens {
    pub(crate) generation: u64,
    /// The access token, until it ends.
    pub usable: Option<SecretString>,
}

/// The outcome of wanting to renew the tokens; waiting is not an error.
#[derive(Debug)]
pub enum TokenClaim {
    /// This caller, and no other, asks the server.
    Lease(Box<TokenLease>),
    /// Somebody else does. Look at the state again in a moment.
    Wait,
    /// The server has not answered for several times: nobody asks it for a moment.
    Paused,
}

/// The right to renew the tokens once.
pub struct TokenLease {
    link: Link,
    lease: RenewalLease,
    refresh_token: SecretString,
}

impl TokensRecord {
    pub(crate) fn first(tokens: LinkedTokens, now: UnixTime) -> Self {
        Self::of(tokens, None, 0, now)
    }

    fn of(tokens: LinkedTokens, former: Option<&SecretString>, generation: u64, now: UnixTime) -> Self {
        let LinkedTokens { access_token, refresh_token, expires_in } = tokens;
        let refresh_token = refresh_token.as_ref().or(former);
        Self {
            access_token: access_token.expose().to_owned(),
            refresh_token: refresh_token.map(|token| token.expose().to_owned()),
            received_at: now.seconds(),
            expires_at: expires_in.map(|seconds| now.plus(seconds).seconds()),
            generation,
        }
    }

    pub(crate) fn into_tokens(self) -> LinkedTokens {
        LinkedTokens {
            access_token: SecretString::new(self.access_token),
            refresh_token: self.refresh_token.map(SecretString::new),
            expires_in: None,
        }
    }

    fn state(self, now: UnixTime) -> LinkState {
        // Where the server did not say when it ends, nobody knows better than the one who uses it.
        let Some(expires_at) = self.expires_at.map(UnixTime::from_seconds) else {
            return LinkState::Fresh(SecretString::new(self.access_token));
        };
        let early = DUE_SECONDS.min(UnixTime::from_seconds(self.received_at).seconds_until(expires_at) / 2);
        let usable = (now < expires_at).then(|| SecretString::new(self.access_token));
        match (self.refresh_token, usable) {
            (Some(_), usable) if now.plus(early) >= expires_at => {
                LinkState::Due(DueTokens { generation: self.generation, usable })
            }
            (_, Some(token)) => LinkState::Fresh(token),
            (_, None) => LinkState::Over,
        }
    }
}

impl Link {
    /// How the access token is at `now`.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn state(&self, store: &impl Store, now: UnixTime) -> Result<LinkState, StoreUnavailable> {
        Ok(self.tokens(store)?.map_or(LinkState::Over, |record| record.state(now)))
    }

    /// Tries to become the one who renews these tokens.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn claim(
        &self,
        due: &DueTokens,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<TokenClaim, StoreUnavailable> {
        let mut refresh_token = None;
        let current = || {
            let Some(record) = self.tokens(store)? else { return Ok(u64::MAX) };
            refresh_token = record.refresh_token.map(SecretString::new);
            Ok::<_, StoreUnavailable>(record.generation)
        };
        Ok(match self.renewals().claim(due.generation, current, store, now, entropy)? {
            RenewalClaim::Lease(lease) => match refresh_token {
                Some(refresh_token) => {
                    TokenClaim::Lease(Box::new(TokenLease { link: self.clone(), lease, refresh_token }))
                }
                None => TokenClaim::Wait,
            },
            RenewalClaim::Wait => TokenClaim::Wait,
            RenewalClaim::Paused(_) => TokenClaim::Paused,
        })
    }

    /// Ends the link, unless the owner has made another one meanwhile.
    pub(crate) fn end(&self, store: &impl Store) -> Result<(), StoreUnavailable> {
        if self.is_current(store)? {
            store.delete(&self.key)?;
        }
        self.delete_tokens(store)
    }

    pub(crate) fn tokens(&self, store: &impl Store) -> Result<Option<TokensRecord>, StoreUnavailable> {
        let key = self.tokens_key()?;
        let Some(sealed) = store.get(&key)? else { return Ok(None) };
        let text = self.secret.open_record(&key.to_string(), &sealed).map_err(|_| unreadable(&key))?;
        serde_json::from_slice(&text).map(Some).map_err(|_| unreadable(&key))
    }

    /// Stores a generation of tokens. Its first attempt is open before anybody can want it.
    pub(crate) fn put(
        &self,
        record: &TokensRecord,
        store: &impl Store,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        if record.refresh_token.is_some() {
            self.renewals().open(record.generation, store)?;
        }
        let key = self.tokens_key()?;
        let text = serde_json::to_vec(record).map_err(|_| unreadable(&key))?;
        let sealed = self.secret.seal_record(&key.to_string(), &text, entropy).map_err(|_| unreadable(&key))?;
        store.put(&key, &sealed)
    }

    pub(crate) fn delete_tokens(&self, store: &impl Store) -> Result<(), StoreUnavailable> {
        store.delete(&self.tokens_key()?)?;
        self.renewals().delete(store)
    }

    fn tokens_key(&self) -> Result<Key, StoreUnavailable> {
        Ok(Key::new(TOKENS, &self.secret.record_id(), self.key.expires_at())?)
    }

    fn renewals(&self) -> RenewalPlace {
        RenewalPlace {
            name: self.secret.derive("renewals", 0),
            secret: self.secret.derive("renewal-note", 0),
            expires_at: self.key.expires_at(),
            kinds: KINDS,
            opened: Opened::WithTheGeneration,
        }
    }
}

impl TokenLease {
    /// What to ask the server with.
    pub const fn refresh_token(&self) -> &SecretString {
        &self.refresh_token
    }

    /// Keeps what the server gave, and gives the access token; `None` where the link was removed or made anew meanwhile: nothing of
    /// what came is kept. Without a new refresh token the old one goes on (RFC 6749, section 6).
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn complete(
        self,
        tokens: LinkedTokens,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<Option<SecretString>, StoreUnavailable> {
        let generation = self.lease.generation();
        let Some(current) = self.link.tokens(store)? else { return Ok(None) };
        if current.generation != generation {
            // This lease was over before the server answered, and the next one was quicker.
            return Ok(Some(SecretString::new(current.access_token)));
        }
        let access_token = tokens.access_token.clone();
        let record = TokensRecord::of(tokens, Some(&self.refresh_token), generation.saturating_add(1), now);
        self.link.put(&record, store, entropy)?;
        self.lease.complete(store)?;
        // Whoever removed the link while this was written may have deleted before it.
        if !self.link.is_current(store)? {
            self.link.delete_tokens(store)?;
            return Ok(None);
        }
        Ok(Some(access_token))
    }

    /// Lets the next caller try: the server did not answer.
    ///
    /// # Errors
    /// Where the store does not answer; the next caller then waits until the lease is over.
    pub fn give_up(
        self,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        self.lease.give_up(store, now, entropy)
    }

    /// Ends the link: the server takes the refresh token no longer. Tells whether it did: where the tokens were renewed meanwhile, the
    /// server meant the old one, and the link goes on.
    ///
    /// # Errors
    /// Where the store does not answer; the link may then still be there.
    pub fn end_link(self, store: &impl Store) -> Result<bool, StoreUnavailable> {
        let current = self.link.tokens(store)?;
        if current.is_some_and(|current| current.generation != self.lease.generation()) {
            return Ok(false);
        }
        self.link.end(store)?;
        Ok(true)
    }
}

impl fmt::Debug for LinkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fresh(_) => f.write_str("Fresh([redacted])"),
            Self::Due(due) => f.debug_tuple("Due").field(&due.generation).finish(),
            Self::Over => f.write_str("Over"),
        }
    }
}

impl fmt::Debug for TokenLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenLease").field("lease", &self.lease).finish_non_exhaustive()
    }
}
