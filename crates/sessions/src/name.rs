//! What a session is found by.

use gatehouse_protocol::UnixTime;
use gatehouse_sealed_storage::sealing::HandleSecret;
use gatehouse_storage::{Key, Kind};

use crate::Rejection;

/// What a session is made of: its secret, and when it ends at the latest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRoot {
    /// Random; it travels inside sealed codes and refresh tokens only.
    pub secret: HandleSecret,
    /// The end. Refreshing never extends it.
    pub expires_at: UnixTime,
}

impl SessionRoot {
    /// The session's name.
    pub(crate) fn name(&self) -> SessionName {
        SessionName { secret: self.secret.derive("directory", 0), expires_at: self.expires_at }
    }

    /// The secret of the access token of `generation`: it opens that token's record.
    pub(crate) fn access_secret(&self, generation: u64) -> HandleSecret {
        self.secret.derive("access", generation)
    }

    /// The secret that opens the identity provider's tokens.
    pub(crate) fn provider_secret(&self) -> HandleSecret {
        self.secret.derive("provider-tokens", 0)
    }
}

/// Names a session: the names of all its records come from it, the secrets that open them do not, but for the summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionName {
    pub(crate) secret: HandleSecret,
    pub(crate) expires_at: UnixTime,
}

impl SessionName {
    /// What a page calls the session; nobody comes from it to the name or to a record.
    pub(crate) fn id(&self) -> String {
        self.secret.record_id()
    }

    /// The key of the session's record of `kind` with this number.
    pub(crate) fn key(&self, kind: Kind, number: u64) -> Result<Key, Rejection> {
        self.key_until(kind, number, self.expires_at)
    }

    /// The same for a record that lives until then.
    pub(crate) fn key_until(&self, kind: Kind, number: u64, expires_at: UnixTime) -> Result<Key, Rejection> {
        key_of(kind, &self.secret.derive(kind, number), expires_at)
    }

    /// For the directory: the secret, then the end in seconds.
    pub(crate) fn to_bytes(&self) -> [u8; HandleSecret::LENGTH + 8] {
        let mut bytes = [0; HandleSecret::LENGTH + 8];
        let (secret, expires_at) = bytes.split_at_mut(HandleSecret::LENGTH);
        secret.copy_from_slice(self.secret.expose());
        expires_at.copy_from_slice(&self.expires_at.seconds().to_be_bytes());
        bytes
    }

    /// Reads back what [`SessionName::to_bytes`] gave.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (secret, expires_at) = bytes.split_at_checked(HandleSecret::LENGTH)?;
        let expires_at = UnixTime::from_seconds(u64::from_be_bytes(expires_at.try_into().ok()?));
        Some(Self { secret: HandleSecret::from_slice(secret)?, expires_at })
    }
}

/// A record lives as long as its session could, those of access tokens some seconds more: its name must follow from the session
/// alone.
fn key_of(kind: Kind, secret: &HandleSecret, expires_at: UnixTime) -> Result<Key, Rejection> {
    Key::new(kind, &secret.record_id(), expires_at).map_err(|error| Rejection::Unavailable(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example::root;

    #[test]
    fn a_name_is_read_back_from_its_bytes_and_from_no_others() {
        let name = root(1).name();
        let bytes = name.to_bytes();
        assert_eq!(SessionName::from_bytes(&bytes), Some(name));
        for length in 0..bytes.len() {
            assert_eq!(SessionName::from_bytes(&bytes[..length]), None, "{length}");
        }
        assert_eq!(SessionName::from_bytes(&[bytes.as_slice(), &[0]].concat()), None);
    }

    #[test]
    fn no_two_records_of_sessions_share_a_key_and_the_id_is_none_of_them() {
        let (one, other) = (root(1).name(), root(2).name());
        let keys = |name: &SessionName| {
            let singles = [("access", 0), ("access", 1), ("session", 0)].map(|(kind, number)| name.key(kind, number));
            singles.into_iter().map(|key| key.unwrap().id().to_owned()).collect::<Vec<_>>()
        };
        let ids: Vec<_> = [keys(&one), keys(&other), vec![one.id(), other.id()]].concat();
        assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len());
    }
}
