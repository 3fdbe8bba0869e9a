//! The operator's keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{Entropy, SecretBytes, SecretString, Subject};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::sealing::{HandleSecret, Unopenable, aead};

/// The first byte of everything sealed with a server key: the format may change, and old values must then not open as
/// new ones.
const FORMAT: u8 = 3;

/// The server keys, newest first. The first one seals; all of them open, so that a rotation loses nothing: add the
/// new key in front, wait until everything that the old one sealed has expired, remove it.
#[derive(Clone, Debug)]
pub struct KeyRing(Vec<ServerKey>);

#[derive(Clone, Debug)]
struct ServerKey {
    id: String,
    secret: SecretBytes<32>,
}

/// What a sealed value is for. A value opens only for the purpose it was sealed for.
pub type Purpose = &'static str;

/// The `server_keys` setting cannot be used. No case repeats any part of the setting, which is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyRingError {
    /// There is none.
    #[error("server_keys is empty; generate one: {EXAMPLE}")]
    Empty,
    /// An entry is not `id:key`.
    #[error(
        "entry {0} of server_keys is not id:key; an id is 1 to 16 characters of a-z A-Z 0-9 -; generate one: {EXAMPLE}"
    )]
    Malformed(usize),
    /// A key is not 32 bytes.
    #[error("the key of entry {0} of server_keys is not the base64url form of 32 bytes; generate one: {EXAMPLE}")]
    Length(usize),
    /// Two keys have one id.
    #[error("entry {0} of server_keys has the id of an earlier one; every key needs an id of its own")]
    DoubledId(usize),
}

const EXAMPLE: &str = "gatehouse keys generate";

