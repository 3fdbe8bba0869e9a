//! Names of entries.

use core::fmt;

use gatehouse_protocol::UnixTime;
use thiserror::Error;

/// What sort of record an entry holds: letters, digits and `-`. `docs/storage.md` lists them all.
pub type Kind = &'static str;

/// The name of an entry: what it is, which one, and when it ceases to exist.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    kind: String,
    id: String,
    expires_at: UnixTime,
}

/// The parts do not make a key that every backend can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a key's kind is 1 to 32 characters of a-z A-Z 0-9 -, its id 1 to 128 of a-z A-Z 0-9 - _")]
pub struct InvalidKey;

impl Key {
    /// The key of `kind` and `id` that exists until `expires_at`.
    ///
    /// # Errors
    /// Where a part is empty, too long, or holds a character that a backend would not take (NATS is the strictest).
    pub fn new(kind: &str, id: &str, expires_at: UnixTime) -> Result<Self, InvalidKey> {
        let kind_fits = kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let id_fits = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if !kind_fits || !id_fits || !(1..=32).contains(&kind.len()) || !(1..=128).contains(&id.len()) {
            return Err(InvalidKey);
        }
        Ok(Self { kind: kind.to_owned(), id: id.to_owned(), expires_at })
    }

    /// What sort of record this is.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Which one of its kind.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// From this second on the entry does not exist.
    pub fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// Whether the entry has ceased to exist.
    pub fn has_expired(&self, now: UnixTime) -> bool {
        now >= self.expires_at
    }

    /// Reads the name back that [`fmt::Display`] writes; `None` for a name that is not one of ours.
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.splitn(3, '.');
        let (kind, expires_at, id) = (parts.next()?, parts.next()?, parts.next()?);
        let key = Self::new(kind, id, UnixTime::from_seconds(expires_at.parse().ok()?)).ok()?;
        (key.to_string() == name).then_some(key)
    }
}

impl fmt::Display for Key {
    /// The name in the backend, `kind.expiry.id`: the expiry in the name lets a sweep find what has ended without
    /// reading a value. The dot is a character that every backend takes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.kind, self.expires_at, self.id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_tells_kind_expiry_and_id() {
        let key = Key::new("code", "AbC-_9", UnixTime::from_seconds(1_795_000_060)).unwrap();
        assert_eq!(key.to_string(), "code.1795000060.AbC-_9");
        assert_eq!(Key::parse(&key.to_string()), Some(key.clone()));
        assert!(!key.has_expired(UnixTime::from_seconds(1_795_000_059)));
        assert!(key.has_expired(UnixTime::from_seconds(1_795_000_060)));
    }

    #[test]
    fn what_is_not_one_of_our_names_is_not_read_as_one() {
        for foreign in
            ["", "code", "code.1", "code.x.id", "code.01.id", "code.+1.id", "co de.1.id", "code.1.i.d", "code.1."]
        {
            assert_eq!(Key::parse(foreign), None, "{foreign}");
        }
        assert!(Key::new(&"k".repeat(32), &"i".repeat(128), UnixTime::from_seconds(0)).is_ok());
        assert!(Key::new(&"k".repeat(33), "i", UnixTime::from_seconds(0)).is_err());
        assert!(Key::new("k", &"i".repeat(129), UnixTime::from_seconds(0)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_as_itself_or_not_at_all(name in ".{0,60}") {
            if let Some(key) = Key::parse(&name) {
                prop_assert_eq!(key.to_string(), name);
            }
        }
    }
}
