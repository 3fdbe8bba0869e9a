//! JWTs, right and wrong.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

/// A key pair of `test-keys`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningKey {
    /// RS256.
    Rsa,
    /// RS256, another one.
    OtherRsa,
    /// ES256.
    P256,
}

impl SigningKey {
    /// Its name in a key set.
    pub fn kid(self) -> &'static str {
        match self {
            Self::Rsa => "rsa",
            Self::OtherRsa => "other-rsa",
            Self::P256 => "p256",
        }
    }

    /// The algorithm with which it signs.
    pub fn algorithm(self) -> &'static str {
        match self {
            Self::Rsa | Self::OtherRsa => "RS256",
            Self::P256 => "ES256",
        }
    }

    fn of_jsonwebtoken(self) -> (EncodingKey, Algorithm) {
        match self {
            Self::Rsa => (EncodingKey::from_rsa_der(include_bytes!("../test-keys/rsa.pkcs1.der")), Algorithm::RS256),
            Self::OtherRsa => {
                (EncodingKey::from_rsa_der(include_bytes!("../test-keys/other-rsa.pkcs1.der")), Algorithm::RS256)
            }
            Self::P256 => (EncodingKey::from_ec_der(include_bytes!("../test-keys/p256.pkcs8.der")), Algorithm::ES256),
        }
    }

    /// The public half.
    pub fn jwk(self) -> Value {
        let (key, algorithm) = self.of_jsonwebtoken();
        let jwk = Jwk::from_encoding_key(&key, algorithm).expect("a public half");
        let mut jwk = serde_json::to_value(jwk).expect("JSON");
        jwk["kid"] = self.kid().into();
        jwk["use"] = "sig".into();
        jwk["alg"] = self.algorithm().into();
        jwk
    }

    /// A JWT of `claims`, with a header that says how it is signed.
    pub fn sign(self, claims: &Value) -> String {
        self.sign_under(&json!({ "alg": self.algorithm(), "kid": self.kid(), "typ": "JWT" }), claims)
    }

    /// A token whose header and claims are this very text.
    pub fn sign_message(self, message: &str) -> String {
        let (key, algorithm) = self.of_jsonwebtoken();
        let signature = crypto::sign(message.as_bytes(), &key, algorithm).expect("a signature");
        format!("{message}.{signature}")
    }

    /// A JWT with this very header, whatever it says, signed all the same.
    pub fn sign_under(self, header: &Value, claims: &Value) -> String {
        self.sign_message(&message(header, claims))
    }
}

/// A JWT with this very header and `signature` as it is.
pub fn with_signature(header: &Value, claims: &Value, signature: &str) -> String {
    format!("{}.{signature}", message(header, claims))
}

/// A JWT whose HS256 key is `secret`: the public half of another key, in an attack.
pub fn with_hmac(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let message = message(header, claims);
    let signature = crypto::sign(message.as_bytes(), &EncodingKey::from_secret(secret), Algorithm::HS256);
    format!("{message}.{}", signature.expect("a signature"))
}

fn message(header: &Value, claims: &Value) -> String {
    let part = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    format!("{}.{}", part(header), part(claims))
}
