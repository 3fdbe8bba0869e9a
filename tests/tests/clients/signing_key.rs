//! The key of a client that signs (`private_key_jwt`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use serde_json::{Value, json};

/// A P-256 key, for ES256.
pub struct SigningKey(KeyPair);

impl SigningKey {
    /// A new one.
    pub fn generate() -> Self {
        Self(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key"))
    }

    /// The private key as PEM (PKCS #8).
    pub fn private_pem(&self) -> String {
        self.0.serialize_pem()
    }

    /// The key set with the public key (RFC 7517), which has no `kid`: the SDKs' assertions have none.
    pub fn jwks(&self) -> Value {
        // An uncompressed point: a four, and 32 bytes for each coordinate (SEC 1, section 2.3.3).
        let [0x04, point @ ..] = self.0.public_key_raw() else { panic!("the point is compressed") };
        let (x, y) = point.split_at(32);
        let text = |bytes| URL_SAFE_NO_PAD.encode(bytes);
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": text(x), "y": text(y) }] })
    }
}
