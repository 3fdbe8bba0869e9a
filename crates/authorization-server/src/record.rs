//! Records under a secret: what names a record also opens it, so that the store alone tells nothing.

use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_sealed_storage::sealing::HandleSecret;
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// The record of `kind` that `secret` names, and that ends at `expires_at`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record<'a> {
    pub(crate) kind: Kind,
    pub(crate) secret: &'a HandleSecret,
    pub(crate) expires_at: UnixTime,
}

/// A record that is there and cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Unreadable {
    /// Altered, or written by somebody who does not know the secret.
    #[error("the record does not open")]
    Foreign,
    /// Genuine, and not as this version writes it; or the store does not answer.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

impl Record<'_> {
    /// Its name in the store.
    pub(crate) fn key(&self) -> Result<Key, StoreUnavailable> {
        Ok(Key::new(self.kind, &self.secret.record_id(), self.expires_at)?)
    }

    /// Seals and writes it.
    pub(crate) fn put(
        &self,
        value: &impl Serialize,
        store: &impl Store,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        let key = self.key()?;
        let text = serde_json::to_vec(value).map_err(|error| self.failed(&error))?;
        let sealed = self.secret.seal_record(&key.to_string(), &text, entropy).map_err(|error| self.failed(&error))?;
        store.put(&key, &sealed)
    }

    /// Reads and opens it; `None` where there is none. Its expiry is the caller's to look at.
    pub(crate) fn get<T: DeserializeOwned>(&self, store: &impl Store) -> Result<Option<T>, Unreadable> {
        let key = self.key()?;
        let Some(sealed) = store.get(&key)? else { return Ok(None) };
        let text = self.secret.open_record(&key.to_string(), &sealed).map_err(|_| Unreadable::Foreign)?;
        Ok(Some(serde_json::from_slice(&text).map_err(|error| self.failed(&error))?))
    }

    /// Removes it, if it is there.
    pub(crate) fn delete(&self, store: &impl Store) -> Result<(), StoreUnavailable> {
        store.delete(&self.key()?)
    }

    fn failed(&self, error: &dyn core::fmt::Display) -> StoreUnavailable {
        StoreUnavailable(format!("a {} record cannot be read or written: {error}", self.kind))
    }
}
