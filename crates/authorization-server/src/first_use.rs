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
    // Nobody issued a counter beforehand, and on one backend two first increments that race can both see 1
    // (`docs/storage.md`). A second increment tells them apart, or refuses both, unless a first one is written even later.
    Ok(store.increment(&counter, 1)? == 1 && store.increment(&counter, 1)? == 2)
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;

    use gatehouse_storage::KeyPage;
    use gatehouse_storage::memory::MemoryStore;
    use proptest::prelude::*;

    use super::*;

    /// A counter as one of several racing callers sees it: what it is told each time.
    struct ScriptedCounter(RefCell<Vec<u64>>);

    impl Store for ScriptedCounter {
        fn get(&self, _: &Key) -> Result<Option<Vec<u8>>, StoreUnavailable> {
            Ok(None)
        }

        fn put(&self, _: &Key, _: &[u8]) -> Result<(), StoreUnavailable> {
            Ok(())
        }

        fn delete(&self, _: &Key) -> Result<(), StoreUnavailable> {
            Ok(())
        }

        fn increment(&self, _: &Key, _: u64) -> Result<u64, StoreUnavailable> {
            self.0.borrow_mut().pop().ok_or_else(|| StoreUnavailable("asked too often".to_owned()))
        }

        fn list(&self, _: Option<&str>) -> Result<KeyPage, StoreUnavailable> {
            Ok(KeyPage::default())
        }
    }

    fn wins(first: u64, second: u64) -> bool {
        let told = ScriptedCounter(RefCell::new(vec![second, first]));
        is_first_use("a", "x", "1", UnixTime::from_seconds(1_795_000_060), &told).unwrap()
    }

    #[test]
    fn of_two_that_race_one_wins_at_most_even_where_both_first_increments_see_1() {
        assert!(wins(1, 2), "alone");
        // In turn.
        assert!(!wins(1, 3) && !wins(2, 4) && !wins(2, 3));
        // Both created the counter; the second increments are atomic.
        assert!(wins(1, 2) && !wins(1, 3));
    }

    proptest! {
        /// On a store whose increments are atomic, in whatever order the callers' increments come.
        #[test]
        fn of_many_that_race_one_wins_at_most(order in prop::collection::vec(0_usize..4, 8..32)) {
            let mut seen = vec![Vec::new(); 4];
            for (count, caller) in (1..).zip(order) {
                seen[caller].push(count);
            }
            let winners = seen.iter().filter(|seen| seen.len() >= 2 && wins(seen[0], seen[1])).count();
            prop_assert!(winners <= 1);
        }
    }

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
