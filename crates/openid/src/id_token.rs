//! Who signed in: the id_token and its validation (OpenID Connect Core 1.0, sections 2 and 3.1.3.7).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_configuration::IdentityProvider;
use gatehouse_protocol::{InvalidSubject, SecretString, Subject, UnixTime};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::keys::SignatureRejection;
use crate::{KeyRejection, KeySet, LogText, LoginSecrets, ProviderMetadata, SigningAlgorithm};

/// By how much the provider's clock and ours may differ, in seconds, for `exp`, `nbf` and `iat` alike. OpenID Connect
/// Core allows "some small leeway, usually no more than a few minutes"; machines with NTP differ by less than a second.
const LEEWAY_SECONDS: u64 = 60;

/// How old an id_token may be, in seconds. It comes straight from the token endpoint, and the nonce says that it was
/// made for this login, so this only refuses what a provider should never send. Entra dates tokens back by 5 minutes.
const OLDEST_SECONDS: u64 = 60 * 60;

/// Who signed in. Names and addresses are not kept: nothing here needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    subject: Subject,
}

/// An id_token that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdTokenRejection {
    /// Not three base64url parts, not JSON, a claim twice or of another type.
    #[error("the id_token is not a signed JWT with the claims of OpenID Connect")]
    Malformed,
    /// `none`, HMAC, an algorithm that we do not know, or one that the provider's metadata does not list.
    #[error("the id_token is signed with {0}, which is not accepted from this provider")]
    Algorithm(LogText),
    /// `crit` names extensions that must be understood (RFC 7515, section 4.1.11); we understand none.
    #[error("the id_token has critical headers")]
    CriticalHeader,
    /// There is no key for it.
    #[error(transparent)]
    Key(#[from] KeyRejection),
    /// Forged, damaged, or signed with another key of the same name.
    #[error("the id_token's signature is not the provider's")]
    BadSignature,
    /// A required claim is absent.
    #[error("the id_token lacks {0}")]
    Missing(&'static str),
    /// Another issuer's.
    #[error("the id_token is of the issuer {0}")]
    IssuerDiffers(LogText),
    /// `aud` does not hold our client id: issued to another client, and replayed here.
    #[error("the id_token is for another client (aud)")]
    AudienceDiffers,
    /// Several audiences, and `azp` does not say that it was issued to us.
    #[error("the id_token is also for other clients and does not say for whom it was issued (azp)")]
    AuthorizedPartyMissing,
    /// Issued to another client.
    #[error("the id_token was issued to another client (azp)")]
    AuthorizedPartyDiffers,
    /// Of another login: replayed or injected.
    #[error("the id_token belongs to another login (nonce)")]
    NonceDiffers,
    /// Over, by the provider's clock and the leeway.
    #[error("the id_token expired at {at}; it is {now} (is a clock wrong?)")]
    Expired {
        /// `exp`.
        at: UnixTime,
        /// Our time.
        now: UnixTime,
    },
    /// `nbf` is to come.
    #[error("the id_token is not valid before {from}; it is {now} (is a clock wrong?)")]
    NotYetValid {
        /// `nbf`.
        from: UnixTime,
        /// Our time.
        now: UnixTime,
    },
    /// `iat` is to come.
    #[error("the id_token was issued at {at}; it is {now} (is a clock wrong?)")]
    IssuedInTheFuture {
        /// `iat`.
        at: UnixTime,
        /// Our time.
        now: UnixTime,
    },
    /// `iat` is long ago.
    #[error("the id_token was issued at {at}, long before this login; it is {now} (is a clock wrong?)")]
    IssuedLongAgo {
        /// `iat`.
        at: UnixTime,
        /// Our time.
        now: UnixTime,
    },
    /// `sub` cannot name a user.
    #[error("the id_token's subject is refused: {0}")]
    Subject(#[from] InvalidSubject),
}

impl IdTokenRejection {
    /// Whether the provider may have changed its keys since they were fetched: fetching them again, once, may help.
    pub const fn fresh_keys_may_help(&self) -> bool {
        matches!(self, Self::Key(KeyRejection::Unknown { .. }))
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    azp: Option<String>,
    nonce: Option<String>,
    exp: Option<NumericDate>,
    nbf: Option<NumericDate>,
    iat: Option<NumericDate>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Seconds since the epoch; a fraction is allowed (RFC 7519, section 2) and cut.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "f64")]
struct NumericDate(UnixTime);

impl TryFrom<f64> for NumericDate {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, Self::Error> {
        /// 2^53: beyond it, a float is no longer exact.
        const LATEST: f64 = 9_007_199_254_740_992.0;
        if !(0.0..=LATEST).contains(&seconds) {
            return Err("not a time");
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was checked")]
        Ok(Self(UnixTime::from_seconds(seconds as u64)))
    }
}

impl Identity {
    /// Verifies an id_token from the token endpoint of the provider with this `metadata`, for the login with these
    /// `secrets`.
    ///
    /// # Errors
    /// See [`IdTokenRejection`]. The signature is checked first: no claim counts before it is known whose it is.
    pub fn verify(
        id_token: &SecretString,
        provider: &IdentityProvider,
        metadata: &ProviderMetadata,
        keys: &KeySet,
        secrets: &LoginSecrets,
        now: UnixTime,
    ) -> Result<Self, IdTokenRejection> {
        let claims = signed_claims(id_token.expose(), metadata, keys)?;
        let issuer = claims.iss.as_deref().ok_or(IdTokenRejection::Missing("iss"))?;
        if issuer != metadata.issuer() {
            return Err(IdTokenRejection::IssuerDiffers(LogText::new(issuer)));
        }
        claims.check_audience(&provider.client_id)?;
        let nonce = claims.nonce.as_deref().ok_or(IdTokenRejection::Missing("nonce"))?;
        if !secrets.nonce_is(nonce) {
            return Err(IdTokenRejection::NonceDiffers);
        }
        claims.check_times(now)?;
        let sub = claims.sub.as_deref().ok_or(IdTokenRejection::Missing("sub"))?;
        Ok(Self { subject: Subject::new(&provider.name, sub)? })
    }

    /// The user.
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }
}

fn signed_claims(token: &str, metadata: &ProviderMetadata, keys: &KeySet) -> Result<Claims, IdTokenRejection> {
    let header = header(token).ok_or(IdTokenRejection::Malformed)?;
    let algorithm = SigningAlgorithm::parse(&header.alg)
        .filter(|algorithm| metadata.id_token_algorithms().contains(algorithm))
        .ok_or_else(|| IdTokenRejection::Algorithm(LogText::new(&header.alg)))?;
    if header.crit.is_some() {
        return Err(IdTokenRejection::CriticalHeader);
    }
    let key = keys.select(algorithm, header.kid.as_deref())?;
    key.verified(token, algorithm).map_err(|rejection| match rejection {
        SignatureRejection::Malformed => IdTokenRejection::Malformed,
        SignatureRejection::BadSignature => IdTokenRejection::BadSignature,
    })
}

/// The header of a token, which nobody has vouched for yet: it may choose among our keys and algorithms, not bring any.
fn header(token: &str) -> Option<Header> {
    let (header, _) = token.split_once('.')?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()
}

impl Claims {
    /// Items 3 to 5 of section 3.1.3.7. Of other audiences we trust none, so the token must say that it is ours.
    fn check_audience(&self, client_id: &str) -> Result<(), IdTokenRejection> {
        let audiences = match self.aud.as_ref().ok_or(IdTokenRejection::Missing("aud"))? {
            Audience::One(audience) => core::slice::from_ref(audience),
            Audience::Several(audiences) => audiences.as_slice(),
        };
        if !audiences.iter().any(|audience| audience == client_id) {
            return Err(IdTokenRejection::AudienceDiffers);
        }
        match self.azp.as_deref() {
            Some(party) if party == client_id => Ok(()),
            Some(_) => Err(IdTokenRejection::AuthorizedPartyDiffers),
            None if audiences.len() > 1 => Err(IdTokenRejection::AuthorizedPartyMissing),
            None => Ok(()),
        }
    }

    /// Items 9 and 10 of section 3.1.3.7, and `nbf` of RFC 7519, section 4.1.5.
    fn check_times(&self, now: UnixTime) -> Result<(), IdTokenRejection> {
        let at = self.exp.ok_or(IdTokenRejection::Missing("exp"))?.0;
        if now >= at.plus(LEEWAY_SECONDS) {
            return Err(IdTokenRejection::Expired { at, now });
        }
        if let Some(NumericDate(from)) = self.nbf
            && from > now.plus(LEEWAY_SECONDS)
        {
            return Err(IdTokenRejection::NotYetValid { from, now });
        }
        let at = self.iat.ok_or(IdTokenRejection::Missing("iat"))?.0;
        if at > now.plus(LEEWAY_SECONDS) {
            return Err(IdTokenRejection::IssuedInTheFuture { at, now });
        }
        if now > at.plus(OLDEST_SECONDS + LEEWAY_SECONDS) {
            return Err(IdTokenRejection::IssuedLongAgo { at, now });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
