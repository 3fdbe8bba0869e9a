//! Snippets, each user's apart from all others'.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::UnixTime;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::caller::Caller;

/// Seconds. Snippets live for one to two years: their expiry is the end of the year after the running one, so that a
/// reader knows the two keys under which a snippet can stand without an index.
const YEAR: u64 = 365 * 24 * 3600;
/// The kind of entry.
const KIND: &str = "demo-snippet";

/// The store cannot answer. The text is for the log.
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

/// The part of `gatehouse:host/store` that this server uses.
pub trait Store {
    /// The value under `key`, `None` where there is none or it has expired.
    fn get(&self, key: &EntryKey) -> Result<Option<Vec<u8>>, StoreUnavailable>;

    /// Stores `value`, replacing what was there.
    fn put(&self, key: &EntryKey, value: &[u8]) -> Result<(), StoreUnavailable>;
}

/// Keeps `snippet` as `name` for `owner`, in place of an earlier one.
///
/// # Errors
/// Where the store fails.
pub fn save(
    owner: &Caller,
    name: &str,
    snippet: &str,
    now: UnixTime,
    store: &impl Store,
) -> Result<(), StoreUnavailable> {
    store.put(&key(owner, name, now.seconds() / YEAR), snippet.as_bytes())
}

/// What `owner` last saved as `name`.
///
/// # Errors
/// Where the store fails.
pub fn get(owner: &Caller, name: &str, now: UnixTime, store: &impl Store) -> Result<Option<String>, StoreUnavailable> {
    let this_year = now.seconds() / YEAR;
    // The newer one first: it replaced the other.
    for year in [this_year, this_year.saturating_sub(1)] {
        if let Some(snippet) = store.get(&key(owner, name, year))? {
            return String::from_utf8(snippet).map(Some).map_err(|error| StoreUnavailable(error.to_string()));
        }
    }
    Ok(None)
}

/// Where a snippet saved in `year` (since the epoch) stands.
fn key(owner: &Caller, name: &str, year: u64) -> EntryKey {
    let mut hash = Sha256::new();
    // The length keeps the user `a` with the name `bc` apart from the user `ab` with the name `c`.
    hash.update((owner.subject().len() as u64).to_be_bytes());
    hash.update(owner.subject());
    hash.update(name);
    let expires_at = UnixTime::from_seconds(year.saturating_add(2).saturating_mul(YEAR));
    EntryKey { kind: KIND, id: URL_SAFE_NO_PAD.encode(hash.finalize()), expires_at }
}
