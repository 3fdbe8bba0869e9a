//! Our own keys, with which we prove elsewhere who we are.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::SecretString;
use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use pkcs8::{ObjectIdentifier, PrivateKeyInfo, SecretDocument};
use serde::Serialize;
use thiserror::Error;

use crate::SigningAlgorithm;

/// A private key: P-256, P-384, Ed25519, or RSA with at least 2048 bits.
///
/// Prefer P-256. RSA private keys are used by the crate `rsa`, whose arithmetic does not take constant time
/// (RUSTSEC-2023-0071, "Marvin"): somebody who can have very many signatures made and time each of them may learn
/// something of the key. Signing here is blinded with fresh randomness for each signature, which is the known
/// counter-measure, and happens only when Gatehouse itself talks to a provider; but "blinded" is not "constant time".
/// Providers that do not take ES256, such as Entra, also take assertions that others sign: no key is then kept here.
#[derive(Clone, Debug)]
pub struct SigningKey {
    key: EncodingKey,
    algorithm: SigningAlgorithm,
}

/// What a token says of itself besides its algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SigningHeader<'a> {
    /// `typ`: its kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typ: Option<&'a str>,
    /// `kid`: which of our keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kid: Option<&'a str>,
    /// `x5t#S256`: which of our certificates, by its SHA-256 thumbprint in base64url.
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    pub x5t_s256: Option<&'a str>,
}

/// A key that cannot sign. The text is for the log and holds nothing of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SigningRejection {
    /// Not PEM with `BEGIN PRIVATE KEY`; the older formats have others.
    #[error("the private key is not PKCS #8 in PEM (-----BEGIN PRIVATE KEY-----, without a password)")]
    NotPkcs8,
    /// Another kind of key.
    #[error("the private key is of an unknown kind; use EC P-256, EC P-384, Ed25519 or RSA")]
    UnknownKind,
    /// RFC 7518, section 3.3: "A key of size 2048 bits or larger MUST be used".
    #[error("the private key is RSA with less than 2048 bits")]
    TooShort,
    /// The numbers are not those of a key.
    #[error("the private key is damaged")]
    Damaged,
    /// The other side lists algorithms, and none that the key can be used with.
    #[error("the private key cannot be used with an algorithm that the other side accepts")]
    NotAccepted,
    /// The claims have no JSON.
    #[error("the claims cannot be written as JSON")]
    Claims,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    #[serde(flatten)]
    rest: &'a SigningHeader<'a>,
}

impl SigningKey {
    /// Reads a private key: PKCS #8 (RFC 5958) in PEM, as `openssl genpkey` writes it.
    ///
    /// An RSA key signs with PS256; see [`SigningKey::accepted_as`] for RS256.
    ///
    /// # Errors
    /// Where it is none, of another kind, too short or damaged.
    pub fn from_pem(pem: &SecretString) -> Result<Self, SigningRejection> {
        const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
        const ELLIPTIC_CURVE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
        const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
        const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
        const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

        let (label, document) =
            SecretDocument::from_pem(pem.expose().trim()).map_err(|_| SigningRejection::NotPkcs8)?;
        if label != "PRIVATE KEY" {
            return Err(SigningRejection::NotPkcs8);
        }
        let info = PrivateKeyInfo::try_from(document.as_bytes()).map_err(|_| SigningRejection::NotPkcs8)?;
        let curve = info.algorithm.parameters_oid().ok();
        let (key, algorithm) = match (info.algorithm.oid, curve) {
            (RSA, _) => (EncodingKey::from_rsa_der(info.private_key), SigningAlgorithm::Ps256),
            (ELLIPTIC_CURVE, Some(P256)) => (EncodingKey::from_ec_der(document.as_bytes()), SigningAlgorithm::Es256),
            (ELLIPTIC_CURVE, Some(P384)) => (EncodingKey::from_ec_der(document.as_bytes()), SigningAlgorithm::Es384),
            (ED25519, _) => (EncodingKey::from_ed_der(document.as_bytes()), SigningAlgorithm::EdDsa),
            _ => return Err(SigningRejection::UnknownKind),
        };
        check(&key, algorithm)?;
        Ok(Self { key, algorithm })
    }

    /// The same key, used with an algorithm that the other side accepts. Only RSA has a choice.
    ///
    /// # Errors
    /// Where it cannot be used with any of them.
    pub fn accepted_as(self, accepted: &[SigningAlgorithm]) -> Result<Self, SigningRejection> {
        let possible = match self.algorithm {
            SigningAlgorithm::Ps256 | SigningAlgorithm::Rs256 => {
                &[SigningAlgorithm::Ps256, SigningAlgorithm::Rs256][..]
            }
            SigningAlgorithm::Es256 => &[SigningAlgorithm::Es256],
            SigningAlgorithm::Es384 => &[SigningAlgorithm::Es384],
            SigningAlgorithm::EdDsa => &[SigningAlgorithm::EdDsa],
        };
        let algorithm = possible.iter().find(|algorithm| accepted.contains(algorithm));
        Ok(Self { algorithm: *algorithm.ok_or(SigningRejection::NotAccepted)?, ..self })
    }

    /// The algorithm with which it signs.
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// A token with these claims. What RSA signatures need of randomness comes from the host; nothing of the claims does.
    ///
    /// # Errors
    /// Where the claims cannot be written, or the key is damaged.
    pub fn sign(&self, header: &SigningHeader<'_>, claims: &impl Serialize) -> Result<SecretString, SigningRejection> {
        let header = Header { alg: self.algorithm.as_str(), rest: header };
        let header = serde_json::to_vec(&header).map_err(|_| SigningRejection::Claims)?;
        let claims = serde_json::to_vec(claims).map_err(|_| SigningRejection::Claims)?;
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm.implementation())
            .map_err(|_| SigningRejection::Damaged)?;
        Ok(SecretString::new(format!("{message}.{signature}")))
    }
}

/// Makes the public half, which only a whole key has.
fn check(key: &EncodingKey, algorithm: SigningAlgorithm) -> Result<(), SigningRejection> {
    /// 2048 bits in base64url.
    const SHORTEST_MODULUS: usize = 342;
    let public = Jwk::from_encoding_key(key, algorithm.implementation()).map_err(|_| SigningRejection::Damaged)?;
    match public.algorithm {
        AlgorithmParameters::RSA(parameters) if parameters.n.len() < SHORTEST_MODULUS => {
            Err(SigningRejection::TooShort)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
