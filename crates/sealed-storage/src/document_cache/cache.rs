//! The cache.

use crate::sealing::{KeyRing, Purpose};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_storage::{Key, Kind, Periods, Store, StoreUnavailable};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const SEALED: Purpose = "document-cache";
/// A counter for each document and minute: who increments it to 1 may fetch.
const FETCH: Kind = "document-fetch";
/// A counter for each document and minute: how often it could not be had.
const FAILED: Kind = "document-failures";
/// A day. It is also the longest that a document can be kept.
const PERIODS: Periods = Periods::of_seconds(LONGEST_SECONDS);
const LONGEST_SECONDS: u64 = 24 * 60 * 60;
const FETCH_PERIODS: Periods = Periods::of_seconds(60);
/// Bytes in front of the document: the second from which on it is stale.
const FRESHNESS_LENGTH: usize = 8;

/// Documents by kind and URL.
#[derive(Debug)]
pub struct DocumentCache<'a, S> {
    /// Where they are kept.
    pub store: &'a S,
    /// What seals them.
    pub keys: &'a KeyRing,
    /// The time.
    pub now: UnixTime,
}

impl<S: Store> DocumentCache<'_, S> {
    /// The document of `kind` at `url`, while it is fresh. One that somebody else wrote, or that a retired key sealed,
    /// counts as absent.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn get(&self, kind: Kind, url: &str) -> Result<Option<Zeroizing<Vec<u8>>>, StoreUnavailable> {
        for end in PERIODS.possible_ends(self.now) {
            // Only the latest counts: what it replaced may claim to be fresh for longer.
            if let Some(sealed) = self.store.get(&key(kind, url, end)?)? {
                return Ok(self.open(kind, url, &sealed));
            }
        }
        Ok(None)
    }

    /// Keeps `document` for `lifetime` seconds, a day at most, in place of what was kept before; with 0 nothing is
    /// kept any more.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn put(
        &self,
        kind: Kind,
        url: &str,
        document: &[u8],
        lifetime: u64,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        if lifetime == 0 {
            return self.forget(kind, url);
        }
        let stale_from = self.now.plus(lifetime.min(LONGEST_SECONDS)).seconds().to_be_bytes();
        let text = Zeroizing::new([stale_from.as_slice(), document].concat());
        let sealed = self
            .keys
            .seal(SEALED, &[kind, url], &text, entropy)
            .map_err(|error| StoreUnavailable(format!("a document cannot be sealed: {error}")))?;
        self.store.put(&key(kind, url, PERIODS.end_of_new(self.now))?, sealed.as_bytes())
    }

    /// Drops the document: what it says is known to be no longer so.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn forget(&self, kind: Kind, url: &str) -> Result<(), StoreUnavailable> {
        for end in PERIODS.possible_ends(self.now) {
            self.store.delete(&key(kind, url, end)?)?;
        }
        Ok(())
    }

    /// Whether the document may be fetched although it is kept, because it lacks what is looked for (a key that it
    /// does not name). One caller in each minute may, of all in all instances: who can ask for things that are not
    /// there must not be able to make us ask for them again and again.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn may_fetch_again(&self, kind: Kind, url: &str) -> Result<bool, StoreUnavailable> {
        let counter = Key::new(FETCH, &id(&[kind, url]), FETCH_PERIODS.end_of_new(self.now))?;
        // On one backend two first increments that race can both see 1; one fetch too many is harmless.
        Ok(self.store.increment(&counter, 1)? == 1)
    }

    /// How often the document could not be had in this minute, by all callers in all instances.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn failures(&self, kind: Kind, url: &str) -> Result<u64, StoreUnavailable> {
        self.count_failures(kind, url, 0)
    }

    /// Notes that the document could not be had.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn note_failure(&self, kind: Kind, url: &str) -> Result<(), StoreUnavailable> {
        self.count_failures(kind, url, 1).map(|_| ())
    }

    fn count_failures(&self, kind: Kind, url: &str, more: u64) -> Result<u64, StoreUnavailable> {
        let counter = Key::new(FAILED, &id(&[kind, url]), FETCH_PERIODS.end_of_new(self.now))?;
        // Two first increments that race may lose one; one try too many is harmless.
        self.store.increment(&counter, more)
    }

    fn open(&self, kind: Kind, url: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let text = self.keys.open(SEALED, &[kind, url], core::str::from_utf8(sealed).ok()?).ok()?;
        let (stale_from, document) = text.split_first_chunk::<FRESHNESS_LENGTH>()?;
        let is_fresh = self.now.seconds() < u64::from_be_bytes(*stale_from);
        is_fresh.then(|| Zeroizing::new(document.to_vec()))
    }
}

