//! Where tokens are kept.

use gatehouse_protocol::UnixTime;
use gatehouse_sealed_storage::renewal_lease::{Opened, RenewalKinds, RenewalPlace};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing, Purpose};
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};

/// A session's, and the gateway's.
const BACKEND: TokenKinds =
    TokenKinds { token: "backend-token", renewal: RenewalKinds { note: "backend-lease", attempt: "backend-attempt" } };
/// Of a session: whether there may be any.
const MARK: Kind = "backend-tokens";
const PURPOSE: Purpose = "backend-token";

/// How many places a session has.
pub const USER_PLACES: u8 = 64;
/// Seconds for which a place of the gateway's own is used. Then it moves, and a token is got anew, so that no entry stays for ever.
pub const GATEWAY_SECONDS: u64 = 24 * 60 * 60;

/// What a token's entries are called in the store.
#[derive(Clone, Copy, Debug)]
pub struct TokenKinds {
    /// The token.
    pub token: Kind,
    /// Who gets it anew.
    pub renewal: RenewalKinds,
}

/// Where one token is kept.
#[derive(Clone, Debug)]
pub struct TokenPlace {
    kinds: TokenKinds,
    name: HandleSecret,
    secret: HandleSecret,
    expires_at: UnixTime,
    /// What all settings add up to under which a token counts here.
    pub(crate) fingerprint: String,
}

impl TokenPlace {
    /// A place of whatever `name` and `secret` are derived from, which is there until `expires_at`. The name leads to the entries, and
    /// the secret opens them.
    pub const fn new(
        kinds: TokenKinds,
        name: HandleSecret,
        secret: HandleSecret,
        expires_at: UnixTime,
        fingerprint: String,
    ) -> Self {
        Self { kinds, name, secret, expires_at, fingerprint }
    }

    /// One of a session's, where `session` names the session's records and `secret` opens them.
    pub fn of_session(
        session: &HandleSecret,
        secret: &HandleSecret,
        expires_at: UnixTime,
        place: u8,
        fingerprint: String,
    ) -> Self {
        let place = u64::from(place);
        Self::new(BACKEND, session.derive(PURPOSE, place), secret.derive(PURPOSE, place), expires_at, fingerprint)
    }

    /// The gateway's own, at `now`.
    ///
    /// # Errors
    /// Where there are no server keys.
    pub fn of_gateway(keys: &KeyRing, now: UnixTime, fingerprint: String) -> Result<Self, StoreUnavailable> {
        let secret = keys.token_secret(PURPOSE, &[], &fingerprint);
        let secret = secret.ok_or_else(|| StoreUnavailable("there are no server keys".to_owned()))?;
        let name = secret.derive("name", 0);
        // They move one after the other: otherwise every token would be got anew in the same second.
        let ahead = name.expose().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)) % GATEWAY_SECONDS;
        let number = now.seconds().saturating_add(ahead) / GATEWAY_SECONDS;
        let end = number.saturating_add(1).saturating_mul(GATEWAY_SECONDS).saturating_sub(ahead);
        Ok(Self::new(BACKEND, name, secret.derive("seal", 0), UnixTime::from_seconds(end), fingerprint))
    }

    /// Notes that a session may have tokens here, before it has its first.
    ///
    /// # Errors
    /// Where the store does not answer: then none may be kept.
    pub fn mark_session(
        session: &HandleSecret,
        expires_at: UnixTime,
        store: &impl Store,
    ) -> Result<(), StoreUnavailable> {
        store.put(&mark(session, expires_at)?, &[])
    }

    /// Removes all tokens of a session. One read of the store, where there are none.
    ///
    /// # Errors
    /// Where the store does not answer; some may then still be there.
    pub fn delete_of_session(
        session: &HandleSecret,
        expires_at: UnixTime,
        store: &impl Store,
    ) -> Result<(), StoreUnavailable> {
        let mark = mark(session, expires_at)?;
        if store.get(&mark)?.is_none() {
            return Ok(());
        }
        let places = (0..USER_PLACES).map(|place| Self::of_session(session, session, expires_at, place, String::new()));
        let places: Vec<_> = places.collect();
        let keys = places.iter().map(Self::key).collect::<Result<Vec<_>, _>>()?;
        let found = store.get_many(&keys.iter().collect::<Vec<_>>())?;
        for ((place, key), found) in places.iter().zip(&keys).zip(found) {
            if found.is_some() {
                store.delete(key)?;
                place.renewals().delete(store)?;
            }
        }
        store.delete(&mark)
    }

    /// Removes the token.
    ///
    /// # Errors
    /// Where the store does not answer; it may then still be there.
    pub fn delete(&self, store: &impl Store) -> Result<(), StoreUnavailable> {
        store.delete(&self.key()?)?;
        self.renewals().delete(store)
    }

    pub(crate) fn key(&self) -> Result<Key, StoreUnavailable> {
        Ok(Key::new(self.kinds.token, &self.name.record_id(), self.expires_at)?)
    }

    pub(crate) const fn secret(&self) -> &HandleSecret {
        &self.secret
    }

    pub(crate) fn renewals(&self) -> RenewalPlace {
        RenewalPlace {
            name: self.name.clone(),
            secret: self.secret.clone(),
            expires_at: self.expires_at,
            kinds: self.kinds.renewal,
            opened: Opened::ByWhoeverWantsIt,
        }
    }
}

fn mark(session: &HandleSecret, expires_at: UnixTime) -> Result<Key, StoreUnavailable> {
    Ok(Key::new(MARK, &session.derive(MARK, 0).record_id(), expires_at)?)
}
