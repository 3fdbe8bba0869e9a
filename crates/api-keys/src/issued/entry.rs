//! What the store keeps of a generation. No key can be made of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_sealed_storage::sealing::{KeyRing, Purpose};
use gatehouse_storage::{Key, Kind, StoreUnavailable};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

const KEY: Kind = "api-key";
const PURPOSE: Purpose = "api-key-entry";

/// When entries end that are removed by whoever needs them no longer: 9999-12-31T23:59:59Z.
pub(super) const END: UnixTime = UnixTime::from_seconds(253_402_300_799);

/// A generation of a route's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The id of the server key that it is derived from.
    pub(super) server_key: String,
    /// When it was replaced.
    pub(super) ended_at: Option<UnixTime>,
    /// The lowest generation that may still be in the store.
    pub(super) oldest: u64,
}

#[derive(Deserialize, Serialize)]
struct Written {
    key: String,
    ended: Option<u64>,
    oldest: u64,
}

impl Entry {
    /// The value for the store under `name`.
    pub(super) fn seal(
        &self,
        name: &Key,
        keys: &KeyRing,
        entropy: &mut impl Entropy,
    ) -> Result<String, StoreUnavailable> {
        let ended = self.ended_at.map(UnixTime::seconds);
        let written = Written { key: self.server_key.clone(), ended, oldest: self.oldest };
        let failed =
            |error: &dyn core::fmt::Display| StoreUnavailable(format!("a key's entry cannot be made: {error}"));
        let text = serde_json::to_vec(&written).map_err(|error| failed(&error))?;
        keys.seal(PURPOSE, &[&name.to_string()], &text, entropy).map_err(|error| failed(&error))
    }

    /// Reads the value back. One that does not open is of a server key that is gone, or of somebody who has none: either way
    /// no key is good by it.
    pub(super) fn open(sealed: &[u8], name: &Key, keys: &KeyRing) -> Option<Self> {
        let sealed = core::str::from_utf8(sealed).ok()?;
        let text = keys.open(PURPOSE, &[&name.to_string()], sealed).ok()?;
        let Written { key, ended, oldest } = serde_json::from_slice(&text).ok()?;
        Some(Self { server_key: key, ended_at: ended.map(UnixTime::from_seconds), oldest })
    }
}

/// The name of the entry of a generation.
pub(super) fn name(route: &str, generation: u64) -> Result<Key, StoreUnavailable> {
    Ok(Key::new(KEY, &id(&[route, &generation.to_string()]), END)?)
}

/// The id that stands for `parts`.
pub(super) fn id(parts: &[&str]) -> String {
    // No path has a space.
    URL_SAFE_NO_PAD.encode(Sha256::digest(parts.join(" ")))
}
