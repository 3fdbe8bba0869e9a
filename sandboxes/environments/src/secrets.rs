//! What an environment's entries are named and sealed by.

use gatehouse_protocol::{Subject, UnixTime};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing, Purpose};
use gatehouse_storage::{InvalidKey, Key, Kind};
use hkdf::Hkdf;
use sha2::{Digest as _, Sha256};

use crate::EnvironmentId;

const PURPOSE: Purpose = "sandbox-environment";
/// The root of an environment: what it is, and where the rest is.
const ROOT: Kind = "sandbox";
/// A piece of an environment's contents.
const CHUNK: Kind = "sandbox-chunk";

/// Bytes of the digest of a chunk.
pub(crate) type Hash = [u8; 32];

/// The secret of one environment: derived from a server key, the id and the subject, and kept nowhere. Names and keys of
/// all its entries come from it.
#[derive(Clone, Debug)]
pub(crate) struct Secret {
    pub(crate) handle: HandleSecret,
    /// What the names of chunks are derived from. Their digests alone would tell whoever reads the store which known
    /// contents are there.
    names: HandleSecret,
}

impl Secret {
    /// One for each server key, that of the newest first: what is written under the first is found under one of them until
    /// its key is removed.
    pub(crate) fn all<'a>(
        keys: &'a KeyRing,
        subject: &'a Subject,
        id: &'a EnvironmentId,
    ) -> impl Iterator<Item = Self> + 'a {
        let derived = move |key: &str| keys.derived(key, PURPOSE, &[subject.as_str(), id.as_str()]);
        keys.ids().filter_map(derived).map(|secret| {
            let handle = HandleSecret::from(secret);
            let names = handle.derive(CHUNK, 0);
            Self { handle, names }
        })
    }

    /// Where the root is that ends at `end`.
    pub(crate) fn root(&self, end: UnixTime) -> Result<Key, InvalidKey> {
        Key::new(ROOT, &self.handle.record_id(), end)
    }

    /// Where the chunk with this digest is that ends at `end`.
    pub(crate) fn chunk(&self, hash: &Hash, end: UnixTime) -> Result<Key, InvalidKey> {
        let mut name = [0; 32];
        // HKDF-SHA256 takes keys of 32 bytes and gives 32: this cannot fail. Were it to, all chunks would have one name, and
        // none but the last would open.
        let expanded =
            Hkdf::<Sha256>::from_prk(self.names.expose()).is_ok_and(|hkdf| hkdf.expand(hash, &mut name).is_ok());
        debug_assert!(expanded);
        let name = HandleSecret::from_slice(&name).map(|name| name.record_id()).unwrap_or_default();
        Key::new(CHUNK, &name, end)
    }

    /// The name of the counters of those who want to make the run that follows this generation.
    pub(crate) fn run(&self, generation: u64) -> String {
        self.handle.derive("sandbox-run", generation).record_id()
    }

    /// A short name for the log: it joins lines about one environment, and opens nothing.
    pub(crate) fn log_name(&self) -> String {
        self.handle.derive("sandbox-log", 0).record_id().chars().take(12).collect()
    }
}

/// The digest of a chunk's contents.
pub(crate) fn hash(contents: &[u8]) -> Hash {
    Sha256::digest(contents).into()
}
