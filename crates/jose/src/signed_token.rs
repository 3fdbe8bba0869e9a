//! Tokens in the compact form (RFC 7515, section 3.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{LogText, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::{KeyRejection, KeySet, SigningAlgorithm};

/// A signed token that has been read, and for which nobody has vouched yet.
#[derive(Debug)]
pub struct SignedToken {
    /// Header and claims as they were sent: what the signature is of.
    message: SecretString,
    signature: String,
    claims: SecretString,
    algorithm: SigningAlgorithm,
    kid: Option<String>,
    typ: Option<String>,
}

/// A token that proves nothing. The text is a predicate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenRejection {
    /// Not three base64url parts, not JSON, a claim twice or of another type.
    #[error("is not a signed JWT with the claims of its kind")]
    Malformed,
    /// `none`, HMAC, an algorithm that we do not know, or one that is not accepted from this party.
    #[error("is signed with {0}, which is not accepted")]
    Algorithm(LogText),
    /// `crit` names extensions that must be understood (RFC 7515, section 4.1.11); we understand none.
    #[error("has critical headers")]
    CriticalHeader,
    /// There is no key for it.
    #[error(transparent)]
    Key(#[from] KeyRejection),
    /// Forged, damaged, or signed with another key of the same name.
    #[error("has a signature that is not of the key that it names")]
    BadSignature,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
}

impl SignedToken {
    /// Reads a token. Its header may choose among our keys and algorithms, but bring none (RFC 8725, section 3.1).
    ///
    /// # Errors
    /// Where it has not three parts, the parts are not what they must be, or the algorithm is not one of
    /// [`SigningAlgorithm`].
    pub fn parse(token: &str) -> Result<Self, TokenRejection> {
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenRejection::Malformed);
        };
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenRejection::Malformed);
        let text: Header = serde_json::from_slice(&bytes(header)?).map_err(|_| TokenRejection::Malformed)?;
        let algorithm =
            SigningAlgorithm::parse(&text.alg).ok_or_else(|| TokenRejection::Algorithm(LogText::new(&text.alg)))?;
        if text.crit.is_some() {
            return Err(TokenRejection::CriticalHeader);
        }
        bytes(signature)?;
        let claims_text = String::from_utf8(bytes(claims)?).map_err(|_| TokenRejection::Malformed)?;
        Ok(Self {
            message: SecretString::new(format!("{header}.{claims}")),
            signature: signature.to_owned(),
            claims: SecretString::new(claims_text),
            algorithm,
            kid: text.kid,
            typ: text.typ,
        })
    }

    /// `alg`.
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// `kid`: which key of its issuer has signed.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `typ`, as sent.
    pub fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    /// Whether `typ` is this media type, which is given without `application/` in front (RFC 7515, section 4.1.9). It
    /// keeps tokens of one kind from being taken for those of another (RFC 8725, section 3.11).
    pub fn is_of_type(&self, media_type: &str) -> bool {
        let Some(typ) = self.typ.as_deref() else { return false };
        let (prefix, name) = typ.rsplit_once('/').unwrap_or(("application", typ));
        prefix.eq_ignore_ascii_case("application") && name.eq_ignore_ascii_case(media_type)
    }

    /// The claims, which anyone may have written: only to find out whose keys to verify the token with.
    ///
    /// # Errors
    /// Where they are not those of `T`, or one of `T`'s stands twice.
    pub fn unverified<T: DeserializeOwned>(&self) -> Result<T, TokenRejection> {
        serde_json::from_str(self.claims.expose()).map_err(|_| TokenRejection::Malformed)
    }

    /// The claims, where one of `keys` has signed them with one of the `accepted` algorithms. Nothing else is checked.
    ///
    /// # Errors
    /// See [`TokenRejection`]. The signature is checked before the claims are read.
    pub fn verify<T: DeserializeOwned>(
        &self,
        keys: &KeySet,
        accepted: &[SigningAlgorithm],
    ) -> Result<T, TokenRejection> {
        self.verify_of_issuer(keys, accepted, |_| true)
    }

    /// As [`SignedToken::verify`], with keys that may be bound to an issuer: one whose member `issuer` does not fit is no
    /// key of this token. Entra puts the keys of all tenants into one key set.
    ///
    /// # Errors
    /// See [`TokenRejection`].
    pub fn verify_of_issuer<T: DeserializeOwned>(
        &self,
        keys: &KeySet,
        accepted: &[SigningAlgorithm],
        issuer_fits: impl Fn(&str) -> bool,
    ) -> Result<T, TokenRejection> {
        if !accepted.contains(&self.algorithm) {
            return Err(TokenRejection::Algorithm(LogText::new(self.algorithm.as_str())));
        }
        let key = keys.select(self.algorithm, self.kid(), issuer_fits)?;
        if !key.has_signed(self.message.expose().as_bytes(), &self.signature, self.algorithm) {
            return Err(TokenRejection::BadSignature);
        }
        self.unverified()
    }
}

impl TokenRejection {
    /// Whether the issuer may have changed its keys since they were fetched: fetching them again, once, may help.
    pub const fn fresh_keys_may_help(&self) -> bool {
        matches!(self, Self::Key(KeyRejection::Unknown { .. }))
    }
}

#[cfg(test)]
mod tests;
