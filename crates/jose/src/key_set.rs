//! Public keys (RFC 7517; for the key types RFC 7518, section 6, and RFC 8037).

use gatehouse_protocol::LogText;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::SigningAlgorithm;
use crate::public_key::PublicKey;

/// The keys of one party, such as a provider or a client, that can verify a signature.
#[derive(Clone, Debug)]
pub struct KeySet(Vec<VerificationKey>);

/// One key, of a kind that we know and with nothing that speaks against its use.
#[derive(Clone, Debug)]
pub(crate) struct VerificationKey {
    kid: Option<String>,
    /// `alg`, where its owner binds the key to one.
    algorithm: Option<String>,
    /// `issuer`, where its owner signs for several and binds the key to one of them.
    issuer: Option<String>,
    key: PublicKey,
}

/// A key set that cannot be used. The text is a predicate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeySetRejection {
    /// Not JSON, or without `keys`.
    #[error("is not a JSON Web Key Set; the problem is at line {line}, column {column}")]
    Json {
        /// Counted from 1; 0 where the parser has none.
        line: usize,
        /// Counted from 1; 0 where the parser has none.
        column: usize,
    },
    /// Keys for encryption, of unknown types, or broken ones only.
    #[error("holds no key that can verify a signature")]
    NoUsableKey,
}

/// There is not exactly one key with which a token can be verified. The text is a predicate of the token.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyRejection {
    /// The owner may have changed its keys since these were fetched.
    #[error("is signed with a key that its issuer's key set does not have")]
    Unknown {
        /// The token's `kid`, where it has one.
        kid: Option<LogText>,
    },
    /// The token names a key that is of another type, or bound to another algorithm, than the token's.
    #[error("has the alg {algorithm}, which does not fit the key that it names")]
    AlgorithmDiffers {
        /// The token's.
        algorithm: SigningAlgorithm,
    },
    /// The token names a key that is only for tokens of another issuer.
    #[error("names a key that is for tokens of another issuer")]
    IssuerDiffers,
    /// Trying them all would let a signature choose its key.
    #[error("fits several keys of its issuer and does not say which")]
    Ambiguous,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// A JSON Web Key, as far as we use it. Private members and certificates are not read.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    public_key_use: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    issuer: Option<String>,
}

impl KeySet {
    /// Reads a key set (RFC 7517, section 5).
    ///
    /// Keys that we do not understand are ignored, as that section says: a provider that adds a new type must not lock everyone
    /// out.
    ///
    /// # Errors
    /// See [`KeySetRejection`].
    pub fn from_json(document: &[u8]) -> Result<Self, KeySetRejection> {
        let document: Document = serde_json::from_slice(document)
            .map_err(|error| KeySetRejection::Json { line: error.line(), column: error.column() })?;
        let jwks = document.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        let keys: Vec<_> = jwks.filter_map(VerificationKey::of).collect();
        if keys.is_empty() { Err(KeySetRejection::NoUsableKey) } else { Ok(Self(keys)) }
    }

    /// The key of a token with these headers, among those that are bound to no issuer or to one that fits. Where the
    /// token has no `kid`, exactly one key must fit.
    pub(crate) fn select(
        &self,
        algorithm: SigningAlgorithm,
        kid: Option<&str>,
        issuer_fits: impl Fn(&str) -> bool,
    ) -> Result<&VerificationKey, KeyRejection> {
        let named = || self.0.iter().filter(|key| kid.is_none() || key.kid.as_deref() == kid);
        let of_issuer = || named().filter(|key| key.issuer.as_deref().is_none_or(&issuer_fits));
        let mut fitting = of_issuer().filter(|key| key.fits(algorithm));
        match (fitting.next(), fitting.next()) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(KeyRejection::Ambiguous),
            (None, _) if kid.is_none() => Err(KeyRejection::Unknown { kid: None }),
            (None, _) if of_issuer().next().is_some() => Err(KeyRejection::AlgorithmDiffers { algorithm }),
            (None, _) if named().next().is_some() => Err(KeyRejection::IssuerDiffers),
            (None, _) => Err(KeyRejection::Unknown { kid: kid.map(LogText::new) }),
        }
    }
}

impl VerificationKey {
    fn of(jwk: Jwk) -> Option<Self> {
        let for_signatures = jwk.public_key_use.as_deref().is_none_or(|public_key_use| public_key_use == "sig");
        let verifies = jwk.key_ops.as_ref().is_none_or(|operations| operations.iter().any(|it| it == "verify"));
        if !for_signatures || !verifies {
            return None;
        }
        let key = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => PublicKey::rsa(&jwk.n?, &jwk.e?)?,
            ("EC", Some("P-256")) => PublicKey::p256(&jwk.x?, &jwk.y?)?,
            ("EC", Some("P-384")) => PublicKey::p384(&jwk.x?, &jwk.y?)?,
            ("OKP", Some("Ed25519")) => PublicKey::ed25519(&jwk.x?)?,
            _ => return None,
        };
        Some(Self { kid: jwk.kid, algorithm: jwk.alg, issuer: jwk.issuer, key })
    }

    /// Whether the key is of the algorithm's type and not bound to another one. A key that serves two algorithms at
    /// once is what algorithm confusion needs (RFC 8725, section 3.1).
    fn fits(&self, algorithm: SigningAlgorithm) -> bool {
        let is_it = |bound: &str| SigningAlgorithm::parse(bound).is_some_and(|bound| bound.is_same_as(algorithm));
        self.key.is_for(algorithm) && self.algorithm.as_deref().is_none_or(is_it)
    }

    /// Whether `signature` is this key's, of `message`.
    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8], algorithm: SigningAlgorithm) -> bool {
        self.key.has_signed(message, signature, algorithm)
    }
}

#[cfg(test)]
mod tests;