impl KeyRing {
    /// Parses the setting: `id:key` entries, newest first, separated by commas; white space around them does not count.
    ///
    /// # Errors
    /// See [`KeyRingError`]; entries are counted from 1.
    pub fn parse(setting: &str) -> Result<Self, KeyRingError> {
        let mut keys: Vec<ServerKey> = Vec::new();
        let entries = setting.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        for (entry, number) in entries.zip(1..) {
            let (id, key) = entry.split_once(':').ok_or(KeyRingError::Malformed(number))?;
            if !is_id(id) {
                return Err(KeyRingError::Malformed(number));
            }
            let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(key).map_err(|_| KeyRingError::Length(number))?);
            let secret = SecretBytes::from_slice(&bytes).ok_or(KeyRingError::Length(number))?;
            if keys.iter().any(|known| known.id == id) {
                return Err(KeyRingError::DoubledId(number));
            }
            keys.push(ServerKey { id: id.to_owned(), secret });
        }
        if keys.is_empty() { Err(KeyRingError::Empty) } else { Ok(Self(keys)) }
    }

    /// The setting for a first key: one entry, `id:key`, with a random key.
    ///
    /// # Errors
    /// [`KeyRingError::Malformed`] where `id` cannot be one.
    pub fn generate(id: &str, entropy: &mut impl Entropy) -> Result<SecretString, KeyRingError> {
        if !is_id(id) {
            return Err(KeyRingError::Malformed(1));
        }
        let key = Zeroizing::new(entropy.bytes::<32>());
        let encoded = Zeroizing::new(URL_SAFE_NO_PAD.encode(key.as_slice()));
        Ok(SecretString::new(format!("{id}:{}", encoded.as_str())))
    }

    /// The setting with a new key in front of those of `setting`: the new one seals from now on, the others still open.
    ///
    /// # Errors
    /// Where `setting` cannot be used, or `id` cannot be an id or is that of an earlier key; entries are counted from 1,
    /// and the new one is the first.
    pub fn rotate(setting: &str, id: &str, entropy: &mut impl Entropy) -> Result<SecretString, KeyRingError> {
        Self::parse(setting)?;
        let entry = Self::generate(id, entropy)?;
        let earlier = setting.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let entries = Zeroizing::new(core::iter::once(entry.expose()).chain(earlier).collect::<Vec<_>>().join(","));
        Self::parse(&entries)?;
        Ok(SecretString::new(entries.as_str().to_owned()))
    }

    /// The ids of the keys, newest first. They are no secrets: everything sealed starts with one.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|key| key.id.as_str())
    }

    /// Seals `plaintext` with the newest key, for `purpose`, bound to `context`. The result is base64url.
    ///
    /// # Errors
    /// Where the cipher refuses, which it does only for texts of many gigabytes.
    pub fn seal(
        &self,
        purpose: Purpose,
        context: &[&str],
        plaintext: &[u8],
        entropy: &mut impl Entropy,
    ) -> Result<String, Unopenable> {
        let newest = self.0.first().ok_or(Unopenable)?;
        let sealed = aead::seal(&newest.key_for(purpose), &bind(&newest.id, context), plaintext, entropy)?;
        let header = [&[FORMAT, u8::try_from(newest.id.len()).map_err(|_| Unopenable)?], newest.id.as_bytes()].concat();
        Ok(URL_SAFE_NO_PAD.encode([header, sealed].concat()))
    }

    /// Opens what was sealed for the same purpose and context with any of the keys.
    ///
    /// # Errors
    /// One error for everything that can be wrong.
    pub fn open(&self, purpose: Purpose, context: &[&str], sealed: &str) -> Result<Zeroizing<Vec<u8>>, Unopenable> {
        // The engine refuses padding and stray bits at the end: one value has one spelling.
        let bytes = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Unopenable)?;
        let Some(([FORMAT, id_length], rest)) = bytes.split_first_chunk::<2>() else {
            return Err(Unopenable);
        };
        let (id, sealed) = rest.split_at_checked(usize::from(*id_length)).ok_or(Unopenable)?;
        let key = self.0.iter().find(|key| key.id.as_bytes() == id).ok_or(Unopenable)?;
        aead::open(&key.key_for(purpose), &bind(&key.id, context), sealed)
    }

    /// Secrets of records that nobody holds a handle of, only the `subject` they belong to: one for each key, that of
    /// the newest first. What is written under the first is found under one of them until its key is removed.
    pub fn subject_secrets(&self, purpose: Purpose, subject: &Subject) -> impl Iterator<Item = HandleSecret> {
        self.0.iter().map(move |key| {
            let label = [b"subject/".as_slice(), purpose.as_bytes(), b"/", subject.as_str().as_bytes()];
            HandleSecret::from(aead::derive(&key.secret, &label))
        })
    }

    /// The secret of a record about a `token` of somebody else: whoever lacks the token or the newest key can neither find nor open
    /// it. Of the same token in another `context` it is another one.
    pub fn token_secret(&self, purpose: Purpose, context: &[&str], token: &str) -> Option<HandleSecret> {
        let newest = self.0.first()?;
        let context = bind(&newest.id, context);
        let label = [b"token/".as_slice(), purpose.as_bytes(), b"/", &context, token.as_bytes()];
        Some(aead::derive(&newest.secret, &label).into())
    }

    /// Whether the text begins as everything that was sealed with one of the keys does.
    pub fn may_have_sealed(&self, text: &str) -> bool {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) else { return false };
        let Some(([FORMAT, id_length], rest)) = bytes.split_first_chunk::<2>() else { return false };
        rest.get(..usize::from(*id_length)).is_some_and(|id| self.0.iter().any(|key| key.id.as_bytes() == id))
    }

    /// The ring of `owner`, for `purpose` alone: each key derived from one of these, under the same id. Whoever has it opens
    /// what it sealed, and nothing that these keys or the ring of somebody else sealed.
    #[must_use]
    pub fn of_owner(&self, purpose: Purpose, owner: &[&str]) -> Self {
        let derived = |key: &ServerKey| {
            let owner = bind(&key.id, owner);
            let secret = aead::derive(&key.secret, &[b"owner/", purpose.as_bytes(), b"/", &owner]);
            ServerKey { id: key.id.clone(), secret }
        };
        Self(self.0.iter().map(derived).collect())
    }

    /// The ring as [`KeyRing::parse`] takes it.
    pub fn expose(&self) -> SecretString {
        let entry = |key: &ServerKey| {
            let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(key.secret.expose()));
            Zeroizing::new(format!("{}:{}", key.id, secret.as_str()))
        };
        let entries: Vec<_> = self.0.iter().map(entry).collect();
        SecretString::new(entries.iter().map(|entry| entry.as_str()).collect::<Vec<_>>().join(","))
    }

    /// A secret that the server key with this id derives for `purpose` and `context`; `None` where there is no such key. Nobody
    /// can tell it without the server key, and it opens nothing.
    pub fn derived(&self, id: &str, purpose: Purpose, context: &[&str]) -> Option<SecretBytes<32>> {
        let key = self.0.iter().find(|key| key.id == id)?;
        Some(aead::derive(&key.secret, &[b"derived/", purpose.as_bytes(), b"/", &bind(&key.id, context)]))
    }

    /// A number for `text` under the newest key, for `purpose`: whoever lacks the key can neither tell it nor look for
    /// texts with the same one.
    pub fn number_of(&self, purpose: Purpose, text: &str) -> u64 {
        let derived = self
            .0
            .first()
            .map(|newest| aead::derive(&newest.secret, &[b"number/", purpose.as_bytes(), b"/", text.as_bytes()]));
        derived.and_then(|secret| secret.expose().first_chunk().copied()).map_or(0, u64::from_be_bytes)
    }
}

