//! A provider for the tests: its metadata, its keys, and tokens signed with them.

use gatehouse_configuration::{
    AccessRules, ClaimNames, EntraProfile, IdentityProvider, ProviderAuthentication, ProviderProfile,
};
use gatehouse_jose::{KeySet, SigningHeader, SigningKey, TimeClaims};
use gatehouse_protocol::{Entropy, Scopes, SecretString, UnixTime};
use serde_json::{Value, json};

use crate::{LoginSecrets, ProviderMetadata, metadata_issuer};

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
        metadata_url: None,
        claim_names: ClaimNames::default(),
        client_id: "gatehouse".to_owned(),
        profile: ProviderProfile::OpenId,
        authentication: ProviderAuthentication::None,
        authorization_parameters: std::collections::BTreeMap::new(),
        access: AccessRules::default(),
        administrator_roles: Vec::new(),
        operator_roles: Vec::new(),
        accepts_identity_assertions: false,
        scopes: Scopes::parse("openid profile offline_access").unwrap(),
    }
}

pub(crate) const TENANT: &str = "8d1b0f3a-6c2e-4f57-9a41-0c7d5e2b9f10";
pub(crate) const OTHER_TENANT: &str = "11111111-6c2e-4f57-9a41-0c7d5e2b9f10";
pub(crate) const OBJECT: &str = "00000000-0000-0000-66f3-3332eca7ea81";

/// Entra, with this as the `tenant` of its configuration.
pub(crate) fn entra(tenant: &str) -> IdentityProvider {
    let authority = "https://login.microsoftonline.com".to_owned();
    IdentityProvider {
        name: "entra".to_owned(),
        issuer: format!("{authority}/{tenant}/v2.0"),
        profile: ProviderProfile::Entra(EntraProfile {
            authority,
            tenant: tenant.to_owned(),
            graph: "https://graph.microsoft.com".to_owned(),
        }),
        ..provider()
    }
}

pub(crate) fn entra_metadata(provider: &IdentityProvider) -> ProviderMetadata {
    let issuer = metadata_issuer(provider);
    let mut document = metadata_document();
    document["issuer"] = issuer.clone().into();
    document["token_endpoint_auth_methods_supported"] =
        json!(["client_secret_post", "private_key_jwt", "client_secret_basic"]);
    ProviderMetadata::from_json(document.to_string().as_bytes(), &issuer).unwrap()
}

pub(crate) fn entra_claims(tenant: &str) -> Value {
    let mut claims = claims();
    claims["iss"] = format!("https://login.microsoftonline.com/{tenant}/v2.0").into();
    claims["tid"] = tenant.into();
    claims["oid"] = OBJECT.into();
    claims
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
    P256,
}

impl Key {
    pub(crate) fn kid(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::P256 => "p256",
        }
    }

    pub(crate) fn private(self) -> SigningKey {
        let pem = match self {
            Self::Rsa => include_str!("../../jose/test-keys/rsa.pem"),
            Self::P256 => include_str!("../../jose/test-keys/p256.pem"),
        };
        SigningKey::from_pem(&SecretString::new(pem.to_owned())).unwrap()
    }

    /// The public half with its `kid` and `use`, and not bound to an algorithm.
    pub(crate) fn jwk(self) -> Value {
        let every: Value = serde_json::from_str(include_str!("../../jose/test-keys/jwks.json")).unwrap();
        every["keys"].as_array().unwrap().iter().find(|jwk| jwk["kid"] == self.kid()).unwrap().clone()
    }
}

pub(crate) fn key_set_of(keys: &[Value]) -> KeySet {
    KeySet::from_json(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

pub(crate) fn key_set() -> KeySet {
    key_set_of(&[Key::Rsa.jwk(), Key::P256.jwk()])
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

/// A token that the provider has signed.
pub(crate) fn token(key: Key, claims: &Value) -> SecretString {
    token_of_type("JWT", key, claims)
}

pub(crate) fn token_of_type(typ: &str, key: Key, claims: &Value) -> SecretString {
    let header = SigningHeader { typ: Some(typ), kid: Some(key.kid()), x5t_s256: None };
    // The claims have the times in them, however odd.
    key.private().sign(&header, &TimeClaims::default(), claims, &mut Counter::default()).unwrap()
}