fn key(kind: Kind, url: &str, end: UnixTime) -> Result<Key, StoreUnavailable> {
    Ok(Key::new(kind, &id(&[url]), end)?)
}

/// URLs have characters that names cannot hold, and any length.
fn id(parts: &[&str]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(parts.join(" ")))
}

#[cfg(test)]
mod tests {
    use gatehouse_storage::memory::MemoryStore;
    use proptest::prelude::*;

    use super::*;
    use crate::example::{Counting, key_ring};

    const KEYS: Kind = "keys";
    const METADATA: Kind = "metadata";
    const URL: &str = "https://client.example.com/keys";
    const OTHER_URL: &str = "https://client.example.com/other";
    /// The first second of a day.
    const DAY: UnixTime = UnixTime::from_seconds(20_776 * LONGEST_SECONDS);

    struct World {
        store: MemoryStore,
        keys: KeyRing,
    }

    impl World {
        fn new() -> Self {
            Self { store: MemoryStore::at(DAY), keys: key_ring('A') }
        }

        fn at(&self, now: UnixTime) -> DocumentCache<'_, MemoryStore> {
            self.store.set_now(now);
            DocumentCache { store: &self.store, keys: &self.keys, now }
        }
    }

    fn text(kept: Option<Zeroizing<Vec<u8>>>) -> Option<String> {
        kept.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn a_document_is_there_until_the_second_in_which_it_is_stale() {
        for written in [DAY, DAY.plus(LONGEST_SECONDS - 1)] {
            for lifetime in [1, 3600, LONGEST_SECONDS] {
                let world = World::new();
                world.at(written).put(KEYS, URL, b"document", lifetime, &mut Counting(0)).unwrap();
                for (age, fresh) in [(0, true), (lifetime - 1, true), (lifetime, false), (lifetime + 1, false)] {
                    let kept = world.at(written.plus(age)).get(KEYS, URL).unwrap();
                    assert_eq!(kept.is_some(), fresh, "{lifetime} {age}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_kept_for_longer_than_a_day_and_nothing_for_no_time() {
        let world = World::new();
        world.at(DAY).put(KEYS, URL, b"document", u64::MAX, &mut Counting(0)).unwrap();
        assert!(world.at(DAY.plus(LONGEST_SECONDS - 1)).get(KEYS, URL).unwrap().is_some());
        assert!(world.at(DAY.plus(LONGEST_SECONDS)).get(KEYS, URL).unwrap().is_none());

        let world = World::new();
        let before = world.store.snapshot();
        world.at(DAY).put(KEYS, URL, b"document", 0, &mut Counting(0)).unwrap();
        assert_eq!(world.store.snapshot(), before);
    }

    #[test]
    fn the_latest_document_counts_even_where_it_is_fresh_for_less_long() {
        let world = World::new();
        world.at(DAY).put(KEYS, URL, b"old", LONGEST_SECONDS, &mut Counting(0)).unwrap();
        let next_day = DAY.plus(LONGEST_SECONDS - 1);
        world.at(next_day).put(KEYS, URL, b"new", 1, &mut Counting(1)).unwrap();
        assert_eq!(text(world.at(next_day).get(KEYS, URL).unwrap()).as_deref(), Some("new"));
        assert!(world.at(next_day.plus(1)).get(KEYS, URL).unwrap().is_none());
    }

    #[test]
    fn what_must_not_be_kept_takes_what_was_kept_with_it() {
        for written in [DAY, DAY.plus(LONGEST_SECONDS - 1)] {
            let world = World::new();
            world.at(written).put(KEYS, URL, b"old", LONGEST_SECONDS, &mut Counting(0)).unwrap();
            world.at(written.plus(1)).put(KEYS, URL, b"new", 0, &mut Counting(1)).unwrap();
            assert!(world.at(written.plus(1)).get(KEYS, URL).unwrap().is_none());
        }
    }

    #[test]
    fn documents_of_another_kind_or_url_or_key_are_other_documents() {
        let mut world = World::new();
        world.at(DAY).put(KEYS, URL, b"document", 60, &mut Counting(0)).unwrap();
        assert!(world.at(DAY).get(METADATA, URL).unwrap().is_none());
        assert!(world.at(DAY).get(KEYS, OTHER_URL).unwrap().is_none());
        assert!(world.at(DAY).get(KEYS, URL).unwrap().is_some());
        world.keys = key_ring('B');
        assert!(world.at(DAY).get(KEYS, URL).unwrap().is_none(), "the key was retired");
    }

    #[test]
    fn whoever_can_write_to_the_store_can_neither_forge_nor_move_a_document() {
        let world = World::new();
        let (mine, other) =
            (key(KEYS, URL, PERIODS.end_of_new(DAY)).unwrap(), key(KEYS, OTHER_URL, PERIODS.end_of_new(DAY)).unwrap());
        world.at(DAY).put(KEYS, URL, b"document", 60, &mut Counting(0)).unwrap();
        world.at(DAY).put(KEYS, OTHER_URL, b"other", 60, &mut Counting(9)).unwrap();
        let genuine = world.store.get(&mine).unwrap().unwrap();
        let moved = world.store.get(&other).unwrap().unwrap();
        for forged in [moved, b"document".to_vec(), Vec::new(), vec![0xff; 40], genuine[1..].to_vec()] {
            world.store.put(&mine, &forged).unwrap();
            assert!(world.at(DAY).get(KEYS, URL).unwrap().is_none());
        }
        world.store.put(&mine, &genuine).unwrap();
        assert_eq!(text(world.at(DAY).get(KEYS, URL).unwrap()).as_deref(), Some("document"));
        assert!(!String::from_utf8_lossy(&genuine).contains("document"));
    }

    #[test]
    fn a_document_is_fetched_again_once_in_a_minute() {
        let world = World::new();
        assert!(world.at(DAY).may_fetch_again(KEYS, URL).unwrap());
        assert!(!world.at(DAY).may_fetch_again(KEYS, URL).unwrap());
        assert!(!world.at(DAY.plus(59)).may_fetch_again(KEYS, URL).unwrap());
        assert!(world.at(DAY).may_fetch_again(METADATA, URL).unwrap(), "of another kind");
        assert!(world.at(DAY).may_fetch_again(KEYS, OTHER_URL).unwrap(), "another one");
        assert!(world.at(DAY.plus(60)).may_fetch_again(KEYS, URL).unwrap(), "the next minute");
    }

    #[test]
    fn a_store_that_is_down_has_no_documents_and_lets_nobody_fetch() {
        let world = World::new();
        world.at(DAY).put(KEYS, URL, b"document", 60, &mut Counting(0)).unwrap();
        world.store.go_down();
        assert!(world.at(DAY).get(KEYS, URL).is_err());
        assert!(world.at(DAY).put(KEYS, URL, b"document", 60, &mut Counting(0)).is_err());
        assert!(world.at(DAY).may_fetch_again(KEYS, URL).is_err());
    }

    proptest! {
        #[test]
        fn what_was_put_is_got_while_it_is_fresh_and_never_after(
            document in proptest::collection::vec(any::<u8>(), 0..200),
            written in 1_700_000_000_u64..1_900_000_000,
            lifetime in 0_u64..200_000,
            age in 0_u64..200_000,
        ) {
            let world = World::new();
            let written = UnixTime::from_seconds(written);
            world.at(written).put(KEYS, URL, &document, lifetime, &mut Counting(0)).unwrap();
            let kept = world.at(written.plus(age)).get(KEYS, URL).unwrap();
            let expected = (age < lifetime.min(LONGEST_SECONDS)).then_some(document);
            prop_assert_eq!(kept.map(|bytes| bytes.to_vec()), expected);
        }
    }
}
