//! What is known of tokens that others have issued, so that each is verified once and not at every request.
//!
//! Nobody but the bearer of a token, together with the server keys, finds or opens what is kept of it: the secret of the record is
//! derived from both. Records share a fixed number of places, so that however many tokens come, the store does not grow beyond it:
//! a token that falls to a place where another one is takes it, and the other one is verified again when it comes. Each place begins
//! anew every hour, and not all at the same time. So nothing is kept for longer than that, and one read tells whether something is
//! there.

use core::fmt;

use gatehouse_protocol::{Entropy, UnixTime};
use gatehouse_storage::{Key, Kind, Store, StoreUnavailable};
use zeroize::Zeroizing;

use crate::sealing::{HandleSecret, KeyRing, Purpose};

const KEPT: Kind = "external-token";
const SECRETS: Purpose = "external-token";
/// How many tokens are kept at once, at most.
pub const PLACES: u64 = 16_384;
/// Seconds: the longest that something is kept.
pub const LONGEST_SECONDS: u64 = 60 * 60;
/// Bytes in front of what is kept: the second from which on it does not count.
const END_LENGTH: usize = 8;

/// What is kept of tokens.
#[derive(Clone, Copy, Debug)]
pub struct KeptByToken<'a, S> {
    /// Where it is kept.
    pub store: &'a S,
    /// What seals it, together with the token.
    pub keys: &'a KeyRing,
    /// The time.
    pub now: UnixTime,
}

/// What there is of one token.
#[derive(PartialEq, Eq)]
pub enum Kept {
    /// This, and it counts.
    Counts(Zeroizing<Vec<u8>>),
    /// Something that does not count any more: the token was good a while ago.
    IsOver,
    /// Nothing that anybody knows.
    Nothing,
}

/// Without what is kept: it is personal.
impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Counts(_) => "Counts",
            Self::IsOver => "IsOver",
            Self::Nothing => "Nothing",
        })
    }
}

/// Where something is kept of one token.
struct Place {
    secret: HandleSecret,
    key: Key,
}

