//! Keys for the tests, and tokens signed with them, however odd.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{Entropy, SecretString};
use jsonwebtoken::{Algorithm, EncodingKey};
use pkcs8::{PrivateKeyInfoRef, SecretDocument};
use serde_json::{Value, json};

use crate::KeySet;

/// Repeatable, and different for every call.
pub(crate) struct Counting(pub(crate) u8);

impl Entropy for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 = self.0.wrapping_add(1);
        bytes.fill(self.0);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Rsa,
    OtherRsa,
    P256,
    P384,
    Ed25519,
}

impl Key {
    pub(crate) const EVERY: [Self; 5] = [Self::Rsa, Self::OtherRsa, Self::P256, Self::P384, Self::Ed25519];

    pub(crate) fn kid(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::OtherRsa => "other-rsa",
            Self::P256 => "p256",
            Self::P384 => "p384",
            Self::Ed25519 => "ed25519",
        }
    }

    pub(crate) fn pem(self) -> SecretString {
        let pem = match self {
            Self::Rsa => include_str!("../test-keys/rsa.pem"),
            Self::OtherRsa => include_str!("../test-keys/other-rsa.pem"),
            Self::P256 => include_str!("../test-keys/p256.pem"),
            Self::P384 => include_str!("../test-keys/p384.pem"),
            Self::Ed25519 => include_str!("../test-keys/ed25519.pem"),
        };
        SecretString::new(pem.to_owned())
    }

    pub(crate) fn private(self) -> EncodingKey {
        let (_, document) = SecretDocument::from_pem(self.pem().expose()).unwrap();
        match self {
            Self::Rsa | Self::OtherRsa => {
                let info = PrivateKeyInfoRef::try_from(document.as_bytes()).unwrap();
                EncodingKey::from_rsa_der(info.private_key.as_bytes())
            }
            Self::P256 | Self::P384 => EncodingKey::from_ec_der(document.as_bytes()),
            Self::Ed25519 => EncodingKey::from_ed_der(document.as_bytes()),
        }
    }

    pub(crate) fn natural_algorithm(self) -> Algorithm {
        match self {
            Self::Rsa | Self::OtherRsa => Algorithm::RS256,
            Self::P256 => Algorithm::ES256,
            Self::P384 => Algorithm::ES384,
            Self::Ed25519 => Algorithm::EdDSA,
        }
    }

    /// The public half with its `kid` and `use`, and not bound to an algorithm.
    pub(crate) fn jwk(self) -> Value {
        let every: Value = serde_json::from_str(include_str!("../test-keys/jwks.json")).unwrap();
        every["keys"].as_array().unwrap().iter().find(|jwk| jwk["kid"] == self.kid()).unwrap().clone()
    }
}

pub(crate) fn key_set_of(keys: &[Value]) -> KeySet {
    KeySet::from_json(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

pub(crate) fn key_set(keys: &[Key]) -> KeySet {
    key_set_of(&keys.iter().map(|key| key.jwk()).collect::<Vec<_>>())
}

pub(crate) fn claims() -> Value {
    json!({ "iss": "https://op.example", "sub": "248289761001" })
}

pub(crate) fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// A token with these very headers and claims, signed whatever they say.
pub(crate) fn signed(header: &Value, claims: &Value, key: Key, algorithm: Algorithm) -> String {
    signed_by(header, claims, &key.private(), algorithm)
}

pub(crate) fn signed_by(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// A token signed with the key's own algorithm, and headers that say so.
pub(crate) fn token(key: Key, claims: &Value) -> String {
    let algorithm = key.natural_algorithm();
    let name = serde_json::to_value(algorithm).unwrap();
    signed(&json!({ "alg": name, "kid": key.kid(), "typ": "JWT" }), claims, key, algorithm)
}
