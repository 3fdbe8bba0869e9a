//! Tokens in the compact form (RFC 7515, section 3.1).

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_protocol::{LogText, SecretString};
use jwt_compact::UntrustedToken;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use crate::members::Members;
use crate::{KeyRejection, KeySet, SigningAlgorithm, TimeClaims};

/// A signed token that has been read, and for which nobody has vouched yet.
pub struct SignedToken {
    /// Header and claims as they were sent: what the signature is of. The token below has them too, and shows them to its own
    /// validator only.
    message: SecretString,
    token: Box<UntrustedToken<'static, HeaderExtensions>>,
    algorithm: SigningAlgorithm,
}

/// Claims that a key has signed. They are never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedClaims<T> {
    /// `exp`, `nbf` and `iat`.
    pub times: TimeClaims,
    /// The other claims of this kind of token.
    pub custom: T,
}

/// A token that proves nothing. The text is a predicate.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TokenRejection {
    /// Not three base64url parts, not JSON, a claim twice or of another type.
    #[error("is not a signed JWT with the claims of its kind")]
    Malformed,
    /// `none`, HMAC, an algorithm that we do not know, or one that is not accepted from this party.
    #[error("is signed with {used}; what is accepted is {}", SigningAlgorithm::names(accepted))]
    Algorithm {
        /// What the token names.
        used: LogText,
        /// What is accepted from whoever has made it.
        accepted: Vec<SigningAlgorithm>,
    },
    /// `crit` names extensions that must be understood (RFC 7515, section 4.1.11); we understand none. Or `b64` says that the claims are
    /// written in another way (RFC 7797), which no JWT may.
    #[error("has critical headers")]
    CriticalHeader,
    /// There is no key for it.
    #[error(transparent)]
    Key(#[from] KeyRejection),
    /// Forged, damaged, or signed with another key of the same name.
    #[error("has a signature that is not of the key that it names")]
    BadSignature,
}

/// What we look at in a header besides what `jwt-compact` reads.
#[derive(Clone, Deserialize)]
struct HeaderExtensions {
    #[serde(default)]
    crit: Presence,
    #[serde(default)]
    b64: Presence,
}

/// Whether a member is there, whatever it holds.
#[derive(Clone, Copy, Default)]
struct Presence(bool);

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

impl SignedToken {
    /// Reads a token. Its header may choose among our keys and algorithms, but bring none (RFC 8725, section 3.1).
    ///
    /// # Errors
    /// Where it has not three parts, the parts are not what they must be, or the algorithm is not one of
    /// [`SigningAlgorithm`].
    pub fn parse(token: &str) -> Result<Self, TokenRejection> {
        let (message, _) = token.rsplit_once('.').ok_or(TokenRejection::Malformed)?;
        let read = UntrustedToken::<HeaderExtensions>::try_from(token).map_err(|_| TokenRejection::Malformed)?;
        let algorithm = SigningAlgorithm::parse(read.algorithm())
            .ok_or_else(|| not_accepted(read.algorithm(), &SigningAlgorithm::ALL))?;
        let HeaderExtensions { crit, b64 } = &read.header().other_fields;
        if crit.0 || b64.0 {
            return Err(TokenRejection::CriticalHeader);
        }
        Ok(Self { message: SecretString::new(message.to_owned()), token: Box::new(read.into_owned()), algorithm })
    }

    /// `alg`.
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// `kid`: which key of its issuer has signed.
    pub fn kid(&self) -> Option<&str> {
        self.token.header().key_id.as_deref()
    }

    /// `typ`, as sent.
    pub fn typ(&self) -> Option<&str> {
        self.token.header().token_type.as_deref()
    }

    /// Whether `typ` is this media type, which is given without `application/` in front (RFC 7515, section 4.1.9). It
    /// keeps tokens of one kind from being taken for those of another (RFC 8725, section 3.11).
    pub fn is_of_type(&self, media_type: &str) -> bool {
        let Some(typ) = self.typ() else { return false };
        let (prefix, name) = typ.rsplit_once('/').unwrap_or(("application", typ));
        prefix.eq_ignore_ascii_case("application") && name.eq_ignore_ascii_case(media_type)
    }

    /// The claims, which anyone may have written: only to find out whose keys to verify the token with.
    ///
    /// # Errors
    /// Where they are not those of `T`, or one of `T`'s stands twice.
    pub fn unverified<T: DeserializeOwned>(&self) -> Result<T, TokenRejection> {
        self.claims().map(|claims| claims.custom)
    }

    /// The claims, where one of `keys` has signed them with one of the `accepted` algorithms. Nothing else is checked.
    ///
    /// # Errors
    /// See [`TokenRejection`]. The signature is checked before the claims are read.
    pub fn verify<T: DeserializeOwned>(
        &self,
        keys: &KeySet,
        accepted: &[SigningAlgorithm],
    ) -> Result<VerifiedClaims<T>, TokenRejection> {
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
    ) -> Result<VerifiedClaims<T>, TokenRejection> {
        if !accepted.iter().any(|accepted| accepted.is_same_as(self.algorithm)) {
            return Err(not_accepted(self.algorithm.as_str(), accepted));
        }
        let key = keys.select(self.algorithm, self.kid(), issuer_fits)?;
        if !key.has_signed(self.message.expose().as_bytes(), self.token.signature_bytes(), self.algorithm) {
            return Err(TokenRejection::BadSignature);
        }
        self.claims()
    }

    fn claims<T: DeserializeOwned>(&self) -> Result<VerifiedClaims<T>, TokenRejection> {
        let (_, claims) = self.message.expose().split_once('.').ok_or(TokenRejection::Malformed)?;
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| TokenRejection::Malformed)?;
        let members: Members = serde_json::from_slice(&claims).map_err(|_| TokenRejection::Malformed)?;
        let claims = members.into_claims::<T>().map_err(|_| TokenRejection::Malformed)?;
        let times = TimeClaims::of(&claims).ok_or(TokenRejection::Malformed)?;
        Ok(VerifiedClaims { times, custom: claims.custom })
    }
}

fn not_accepted(used: &str, accepted: &[SigningAlgorithm]) -> TokenRejection {
    TokenRejection::Algorithm { used: LogText::new(used), accepted: accepted.to_vec() }
}

impl fmt::Debug for SignedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printed = f.debug_struct("SignedToken");
        printed.field("algorithm", &self.algorithm).field("kid", &self.kid()).field("typ", &self.typ());
        printed.finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for VerifiedClaims<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedClaims([redacted])")
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