impl<S: Store> KeptByToken<'_, S> {
    /// What is kept of `token`, as it was put in the same `context`: one read.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn get(&self, context: &[&str], token: &str) -> Result<Kept, StoreUnavailable> {
        let place = self.place(context, token)?;
        let Some(sealed) = self.store.get(&place.key)? else { return Ok(Kept::Nothing) };
        // What does not open is of another token.
        let Ok(text) = place.secret.open_record(&place.key.to_string(), &sealed) else { return Ok(Kept::Nothing) };
        let Some((end, kept)) = text.split_first_chunk::<END_LENGTH>() else { return Ok(Kept::Nothing) };
        match self.now.seconds() < u64::from_be_bytes(*end) {
            true => Ok(Kept::Counts(Zeroizing::new(kept.to_vec()))),
            false => Ok(Kept::IsOver),
        }
    }

    /// Keeps this of `token` until `end`, an hour at most. Afterwards, and at once where `end` is over, it is known for the rest of the
    /// place's hour that there was something.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn put(
        &self,
        context: &[&str],
        token: &str,
        kept: &[u8],
        end: UnixTime,
        entropy: &mut impl Entropy,
    ) -> Result<(), StoreUnavailable> {
        let place = self.place(context, token)?;
        let text = Zeroizing::new([end.seconds().to_be_bytes().as_slice(), kept].concat());
        let sealed = place.secret.seal_record(&place.key.to_string(), &text, entropy);
        let sealed = sealed.map_err(|error| StoreUnavailable(format!("a token cannot be kept: {error}")))?;
        self.store.put(&place.key, &sealed)
    }

    /// Keeps nothing of `token` any more.
    ///
    /// # Errors
    /// Where the store does not answer.
    pub fn forget(&self, context: &[&str], token: &str) -> Result<(), StoreUnavailable> {
        self.store.delete(&self.place(context, token)?.key)
    }

    fn place(&self, context: &[&str], token: &str) -> Result<Place, StoreUnavailable> {
        let secret = self.keys.token_secret(SECRETS, context, token);
        let secret = secret.ok_or_else(|| StoreUnavailable("there are no server keys".to_owned()))?;
        let digest = secret.derive("place", 0);
        let number = digest.expose().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes)) % PLACES;
        // Places begin anew one after the other: otherwise all tokens would be verified again in the same second.
        let ahead = number * LONGEST_SECONDS / PLACES;
        let began = (self.now.seconds().saturating_add(ahead) / LONGEST_SECONDS).saturating_mul(LONGEST_SECONDS);
        let end = UnixTime::from_seconds(began.saturating_add(LONGEST_SECONDS).saturating_sub(ahead));
        Ok(Place { secret, key: Key::new(KEPT, &number.to_string(), end)? })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use gatehouse_storage::memory::MemoryStore;

    use super::*;
    use crate::example::{Counting, key_ring};

    const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);
    const HERE: &[&str] = &["https://gateway.example/mcp", "sum"];

    struct World {
        store: MemoryStore,
        keys: KeyRing,
    }

    impl World {
        fn new() -> Self {
            Self { store: MemoryStore::at(NOW), keys: key_ring('A') }
        }

        fn at(&self, now: UnixTime) -> KeptByToken<'_, MemoryStore> {
            self.store.set_now(now);
            KeptByToken { store: &self.store, keys: &self.keys, now }
        }

        fn put(&self, token: &str, end: UnixTime) {
            self.at(NOW).put(HERE, token, token.as_bytes(), end, &mut Counting(0)).unwrap();
        }

        fn get(&self, now: UnixTime, token: &str) -> Option<String> {
            match self.at(now).get(HERE, token).unwrap() {
                Kept::Counts(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
                Kept::IsOver | Kept::Nothing => None,
            }
        }
    }

    #[test]
    fn what_is_kept_of_a_token_is_there_until_the_token_ends() {
        let world = World::new();
        world.put("a.b.c", NOW.plus(20));
        assert_eq!(world.get(NOW.plus(19), "a.b.c").as_deref(), Some("a.b.c"));
        assert_eq!(world.get(NOW.plus(20), "a.b.c"), None);
        assert_eq!(world.get(NOW, "a.b.d"), None, "another token");
        world.put("ended", NOW);
        assert_eq!(world.get(NOW, "ended"), None);
    }

    #[test]
    fn that_something_was_kept_is_known_until_the_place_begins_anew_or_it_is_forgotten() {
        let world = World::new();
        let of = |age, token| world.at(NOW.plus(age)).get(HERE, token).unwrap();
        world.put("short", NOW.plus(20));
        world.put("not-kept", NOW);
        for token in ["short", "not-kept"] {
            assert_eq!(of(20, token), Kept::IsOver, "{token}");
            assert_eq!(of(LONGEST_SECONDS, token), Kept::Nothing, "{token}");
        }
        assert_eq!(of(0, "never-seen"), Kept::Nothing);
        world.at(NOW.plus(21)).forget(HERE, "short").unwrap();
        assert_eq!((of(21, "short"), of(21, "not-kept")), (Kept::Nothing, Kept::IsOver));
    }

    #[test]
    fn nothing_is_kept_for_longer_than_an_hour_and_places_begin_anew_at_different_times() {
        let world = World::new();
        let mut lived = BTreeSet::new();
        for number in 0..50 {
            let token = format!("token-{number}");
            world.put(&token, NOW.plus(1_000_000));
            let seconds = (0..=LONGEST_SECONDS).find(|age| world.get(NOW.plus(*age), &token).is_none()).unwrap();
            assert!((1..=LONGEST_SECONDS).contains(&seconds), "{seconds}");
            lived.insert(seconds);
        }
        assert!(lived.len() > 30, "{lived:?}");
    }

    #[test]
    fn the_store_tells_nothing_of_a_token_and_gives_nothing_to_another_one_key_or_context() {
        let mut world = World::new();
        world.put("the-token", NOW.plus(60));
        let values = world.store.values();
        assert!(values.iter().all(|value| !String::from_utf8_lossy(value).contains("the-token")), "{values:?}");
        assert!(world.at(NOW).get(&["https://gateway.example/other", "sum"], "the-token").unwrap() == Kept::Nothing);
        assert!(world.at(NOW).get(&["https://gateway.example/mcp", "changed"], "the-token").unwrap() == Kept::Nothing);
        world.keys = key_ring('B');
        assert_eq!(world.get(NOW, "the-token"), None);
    }

    #[test]
    fn a_hundred_thousand_tokens_take_no_more_than_the_places_there_are() {
        let world = World::new();
        for number in 0..100_000 {
            world.put(&format!("token-{number}"), NOW.plus(600));
        }
        let kept = world.store.values().len();
        assert!(kept as u64 <= PLACES && kept as u64 > PLACES * 9 / 10, "{kept}");
        assert_eq!(world.get(NOW, "token-99999").as_deref(), Some("token-99999"), "the latest is kept");
        let found = (0..100_000).filter(|number| world.get(NOW, &format!("token-{number}")).is_some()).count();
        assert_eq!(found, kept, "every place has one token, and opens for no other");
    }

    #[test]
    fn a_store_that_is_down_is_an_error() {
        let world = World::new();
        world.put("token", NOW.plus(60));
        world.store.go_down();
        assert!(world.at(NOW).get(HERE, "token").is_err());
        assert!(world.at(NOW).put(HERE, "token", b"", NOW.plus(60), &mut Counting(0)).is_err());
    }
}
