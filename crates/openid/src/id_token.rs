//! The id_token and its validation (OpenID Connect Core 1.0, sections 2, 3.1.3.7 and 12.2).

use gatehouse_configuration::IdentityProvider;
use gatehouse_jose::{Audience, KeySet, SignedToken, TimeRejection, TimeRules, TokenRejection, VerifiedClaims};
use gatehouse_protocol::{SecretString, Subject, UnixTime};
use serde::Deserialize;
use thiserror::Error;

use crate::identity::{UserClaims, UserRejection};
use crate::issuer::{IssuerRejection, Origin};
use crate::{Identity, LoginSecrets, ProviderMetadata, UnlistedAlgorithm};

/// Items 9 and 10 of section 3.1.3.7, and `nbf` of RFC 7519, section 4.1.5.
///
/// The id_token comes straight from the token endpoint, and the nonce says that it was made for this login, so its age
/// only refuses what a provider should never send. Entra dates tokens back by 5 minutes.
const TIMES: TimeRules = TimeRules { issued_at_required: true, oldest_seconds: Some(60 * 60), longest_seconds: None };

/// An id_token that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum IdTokenRejection {
    /// Not a token that this provider has signed.
    #[error("the id_token {0}")]
    Token(#[from] TokenRejection),
    /// Signed with an algorithm that the provider does not name.
    #[error("the id_token {0}")]
    Unlisted(#[from] UnlistedAlgorithm),
    /// Another issuer's.
    #[error("the id_token {0}")]
    Issuer(#[from] IssuerRejection),
    /// Not valid at this time.
    #[error("the id_token {0}")]
    Time(#[from] TimeRejection),
    /// Of nobody that can be named.
    #[error("the id_token {0}")]
    User(#[from] UserRejection),
    /// A required claim is absent.
    #[error("the id_token lacks {0}")]
    Missing(&'static str),
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
    /// Given for a refresh token, and of another user than the session.
    #[error("the id_token is of another user than the session")]
    SubjectDiffers,
}

impl IdTokenRejection {
    /// Whether the provider may have changed its keys since they were fetched: fetching them again, once, may help.
    pub const fn fresh_keys_may_help(&self) -> bool {
        matches!(self, Self::Token(rejection) if rejection.fresh_keys_may_help())
    }
}

#[derive(Deserialize)]
struct Claims {
    aud: Option<Audience>,
    azp: Option<String>,
    nonce: Option<String>,
    #[serde(flatten)]
    user: UserClaims,
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
        let (origin, VerifiedClaims { custom: claims, times }) = signed(id_token, metadata, keys)?;
        let tenant = origin.check(provider, metadata.issuer())?;
        claims.check_audience(&provider.client_id)?;
        let nonce = claims.nonce.as_deref().ok_or(IdTokenRejection::Missing("nonce"))?;
        if !secrets.nonce_is(nonce) {
            return Err(IdTokenRejection::NonceDiffers);
        }
        times.check(&TIMES, now)?;
        Ok(Self::of(provider, tenant, &claims.user)?)
    }

    /// Verifies an id_token that came with refreshed tokens (section 12.2): it must be of the session's user. There is no
    /// login that its nonce could belong to.
    ///
    /// # Errors
    /// See [`IdTokenRejection`].
    pub fn verify_refreshed(
        id_token: &SecretString,
        provider: &IdentityProvider,
        metadata: &ProviderMetadata,
        keys: &KeySet,
        subject: &Subject,
        now: UnixTime,
    ) -> Result<Self, IdTokenRejection> {
        let (origin, VerifiedClaims { custom: claims, times }) = signed(id_token, metadata, keys)?;
        let tenant = origin.check(provider, metadata.issuer())?;
        claims.check_audience(&provider.client_id)?;
        times.check(&TIMES, now)?;
        let identity = Self::of(provider, tenant, &claims.user)?;
        if identity.subject() == subject { Ok(identity) } else { Err(IdTokenRejection::SubjectDiffers) }
    }
}

fn signed(
    id_token: &SecretString,
    metadata: &ProviderMetadata,
    keys: &KeySet,
) -> Result<(Origin, VerifiedClaims<Claims>), IdTokenRejection> {
    let token = SignedToken::parse(id_token.expose())?;
    // Only what is signed is read in the end: `verify_of_issuer` fails where these claims are somebody else's.
    let origin: Origin = token.unverified()?;
    match token.verify_of_issuer(keys, metadata.id_token_algorithms(), |bound| origin.is(bound)) {
        Ok(claims) => Ok((origin, claims)),
        Err(rejection) => Err(match UnlistedAlgorithm::of(&rejection) {
            Some(unlisted) => unlisted.into(),
            None => rejection.into(),
        }),
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