impl ServerKey {
    fn key_for(&self, purpose: Purpose) -> SecretBytes<32> {
        aead::derive(&self.secret, &[b"server/", purpose.as_bytes()])
    }
}

fn is_id(text: &str) -> bool {
    (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The associated data: every part with its length in front, so that no two lists of parts make the same bytes.
fn bind(key_id: &str, context: &[&str]) -> Vec<u8> {
    let mut bytes = vec![FORMAT];
    for part in core::iter::once(&key_id).chain(context) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Repeatable, and different for every call.
    struct Counting(u8);

    impl Entropy for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            self.0 = self.0.wrapping_add(1);
            bytes.fill(self.0);
        }
    }

    fn entry(id: &str, byte: u8) -> String {
        format!("{id}:{}", URL_SAFE_NO_PAD.encode([byte; 32]))
    }

    fn ring(entries: &[String]) -> KeyRing {
        KeyRing::parse(&entries.join(",")).unwrap()
    }

    #[test]
    fn the_number_of_a_text_is_another_for_another_key_purpose_or_text() {
        let of = |byte, purpose, text| ring(&[entry("a", byte), entry("b", 9)]).number_of(purpose, text);
        assert_eq!(of(1, "turns", "host"), of(1, "turns", "host"));
        for other in [of(2, "turns", "host"), of(1, "other", "host"), of(1, "turns", "tsoh")] {
            assert_ne!(other, of(1, "turns", "host"));
        }
        assert_eq!(ring(&[entry("a", 1)]).number_of("turns", "host"), of(1, "turns", "host"), "the newest counts");
    }

    #[test]
    fn a_derived_secret_is_another_for_another_key_purpose_or_context() {
        let ring = ring(&[entry("a", 1), entry("b", 2)]);
        let of = |id, purpose, context: &[&str]| ring.derived(id, purpose, context).map(|secret| *secret.expose());
        let first = of("a", "keys", &["/mcp", "1"]);
        assert!(first.is_some() && first == of("a", "keys", &["/mcp", "1"]));
        for other in [of("b", "keys", &["/mcp", "1"]), of("a", "kays", &["/mcp", "1"]), of("a", "keys", &["/mcp1", ""])]
        {
            assert!(other.is_some() && other != first);
        }
        assert_eq!(of("c", "keys", &["/mcp", "1"]), None);
    }

    #[test]
    fn a_sealed_value_opens_for_its_purpose_and_context_only() {
        let ring = ring(&[entry("a", 1)]);
        let sealed = ring.seal("access", &["https://a.example/mcp"], b"secret", &mut Counting(0)).unwrap();
        assert_eq!(ring.open("access", &["https://a.example/mcp"], &sealed).unwrap().as_slice(), b"secret");
        assert_eq!(ring.open("refresh", &["https://a.example/mcp"], &sealed), Err(Unopenable));
        assert_eq!(ring.open("access", &["https://a.example/other"], &sealed), Err(Unopenable));
        assert_eq!(ring.open("access", &["https://a.example/mcp", ""], &sealed), Err(Unopenable));
        assert_eq!(ring.open("access", &["https://a.example/", "mcp"], &sealed), Err(Unopenable));
    }

    #[test]
    fn equal_texts_seal_differently() {
        let (ring, mut entropy) = (ring(&[entry("a", 1)]), Counting(0));
        let first = ring.seal("p", &[], b"x", &mut entropy).unwrap();
        assert_ne!(first, ring.seal("p", &[], b"x", &mut entropy).unwrap());
    }

    /// Sealed by the version before, with AES-256-GCM under a nonce of 96 bits.
    #[test]
    fn what_an_earlier_format_sealed_gives_the_one_answer() {
        let ring = ring(&[entry("a", 1)]);
        assert_eq!(ring.open("p", &[], "AQFhAQEBAQEBAQEBAQEBz8ntqxcx0wNcfbwnCVJ2YxE"), Err(Unopenable));
        assert_eq!(ring.open("p", &[], "AgFhAQEBAQEBAQEBAQEBz8ntqxcx0wNcfbwnCVJ2YxE"), Err(Unopenable));
    }

    #[test]
    fn every_flipped_bit_gives_the_one_answer() {
        let ring = ring(&[entry("2026-11-21", 1)]);
        let sealed = ring.seal("p", &["c"], b"0123456789abcdef", &mut Counting(0)).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for position in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[position / 8] ^= 1 << (position % 8);
            assert_eq!(ring.open("p", &["c"], &URL_SAFE_NO_PAD.encode(flipped)), Err(Unopenable), "bit {position}");
        }
        for length in 0..bytes.len() {
            assert_eq!(ring.open("p", &["c"], &URL_SAFE_NO_PAD.encode(&bytes[..length])), Err(Unopenable), "{length}");
        }
    }

    #[test]
    fn rotation_overlaps_the_new_key_seals_and_both_open() {
        let old = ring(&[entry("old", 1)]);
        let both = ring(&[entry("new", 2), entry("old", 1)]);
        let new = ring(&[entry("new", 2)]);
        let sealed_before = old.seal("p", &[], b"x", &mut Counting(0)).unwrap();
        let sealed_after = both.seal("p", &[], b"x", &mut Counting(0)).unwrap();
        assert!(both.open("p", &[], &sealed_before).is_ok());
        assert!(new.open("p", &[], &sealed_after).is_ok());
        assert_eq!(new.open("p", &[], &sealed_before), Err(Unopenable), "the old key was removed");
        assert_eq!(old.open("p", &[], &sealed_after), Err(Unopenable));
    }

    #[test]
    fn a_generated_key_is_a_ring_and_the_next_one_stands_in_front_of_it() {
        let mut entropy = Counting(0);
        let first = KeyRing::generate("2026-11-21", &mut entropy).unwrap();
        assert_eq!(first.expose(), entry("2026-11-21", 1));
        let sealed = KeyRing::parse(first.expose()).unwrap().seal("p", &[], b"x", &mut Counting(9)).unwrap();
        // As an editor leaves the file.
        let written = format!(" {} ,\n", first.expose());
        let both = KeyRing::rotate(&written, "2027-01-01", &mut entropy).unwrap();
        assert_eq!(both.expose(), format!("{},{}", entry("2027-01-01", 2), entry("2026-11-21", 1)));
        let ring = KeyRing::parse(both.expose()).unwrap();
        assert_eq!(ring.ids().collect::<Vec<_>>(), ["2027-01-01", "2026-11-21"]);
        assert!(ring.open("p", &[], &sealed).is_ok());
    }

    #[test]
    fn a_key_is_not_generated_for_a_wrong_or_known_id_nor_beside_a_broken_ring() {
        for bad in ["", "a,b", "a:b", "a b", "an-id-that-is-too-long"] {
            assert_eq!(KeyRing::generate(bad, &mut Counting(0)).unwrap_err(), KeyRingError::Malformed(1), "{bad}");
        }
        let rotate = |setting: &str, id| KeyRing::rotate(setting, id, &mut Counting(0)).unwrap_err();
        assert_eq!(rotate("", "new"), KeyRingError::Empty);
        assert_eq!(rotate("old:short", "new"), KeyRingError::Length(1));
        assert_eq!(rotate(&entry("old", 1), "a b"), KeyRingError::Malformed(1));
        assert_eq!(rotate(&format!("{},{}", entry("a", 1), entry("b", 2)), "b"), KeyRingError::DoubledId(3));
    }

    #[test]
    fn a_subjects_secrets_are_its_own_for_each_purpose_and_key_that_of_the_newest_key_first() {
        let subject = |text| Subject::parse(text).unwrap();
        let secrets = |ring: &KeyRing, purpose, text| ring.subject_secrets(purpose, &subject(text)).collect::<Vec<_>>();
        let (old, both) = (ring(&[entry("old", 1)]), ring(&[entry("new", 2), entry("old", 1)]));
        let (before, after) = (secrets(&old, "sessions", "demo:alice"), secrets(&both, "sessions", "demo:alice"));
        assert_eq!((before.len(), after.len()), (1, 2));
        assert_eq!(before.first(), after.last(), "what the old key wrote is found with both");
        assert_ne!(after.first(), after.last());
        for (purpose, text) in [("consents", "demo:alice"), ("sessions", "demo:bob"), ("sessions", "demo2:alice")] {
            assert_ne!(secrets(&old, purpose, text), before, "{purpose} {text}");
        }
    }

    #[test]
    fn the_ring_of_an_owner_opens_its_own_and_nothing_else() {
        let both = ring(&[entry("new", 2), entry("old", 1)]);
        let own = both.of_owner("handles", &["demo:alice", "https://a.example/mcp"]);
        let sealed = own.seal("p", &["c"], b"x", &mut Counting(0)).unwrap();
        let passed_on = KeyRing::parse(own.expose().expose()).unwrap();
        assert_eq!(passed_on.open("p", &["c"], &sealed).unwrap().as_slice(), b"x");
        assert!(
            both.seal("p", &["c"], b"x", &mut Counting(0))
                .is_ok_and(|theirs| passed_on.open("p", &["c"], &theirs).is_err())
        );
        for other in [
            both.clone(),
            both.of_owner("events", &["demo:alice", "https://a.example/mcp"]),
            both.of_owner("handles", &["demo:bob", "https://a.example/mcp"]),
            both.of_owner("handles", &["demo:alice", "https://a.example/other"]),
            both.of_owner("handles", &["demo:alicehttps://a.example/mcp"]),
            ring(&[entry("new", 3), entry("old", 1)]).of_owner("handles", &["demo:alice", "https://a.example/mcp"]),
        ] {
            assert_eq!(other.open("p", &["c"], &sealed), Err(Unopenable));
        }
        let before = ring(&[entry("old", 1)]).of_owner("handles", &["demo:alice", "https://a.example/mcp"]);
        let sealed = before.seal("p", &[], b"x", &mut Counting(0)).unwrap();
        assert!(own.open("p", &[], &sealed).is_ok(), "a rotation loses nothing");
    }

    #[test]
    fn an_unusable_setting_is_refused_without_repeating_it() {
        for (setting, error) in [
            (String::new(), KeyRingError::Empty),
            (" , ".to_owned(), KeyRingError::Empty),
            ("secret".to_owned(), KeyRingError::Malformed(1)),
            (format!("{},{}", entry("a", 1), entry("an-id-that-is-too-long", 2)), KeyRingError::Malformed(2)),
            ("a:c2hvcnQ".to_owned(), KeyRingError::Length(1)),
            (format!("{}=", entry("a", 1)), KeyRingError::Length(1)),
            (format!("{},{}", entry("a", 1), entry("a", 2)), KeyRingError::DoubledId(2)),
        ] {
            let refused = KeyRing::parse(&setting).unwrap_err();
            assert_eq!(refused, error);
            assert!(!refused.to_string().contains("c2hvcnQ") && !refused.to_string().contains("secret "));
        }
        assert!(format!("{:?}", ring(&[entry("a", 1)])).contains("[redacted]"));
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_and_no_other_text_does(plaintext in proptest::collection::vec(any::<u8>(), 0..200), other in ".{0,200}") {
            let ring = ring(&[entry("a", 1)]);
            let sealed = ring.seal("p", &["c"], &plaintext, &mut Counting(0)).unwrap();
            let opened = ring.open("p", &["c"], &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), plaintext.as_slice());
            if other != sealed {
                prop_assert!(ring.open("p", &["c"], &other).is_err());
            }
        }
    }
}
