//! Texts that requests are made of, and those of answers.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

/// The text that `object` has under `name`.
pub fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("no {name}: {object}")).to_owned()
}

/// `pairs` as a form or a query.
pub fn form(pairs: &[(impl AsRef<str>, impl AsRef<str>)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// `prefix` and 43 characters that occur nowhere else.
pub fn unique(prefix: &str) -> String {
    let mut bytes = Vec::new();
    for _ in 0..4 {
        bytes.extend(RandomState::new().build_hasher().finish().to_be_bytes());
    }
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The S256 challenge of a PKCE verifier (RFC 7636, section 4.2).
pub fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// `text` with another character at `position`, of the same alphabet.
pub fn flipped(text: &str, position: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = text.as_bytes().to_vec();
    // The highest bit of the six: the lower ones of the last character may stand for nothing.
    let value = ALPHABET.iter().position(|known| *known == bytes[position]);
    bytes[position] = value.map_or(b'A', |value| ALPHABET[value ^ 0x20]);
    String::from_utf8(bytes).expect("ASCII")
}
