//! What the provider asks of a store: the part of `gatehouse:host/store` that it uses.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::UnixTime;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

/// The store cannot answer, or what it answered is not what was stored. The text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the store failed: {0}")]
pub struct StoreUnavailable(pub String);

/// The name of an entry; see `record key` in `wit/host/store.wit`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntryKey {
    /// The sort of record.
    pub kind: &'static str,
    /// Base64url characters.
    pub id: String,
    /// From then on the entry does not exist.
    pub expires_at: UnixTime,
}

impl EntryKey {
    /// The entry that only the holder of `secret` can name. The store sees a hash, never the secret.
    pub fn of_secret(kind: &'static str, secret: &str, expires_at: UnixTime) -> Self {
        Self { kind, id: URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes())), expires_at }
    }
}

/// Values that expire, and counters.
pub trait Store {
    /// The value under `key`, `None` where there is none or it has expired.
    fn get(&self, key: &EntryKey) -> Result<Option<Vec<u8>>, StoreUnavailable>;

    /// Stores `value`, replacing what was there.
    fn put(&self, key: &EntryKey, value: &[u8]) -> Result<(), StoreUnavailable>;

    /// Adds 1 to a counter and returns the sum; atomic.
    fn increment(&self, key: &EntryKey) -> Result<i64, StoreUnavailable>;
}
