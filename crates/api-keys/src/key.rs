//! The form of a key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{Entropy, SecretBytes, SecretString};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// What every key begins with, so that scanners for secrets find one.
const PREFIX: &str = "gatehouse_";
/// Characters of 32 bytes in base64url.
const SECRET_LENGTH: usize = 43;
/// Digits of the largest generation.
const MOST_DIGITS: usize = 20;
/// Characters of the id of a server key.
const MOST_ID: usize = 16;

/// A text that has the form of a key; whether it is one, nobody has looked yet.
#[derive(Debug, PartialEq, Eq)]
pub enum ApiKey<'a> {
    /// `gatehouse_SECRET`: it counts where its SHA-256 is in the configuration.
    Configured,
    /// `gatehouse_GENERATION_ID_SECRET`: an administrator has fetched it.
    Issued(IssuedKey<'a>),
}

/// A key that an administrator has fetched, in its parts.
#[derive(Debug, PartialEq, Eq)]
pub struct IssuedKey<'a> {
    /// How many times the key of the route has been replaced, counted from a moment in the past.
    pub(crate) generation: u64,
    /// The id of the server key that it is derived from.
    pub(crate) server_key: &'a str,
    /// What is derived.
    pub(crate) secret: SecretBytes<32>,
}

impl<'a> ApiKey<'a> {
    /// The key, if the text has the form of one. Each key has exactly one spelling.
    pub fn parse(text: &'a str) -> Option<Self> {
        let rest = text.strip_prefix(PREFIX)?;
        if rest.len() <= SECRET_LENGTH {
            return secret(rest).map(|_| Self::Configured);
        }
        let mut parts = rest.splitn(3, '_');
        let (generation, server_key, written) = (parts.next()?, parts.next()?, parts.next()?);
        let is_number = (1..=MOST_DIGITS).contains(&generation.len())
            && generation.bytes().all(|byte| byte.is_ascii_digit())
            && !generation.starts_with('0');
        let is_id = (1..=MOST_ID).contains(&server_key.len())
            && server_key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_number || !is_id {
            return None;
        }
        Some(Self::Issued(IssuedKey { generation: generation.parse().ok()?, server_key, secret: secret(written)? }))
    }
}

/// The text of an issued key.
pub(crate) fn written(generation: u64, server_key: &str, secret: &SecretBytes<32>) -> SecretString {
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(secret.expose()));
    SecretString::new(format!("{PREFIX}{generation}_{server_key}_{}", secret.as_str()))
}

/// A new key for the configuration. What stands there is its [`digest`].
pub fn generate(entropy: &mut impl Entropy) -> SecretString {
    let bytes = Zeroizing::new(entropy.bytes::<32>());
    let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()));
    SecretString::new(format!("{PREFIX}{}", secret.as_str()))
}

/// The SHA-256 of a key, which is compared in constant time. A key has 256 bits that nobody can guess, so nothing slower is
/// needed.
pub fn digest(key: &str) -> SecretBytes<32> {
    SecretBytes::new(Sha256::digest(key.as_bytes()).into())
}

/// The bytes, where they are 32 and spelled in the one way.
fn secret(text: &str) -> Option<SecretBytes<32>> {
    if text.len() != SECRET_LENGTH {
        return None;
    }
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
    SecretBytes::from_slice(&bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::example::Counting;

    #[test]
    fn a_generated_key_has_its_form_and_no_two_are_equal() {
        let mut entropy = Counting(0);
        let (first, second) = (generate(&mut entropy), generate(&mut entropy));
        assert_ne!(first, second);
        assert_eq!(first.expose().len(), PREFIX.len() + SECRET_LENGTH);
        assert_eq!(ApiKey::parse(first.expose()), Some(ApiKey::Configured));
        assert!(digest(first.expose()) == digest(first.expose()) && digest(first.expose()) != digest(second.expose()));
    }

    #[test]
    fn an_issued_key_is_read_back_in_its_parts() {
        let secret = SecretBytes::new([0xff; 32]);
        let text = written(u64::MAX, "2026-11-21", &secret);
        let key = IssuedKey { generation: u64::MAX, server_key: "2026-11-21", secret };
        assert_eq!(ApiKey::parse(text.expose()), Some(ApiKey::Issued(key)));
    }

    #[test]
    fn whatever_else_is_no_key() {
        let good = written(7, "a", &SecretBytes::new([1; 32]));
        let good = good.expose();
        let secret = good.rsplit('_').next().unwrap();
        for bad in [
            "",
            "gatehouse_",
            "gatehouse_hunter2",
            &format!("Gatehouse_{secret}"),
            &format!("gatehouse-{secret}"),
            &format!("gatehouse_{secret}="),
            &format!("gatehouse_{secret} "),
            &format!(" gatehouse_{secret}"),
            &format!("Bearer gatehouse_{secret}"),
            &format!("gatehouse_0_a_{secret}"),
            &format!("gatehouse_07_a_{secret}"),
            &format!("gatehouse_+7_a_{secret}"),
            &format!("gatehouse_-7_a_{secret}"),
            &format!("gatehouse_18446744073709551616_a_{secret}"),
            &format!("gatehouse_7__{secret}"),
            &format!("gatehouse_7_a b_{secret}"),
            &format!("gatehouse_7_{}_{secret}", "a".repeat(17)),
            &format!("gatehouse_7_{secret}"),
            &format!("{good}, {good}"),
            // Stray bits at the end: another spelling of the same bytes.
            &format!("gatehouse_{}", "A".repeat(42) + "B"),
        ] {
            assert_eq!(ApiKey::parse(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_text_that_is_read_as_an_issued_key_is_the_one_spelling_of_it(text in "gatehouse_[0-9_a-f-]{1,24}_[A-Za-z0-9_-]{43}") {
            if let Some(ApiKey::Issued(key)) = ApiKey::parse(&text) {
                let again = written(key.generation, key.server_key, &key.secret);
                prop_assert_eq!(again.expose(), text.as_str());
            }
        }
    }
}
