//! A provider for the tests: its metadata, its keys, and tokens signed with them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_configuration::{AccessRules, IdentityProvider, ProviderAuthentication, ProviderProfile};
use gatehouse_protocol::{Entropy, Scopes, SecretString, UnixTime};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::{KeySet, LoginSecrets, ProviderMetadata};

pub(crate) const ISSUER: &str = "https://op.example";
pub(crate) const CALLBACK_URL: &str = "https://gateway.example/callback";
pub(crate) const NONCE: &str = "n-0S6_WzA2Mj";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// 2026-11-21.
pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);

/// Entropy that counts, so that what tests see is repeatable.
#[derive(Default)]
pub(crate) struct Counter(u8);

impl Entropy for Counter {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
    }
}

pub(crate) fn provider() -> IdentityProvider {
    IdentityProvider {
        name: "demo".to_owned(),
        display_name: "Demo".to_owned(),
        issuer: ISSUER.to_owned(),
        client_id: "gatehouse".to_owned(),
        profile: ProviderProfile::OpenId,
        authentication: ProviderAuthentication::None,
        access: AccessRules::default(),
        accepts_identity_assertions: false,
        scopes: Scopes::parse("openid profile offline_access").unwrap(),
    }
}

pub(crate) fn metadata_document() -> Value {
    json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://op.example/authorize",
        "token_endpoint": "https://op.example/token",
        "jwks_uri": "https://op.example/jwks",
    })
}

pub(crate) fn metadata() -> ProviderMetadata {
    metadata_with(|_| {})
}

pub(crate) fn metadata_with(change: impl FnOnce(&mut Value)) -> ProviderMetadata {
    let mut document = metadata_document();
    change(&mut document);
    let issuer = document["issuer"].as_str().unwrap().to_owned();
    ProviderMetadata::from_json(document.to_string().as_bytes(), &issuer).unwrap()
}

pub(crate) fn secrets() -> LoginSecrets {
    serde_json::from_value(json!({ "nonce": NONCE, "code_verifier": VERIFIER })).unwrap()
}

/// A signing key of the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Rsa,
    OtherRsa,
    P256,
    P384,
    Ed25519,
}

impl Key {
    pub(crate) fn kid(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::OtherRsa => "other-rsa",
            Self::P256 => "p256",
            Self::P384 => "p384",
            Self::Ed25519 => "ed25519",
        }
    }

    fn private(self) -> EncodingKey {
        match self {
            Self::Rsa => EncodingKey::from_rsa_der(include_bytes!("../test-keys/rsa.pkcs1.der")),
            Self::OtherRsa => EncodingKey::from_rsa_der(include_bytes!("../test-keys/other-rsa.pkcs1.der")),
            Self::P256 => EncodingKey::from_ec_der(include_bytes!("../test-keys/p256.pkcs8.der")),
            Self::P384 => EncodingKey::from_ec_der(include_bytes!("../test-keys/p384.pkcs8.der")),
            Self::Ed25519 => EncodingKey::from_ed_der(include_bytes!("../test-keys/ed25519.pkcs8.der")),
        }
    }

    fn natural_algorithm(self) -> Algorithm {
        match self {
            Self::Rsa | Self::OtherRsa => Algorithm::RS256,
            Self::P256 => Algorithm::ES256,
            Self::P384 => Algorithm::ES384,
            Self::Ed25519 => Algorithm::EdDSA,
        }
    }

    /// The public half with its `kid` and `use`, and not bound to an algorithm.
    pub(crate) fn jwk(self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.private(), self.natural_algorithm()).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk.as_object_mut().unwrap().remove("alg");
        jwk["kid"] = self.kid().into();
        jwk["use"] = "sig".into();
        jwk
    }
}

pub(crate) fn key_set_of(keys: &[Value]) -> KeySet {
    KeySet::from_json(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

pub(crate) fn key_set(keys: &[Key]) -> KeySet {
    key_set_of(&keys.iter().map(|key| key.jwk()).collect::<Vec<_>>())
}

/// The claims of a token as it should be.
pub(crate) fn claims() -> Value {
    json!({
        "iss": ISSUER,
        "sub": "248289761001",
        "aud": "gatehouse",
        "nonce": NONCE,
        "exp": NOW.seconds() + 300,
        "iat": NOW.seconds(),
    })
}

pub(crate) fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

/// A token with these very headers and claims, signed whatever they say.
pub(crate) fn signed(header: &Value, claims: &Value, key: Key, algorithm: Algorithm) -> SecretString {
    signed_by(header, claims, &key.private(), algorithm)
}

pub(crate) fn signed_by(header: &Value, claims: &Value, key: &EncodingKey, algorithm: Algorithm) -> SecretString {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).unwrap();
    SecretString::new(format!("{message}.{signature}"))
}

/// A token signed with the key's own algorithm, and headers that say so.
pub(crate) fn token(key: Key, claims: &Value) -> SecretString {
    let algorithm = key.natural_algorithm();
    let name = serde_json::to_value(algorithm).unwrap();
    signed(&json!({ "alg": name, "kid": key.kid(), "typ": "JWT" }), claims, key, algorithm)
}
