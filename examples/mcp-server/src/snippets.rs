//! Snippets, each user's apart from all others'.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};
use sha2::{Digest as _, Sha256};

use crate::caller::Caller;

/// Seconds. Snippets live for one to two years: their expiry is the end of the year after the running one, so that a
/// reader knows the two keys under which a snippet can stand without an index.
const YEAR: u64 = 365 * 24 * 3600;
/// The kind of entry.
const KIND: Kind = "demo-snippet";

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
    store.put(&key(owner, name, now.seconds() / YEAR)?, snippet.as_bytes())
}

/// What `owner` last saved as `name`.
///
/// # Errors
/// Where the store fails.
pub fn get(owner: &Caller, name: &str, now: UnixTime, store: &impl Store) -> Result<Option<String>, StoreUnavailable> {
    let this_year = now.seconds() / YEAR;
    // The newer one first: it replaced the other.
    for year in [this_year, this_year.saturating_sub(1)] {
        if let Some(snippet) = store.get(&key(owner, name, year)?)? {
            return String::from_utf8(snippet).map(Some).map_err(|error| StoreUnavailable(error.to_string()));
        }
    }
    Ok(None)
}

/// Where a snippet saved in `year` (since the epoch) stands.
fn key(owner: &Caller, name: &str, year: u64) -> Result<Key, StoreUnavailable> {
    let mut hash = Sha256::new();
    // The length keeps the user `a` with the name `bc` apart from the user `ab` with the name `c`.
    hash.update((owner.subject().len() as u64).to_be_bytes());
    hash.update(owner.subject());
    hash.update(name);
    let expires_at = UnixTime::from_seconds(year.saturating_add(2).saturating_mul(YEAR));
    Key::new(KIND, &URL_SAFE_NO_PAD.encode(hash.finalize()), expires_at)
        .map_err(|error| StoreUnavailable(error.to_string()))
}
