//! Handles that leave our hands and come back: codes and states. Each carries a secret and its end, sealed with the
//! server keys.

use gatehouse_protocol::{Entropy, SecretString, UnixTime};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing, Purpose, Unopenable};
use gatehouse_storage::{InvalidKey, Key, Kind};

use crate::record::Record;

/// A handle, opened. The record it names is found and opened with it alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SealedHandle {
    pub(crate) secret: HandleSecret,
    pub(crate) expires_at: UnixTime,
}

impl SealedHandle {
    /// A new handle that ends at `expires_at`.
    pub(crate) fn generate(expires_at: UnixTime, entropy: &mut impl Entropy) -> Self {
        Self { secret: HandleSecret::generate(entropy), expires_at }
    }

    /// The form in which it leaves our hands.
    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        keys: &KeyRing,
        entropy: &mut impl Entropy,
    ) -> Result<SecretString, Unopenable> {
        let text = [self.secret.expose().as_slice(), &self.expires_at.seconds().to_be_bytes()].concat();
        keys.seal(purpose, &[], &text, entropy).map(SecretString::new)
    }

    /// The handle behind what came back. Its expiry has not been looked at.
    pub(crate) fn open(purpose: Purpose, keys: &KeyRing, sealed: &str) -> Result<Self, Unopenable> {
        let text = keys.open(purpose, &[], sealed)?;
        let (secret, expires_at) = text.split_first_chunk::<{ HandleSecret::LENGTH }>().ok_or(Unopenable)?;
        let expires_at = <[u8; 8]>::try_from(expires_at).map_err(|_| Unopenable)?;
        let secret = HandleSecret::from_slice(secret).ok_or(Unopenable)?;
        Ok(Self { secret, expires_at: UnixTime::from_seconds(u64::from_be_bytes(expires_at)) })
    }

    /// This handle's record of `kind`.
    pub(crate) fn record(&self, kind: Kind) -> Record<'_> {
        Record { kind, secret: &self.secret, expires_at: self.expires_at }
    }

    /// The key of this handle's record of `kind`.
    pub(crate) fn key(&self, kind: Kind) -> Result<Key, InvalidKey> {
        Key::new(kind, &self.secret.record_id(), self.expires_at)
    }
}
