//! Things that others make and that work once: assertions with a `jti`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::UnixTime;
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};
use sha2::{Digest as _, Sha256};

/// Whether this is the first use of what `issuer` calls `jti`; it is remembered until `until`, when the thing is refused
/// for its age.
///
/// # Errors
/// Where the store does not answer: then it must be refused.
pub(crate) fn is_first_use(
    kind: Kind,
    issuer: &str,
    jti: &str,
    until: UnixTime,
    store: &impl Store,
) -> Result<bool, StoreUnavailable> {
    // The length keeps two pairs from having one digest.
    let pair = format!("{}:{issuer}{jti}", issuer.len());
    let counter = Key::new(kind, &URL_SAFE_NO_PAD.encode(Sha256::digest(pair)), until)?;
    Ok(store.increment(&counter, 1)? == 1)
}

#[cfg(test)]
mod tests {
    use gatehouse_storage::memory::MemoryStore;

    use super::*;

    #[test]
    fn a_thing_is_used_once_by_whom_and_as_what_it_was_made() {
        let now = UnixTime::from_seconds(1_795_000_000);
        let store = MemoryStore::at(now);
        let until = now.plus(60);
        let first = |kind, issuer, jti| is_first_use(kind, issuer, jti, until, &store).unwrap();
        for (kind, issuer, jti) in [("a", "x", "1"), ("a", "x", "2"), ("a", "y", "1"), ("b", "x", "1"), ("a", "x1", "")]
        {
            assert!(first(kind, issuer, jti), "{kind} {issuer} {jti}");
            for _ in 0..3 {
                assert!(!first(kind, issuer, jti), "{kind} {issuer} {jti}");
            }
        }
        store.go_down();
        assert!(is_first_use("a", "z", "1", until, &store).is_err());
    }
}
