//! The port.

use thiserror::Error;

use crate::{InvalidKey, Key};

/// Where state is kept. The contract is that of `gatehouse:host/store`.
///
/// Every failure is the same to the caller: it cannot know, so it denies.
pub trait Store {
    /// The value under `key`; `None` where there is none or it has expired.
    ///
    /// # Errors
    /// Where the backend cannot answer.
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable>;

    /// The values under several keys, in the order of the keys: one question to the backend, where it can answer them together.
    ///
    /// # Errors
    /// Where the backend cannot answer.
    fn get_many(&self, keys: &[&Key]) -> Result<Vec<Option<Vec<u8>>>, StoreUnavailable> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// Stores `value` under `key`, replacing what was there.
    ///
    /// # Errors
    /// Where the backend cannot answer.
    fn put(&self, key: &Key, value: &[u8]) -> Result<(), StoreUnavailable>;

    /// Removes the entry, if there is one.
    ///
    /// # Errors
    /// Where the backend cannot answer.
    fn delete(&self, key: &Key) -> Result<(), StoreUnavailable>;

    /// Adds `delta` to the counter under `key`, atomically, and returns the sum. A counter only grows; [`crate::giving_back`] is
    /// how something is taken back nonetheless. Use [`crate::issue`] and
    /// [`crate::claim`] for what must happen once.
    ///
    /// # Errors
    /// Where the backend cannot answer.
    fn increment(&self, key: &Key, delta: u64) -> Result<u64, StoreUnavailable>;

    /// One page of the keys in the store, expired ones included.
    ///
    /// # Errors
    /// Where the backend cannot answer.
    fn list(&self, cursor: Option<&str>) -> Result<KeyPage, StoreUnavailable>;
}

/// One page of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPage {
    /// Keys in no particular order.
    pub keys: Vec<Key>,
    /// What to pass to get the next page, `None` on the last one.
    pub next: Option<String>,
}

/// The store did not answer. The text is for the log, never for the wire.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the store is unavailable: {0}")]
pub struct StoreUnavailable(pub String);

impl From<InvalidKey> for StoreUnavailable {
    /// A key that cannot be made names nothing that could be read or written.
    fn from(error: InvalidKey) -> Self {
        Self(error.to_string())
    }
}
