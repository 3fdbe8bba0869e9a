//! Who signed in: the id_token and its validation (OpenID Connect Core 1.0, sections 2 and 3.1.3.7).

use gatehouse_configuration::IdentityProvider;
use gatehouse_jose::{
    Audience, KeySet, NumericDate, SignedToken, TimeClaims, TimeRejection, TimeRules, TokenRejection,
};
use gatehouse_protocol::{InvalidSubject, LogText, SecretString, Subject, UnixTime};
use serde::Deserialize;
use thiserror::Error;

use crate::{LoginSecrets, ProviderMetadata};

/// The id_token comes straight from the token endpoint, and the nonce says that it was made for this login, so its age
/// only refuses what a provider should never send. Entra dates tokens back by 5 minutes.
const TIMES: TimeRules = TimeRules { issued_at_required: true, oldest_seconds: Some(60 * 60), longest_seconds: None };

/// Who signed in. Names and addresses are not kept: nothing here needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    subject: Subject,
}

/// An id_token that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdTokenRejection {
    /// Not a token that this provider has signed.
    #[error("the id_token {0}")]
    Token(#[from] TokenRejection),
    /// Not valid at this time.
    #[error("the id_token {0}")]
    Time(#[from] TimeRejection),
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
    /// `sub` cannot name a user.
    #[error("the id_token's subject is refused: {0}")]
    Subject(#[from] InvalidSubject),
}

impl IdTokenRejection {
    /// Whether the provider may have changed its keys since they were fetched: fetching them again, once, may help.
    pub const fn fresh_keys_may_help(&self) -> bool {
        matches!(self, Self::Token(rejection) if rejection.fresh_keys_may_help())
    }
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
        let claims: Claims = SignedToken::parse(id_token.expose())?.verify(keys, metadata.id_token_algorithms())?;
        let issuer = claims.iss.as_deref().ok_or(IdTokenRejection::Missing("iss"))?;
        if issuer != metadata.issuer() {
            return Err(IdTokenRejection::IssuerDiffers(LogText::new(issuer)));
        }
        claims.check_audience(&provider.client_id)?;
        let nonce = claims.nonce.as_deref().ok_or(IdTokenRejection::Missing("nonce"))?;
        if !secrets.nonce_is(nonce) {
            return Err(IdTokenRejection::NonceDiffers);
        }
        TimeClaims { exp: claims.exp, nbf: claims.nbf, iat: claims.iat }.check(&TIMES, now)?;
        let sub = claims.sub.as_deref().ok_or(IdTokenRejection::Missing("sub"))?;
        Ok(Self { subject: Subject::new(&provider.name, sub)? })
    }

    /// The user.
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }
}

impl Claims {
    /// Items 3 to 5 of section 3.1.3.7. Of other audiences we trust none, so the token must say that it is ours.
    fn check_audience(&self, client_id: &str) -> Result<(), IdTokenRejection> {
        let audience = self.aud.as_ref().ok_or(IdTokenRejection::Missing("aud"))?;
        if !audience.contains(client_id) {
            return Err(IdTokenRejection::AudienceDiffers);
        }
        match self.azp.as_deref() {
            Some(party) if party == client_id => Ok(()),
            Some(_) => Err(IdTokenRejection::AuthorizedPartyDiffers),
            None if audience.len() > 1 => Err(IdTokenRejection::AuthorizedPartyMissing),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
