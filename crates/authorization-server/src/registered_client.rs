//! Clients that registered: found by what their id carries, and kept while they are in use.
//!
//! Anybody may register, and most that do never come back. A registration therefore lives a day, and one that is used
//! lives on for 45 to 90 days after its last use.

use gatehouse_configuration::GrantType;
use gatehouse_protocol::{ClientId, Entropy, UnixTime};
use gatehouse_sealed_storage::sealing::HandleSecret;
use gatehouse_storage::{Kind, Periods, Store, StoreUnavailable};
use serde::{Deserialize, Serialize};

use crate::client_authentication::AuthenticationText;
use crate::record::{Record, Unreadable};

/// One record for each client that registered, and another for each period in which it is used.
pub(crate) const CLIENT: Kind = "client";
/// Seconds for which a registration is kept that nobody uses.
const UNUSED_SECONDS: u64 = 24 * 60 * 60;
/// 45 days.
const PERIOD_SECONDS: u64 = 45 * 24 * 60 * 60;
pub(crate) const PERIODS: Periods = Periods::of_seconds(PERIOD_SECONDS);

/// What is stored, sealed under the secret in the client's id.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct RegisteredText {
    pub(crate) client_name: String,
    pub(crate) redirect_uris: Vec<String>,
    pub(crate) refreshable: bool,
    pub(crate) authentication: AuthenticationText,
}

/// A registration as it was found.
#[derive(Clone)]
pub(crate) struct Registration {
    id: RegisteredId,
    text: RegisteredText,
    /// When the record ends in which it was found.
    kept_until: UnixTime,
}

impl core::fmt::Debug for Registration {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Registration([redacted])")
    }
}

/// Stores a new client and returns its id.
///
/// # Errors
/// Where the store does not answer; then there is no client.
pub(crate) fn store_registered(
    text: &RegisteredText,
    store: &impl Store,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<ClientId, StoreUnavailable> {
    let id = RegisteredId::new(HandleSecret::generate(entropy), now.plus(UNUSED_SECONDS));
    id.record(id.unused_until).put(text, store, entropy)?;
    ClientId::parse(&id.to_text()).map_err(|error| StoreUnavailable(error.to_string()))
}

/// What a client that nobody vouches for may present.
pub(crate) fn grant_types(refreshable: bool) -> Vec<GrantType> {
    let mut grant_types = vec![GrantType::AuthorizationCode];
    grant_types.extend(refreshable.then_some(GrantType::RefreshToken));
    grant_types
}

impl Registration {
    /// That of the client with this id, where it registered and has been in use since.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub(crate) fn find(
        client_id: &ClientId,
        store: &impl Store,
        now: UnixTime,
    ) -> Result<Option<Self>, StoreUnavailable> {
        RegisteredId::parse(client_id).map_or(Ok(None), |id| Self::of(id, store, now))
    }

    /// What the client registered.
    pub(crate) const fn text(&self) -> &RegisteredText {
        &self.text
    }

    /// Between when and when the client was used last; `None` where it never was since it registered.
    pub(crate) fn last_used(&self) -> Option<[UnixTime; 2]> {
        let before =
            |periods: u64| UnixTime::from_seconds(self.kept_until.seconds().saturating_sub(periods * PERIOD_SECONDS));
        (self.kept_until != self.id.unused_until).then(|| [before(2), before(1)])
    }

    /// Removes it, whatever it is kept for.
    pub(crate) fn remove(&self, store: &impl Store, now: UnixTime) -> Result<(), StoreUnavailable> {
        let ends = PERIODS.possible_ends(now).into_iter().chain([self.id.unused_until]);
        ends.map(|end| self.id.record(end)).try_for_each(|record| record.delete(store))
    }

    fn of(id: RegisteredId, store: &impl Store, now: UnixTime) -> Result<Option<Self>, StoreUnavailable> {
        let unused = (now < id.unused_until).then_some(id.unused_until);
        // The record of the present period first: where it is found, there is nothing to note.
        for kept_until in PERIODS.possible_ends(now).into_iter().chain(unused) {
            match id.record(kept_until).get(store) {
                Ok(Some(text)) => return Ok(Some(Self { id, text, kept_until })),
                // What does not open is nobody's registration.
                Ok(None) | Err(Unreadable::Foreign) => {}
                Err(Unreadable::Unavailable(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Keeps the registration for the period after this one: one write in each period.
    pub(crate) fn note_use(
        &self,
        store: &impl Store,
        now: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        let kept_until = PERIODS.end_of_new(now);
        if self.kept_until == kept_until {
            return Ok(());
        }
        self.id.record(kept_until).put(&self.text, store, entropy)
    }
}

/// The id of a client that registered: until when it is kept unused, and what finds and opens its records.
#[derive(Clone)]
struct RegisteredId {
    secret: HandleSecret,
    unused_until: UnixTime,
    /// Names and opens the records. Both parts of the id are in it: with one of them changed, nothing is found.
    records: HandleSecret,
}

impl RegisteredId {
    fn new(secret: HandleSecret, unused_until: UnixTime) -> Self {
        let records = secret.derive("client", unused_until.seconds());
        Self { secret, unused_until, records }
    }

    fn parse(client_id: &ClientId) -> Option<Self> {
        use base64::Engine as _;
        let (unused_until, secret) = client_id.as_str().split_once('-')?;
        let secret = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(secret).ok()?;
        let unused_until = UnixTime::from_seconds(unused_until.parse().ok()?);
        let id = Self::new(HandleSecret::from_slice(&secret)?, unused_until);
        // Numbers have several spellings (`+1`, `01`), a client has one id.
        (id.to_text() == client_id.as_str()).then_some(id)
    }

    fn to_text(&self) -> String {
        use base64::Engine as _;
        let secret = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.secret.expose());
        format!("{}-{secret}", self.unused_until)
    }

    fn record(&self, kept_until: UnixTime) -> Record<'_> {
        Record { kind: CLIENT, secret: &self.records, expires_at: kept_until }
    }
}

#[cfg(test)]
mod tests;
