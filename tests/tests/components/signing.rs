//! An identity provider's key.

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

/// A token with these claims.
pub fn sign(claims: &Value) -> String {
    sign_as("JWT", claims)
}

/// A token of this type with these claims.
pub fn sign_as(typ: &str, claims: &Value) -> String {
    let (typ, kid) = (Some(typ.to_owned()), Some("p256".to_owned()));
    let header = Header { typ, kid, ..Header::new(Algorithm::ES256) };
    jsonwebtoken::encode(&header, claims, &key()).unwrap()
}

/// What its `jwks_uri` answers with.
pub fn key_set() -> Value {
    let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key(), Algorithm::ES256).unwrap()).unwrap();
    jwk["kid"] = "p256".into();
    json!({ "keys": [jwk] })
}

fn key() -> EncodingKey {
    EncodingKey::from_ec_der(include_bytes!("../../../crates/jose/test-keys/p256.pkcs8.der"))
}
