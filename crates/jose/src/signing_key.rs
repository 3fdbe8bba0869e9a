//! Our own keys, with which we prove elsewhere who we are.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{Entropy, SecretString};
use jwt_compact::Header;
use serde::Serialize;

use crate::private_key::PrivateKey;
use crate::{PublicJwk, SigningAlgorithm, SigningRejection, TimeClaims};

/// A private key: P-256, P-384, Ed25519, or RSA with 2048 to 4096 bits.
///
/// Prefer P-256. RSA is the most difficult of them to compute without a trace in time: the advisory RUSTSEC-2023-0071
/// ("Marvin") is about versions of the crate `rsa` before 0.10, whose arithmetic did not take constant time. The version that
/// is used here calculates in constant time, and blinds base, exponents and primes anew for each signature, with randomness
/// from [`Entropy`]. RSA keys only sign here, and only when Gatehouse itself talks to a provider; nothing is ever decrypted.
/// Providers that do not take ES256, such as Entra, also take assertions that others sign: no key is then kept here.
#[derive(Clone)]
pub struct SigningKey {
    key: PrivateKey,
    algorithm: SigningAlgorithm,
}

/// What a token says of itself besides its algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SigningHeader<'a> {
    /// `typ`: its kind.
    pub typ: Option<&'a str>,
    /// `kid`: which of our keys.
    pub kid: Option<&'a str>,
    /// `x5t#S256`: which of our certificates, by its SHA-256 thumbprint in base64url.
    pub x5t_s256: Option<&'a str>,
}

impl SigningKey {
    /// Reads a private key: PKCS #8 (RFC 5958) in PEM, as `openssl genpkey` writes it.
    ///
    /// An RSA key signs with PS256; see [`SigningKey::accepted_as`] for RS256.
    ///
    /// # Errors
    /// Where it is none, of another kind, too short or damaged.
    pub fn from_pem(pem: &SecretString) -> Result<Self, SigningRejection> {
        let key = PrivateKey::from_pem(pem)?;
        let algorithm = *key.algorithms().first().ok_or(SigningRejection::UnknownKind)?;
        Ok(Self { key, algorithm })
    }

    /// Reads several private keys that stand one after another, in their order, each when it is asked for. What stands between them
    /// is not read; where a key begins, one must be.
    pub fn several_from_pem(pem: &SecretString) -> impl Iterator<Item = Result<Self, SigningRejection>> {
        const BEGIN: &str = "-----BEGIN ";
        let begins = pem.expose().match_indices(BEGIN).map(|(at, _)| at);
        let texts = begins.filter_map(|at| {
            let text = pem.expose().get(at..)?;
            let next = text.get(BEGIN.len()..)?.find(BEGIN).map(|next| next.saturating_add(BEGIN.len()));
            text.get(..next.unwrap_or(text.len()))
        });
        texts.map(|text| {
            const END: &str = "-----END PRIVATE KEY-----";
            let end = text.find(END).map(|at| at.saturating_add(END.len()));
            let key = end.and_then(|end| text.get(..end)).ok_or(SigningRejection::NotPkcs8)?;
            Self::from_pem(&SecretString::new(key.to_owned()))
        })
    }

    /// Its public half, for those who verify what it signs. Only P-256 and Ed25519 are published.
    ///
    /// # Errors
    /// Where the key is of another kind.
    pub fn public_jwk(&self) -> Result<PublicJwk, SigningRejection> {
        PublicJwk::of(&self.key, self.algorithm)
    }

    /// The same key, used with an algorithm that the other side accepts. Only RSA has a choice.
    ///
    /// # Errors
    /// Where it cannot be used with any of them.
    pub fn accepted_as(self, accepted: &[SigningAlgorithm]) -> Result<Self, SigningRejection> {
        let mut possible = self.key.algorithms().iter();
        let algorithm = possible.find(|algorithm| accepted.contains(algorithm)).ok_or(SigningRejection::NotAccepted)?;
        Ok(Self { algorithm: *algorithm, ..self })
    }

    /// The algorithm with which it signs.
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// A token with these times and claims; `claims` must hold none of the three times again. `entropy` is for RSA: for
    /// the salt of PS256, and for blinding. Nothing of the claims comes from it.
    ///
    /// # Errors
    /// Where the claims cannot be written, or the key cannot sign.
    pub fn sign(
        &self,
        header: &SigningHeader<'_>,
        times: &TimeClaims,
        claims: &impl Serialize,
        entropy: &mut impl Entropy,
    ) -> Result<SecretString, SigningRejection> {
        self.key.token(self.algorithm, &header.to_header()?, &times.with(claims), entropy)
    }
}

impl SigningHeader<'_> {
    fn to_header(self) -> Result<Header, SigningRejection> {
        let mut header = Header::empty();
        header.token_type = self.typ.map(str::to_owned);
        header.key_id = self.kid.map(str::to_owned);
        if let Some(thumbprint) = self.x5t_s256 {
            let bytes = URL_SAFE_NO_PAD.decode(thumbprint).map_err(|_| SigningRejection::Thumbprint)?;
            let bytes: [u8; 32] = bytes.try_into().map_err(|_| SigningRejection::Thumbprint)?;
            header.certificate_thumbprint = Some(bytes.into());
        }
        Ok(header)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, [redacted])", self.algorithm)
    }
}

#[cfg(test)]
mod tests;
