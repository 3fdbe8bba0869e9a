//! Assertions with which clients prove who they are: `private_key_jwt` (RFC 7523, sections 2.2 and 3).

use gatehouse_configuration::authorization_server::Configuration;
use gatehouse_jose::{
    Audience, KeySet, SignedToken, SigningAlgorithm, TimeRejection, TimeRules, TokenRejection as SignatureRejection,
    VerifiedClaims,
};
use gatehouse_protocol::{ClientId, UnixTime};
use gatehouse_storage::{Kind, Store, StoreUnavailable};
use serde::Deserialize;
use thiserror::Error;

use crate::first_use::is_first_use;

/// A counter for each assertion: it works once.
const ASSERTION_USE: Kind = "client-assertion-use";
/// An assertion is made for one request: ten minutes are for clocks.
const TIMES: TimeRules = TimeRules { issued_at_required: false, oldest_seconds: None, longest_seconds: Some(10 * 60) };

/// Why an assertion proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ClientAssertionRejection {
    /// Not a signed token, or not signed with one of the client's keys.
    #[error("the client_assertion {0}")]
    Token(#[from] SignatureRejection),
    /// `iss` and `sub` must both be the client (RFC 7523, section 3).
    #[error("the client_assertion is of another client: iss and sub must be the client_id")]
    OtherClient,
    /// It was made for somebody else, too, who could pass it on to us (draft-ietf-oauth-rfc7523bis).
    #[error("the client_assertion is not for this server alone: aud must be our issuer")]
    Audience,
    /// It is over, not yet valid, or valid for too long.
    #[error("the client_assertion {0}")]
    Time(#[from] TimeRejection),
    /// Without a `jti` it could not be told whether it was used before.
    #[error("the client_assertion lacks jti")]
    Unnamed,
    /// Somebody presents it again.
    #[error("the client_assertion was used before")]
    Replayed,
    /// It cannot be known now whether it was.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    jti: Option<String>,
}

#[derive(Deserialize)]
struct Subject {
    sub: String,
}

/// Of whom an assertion claims to be. Nothing is verified yet.
pub(crate) fn claimed_client(assertion: &SignedToken) -> Result<String, SignatureRejection> {
    assertion.unverified::<Subject>().map(|claims| claims.sub)
}

/// Verifies that one of `keys`, those of the client `client_id`, has made `assertion` for us, now, and uses it up.
pub(crate) fn verify(
    assertion: &SignedToken,
    client_id: &ClientId,
    keys: &KeySet,
    configuration: &Configuration,
    store: &impl Store,
    now: UnixTime,
) -> Result<(), ClientAssertionRejection> {
    let VerifiedClaims { custom: claims, times } = assertion.verify::<Claims>(keys, &SigningAlgorithm::ALL)?;
    if claims.iss != client_id.as_str() || claims.sub != client_id.as_str() {
        return Err(ClientAssertionRejection::OtherClient);
    }
    if !claims.aud.is_only(configuration.public_url.as_str()) {
        return Err(ClientAssertionRejection::Audience);
    }
    let refused_from = times.check(&TIMES, now)?;
    let jti = claims.jti.filter(|jti| !jti.is_empty()).ok_or(ClientAssertionRejection::Unnamed)?;
    if is_first_use(ASSERTION_USE, client_id.as_str(), &jti, refused_from, store)? {
        Ok(())
    } else {
        Err(ClientAssertionRejection::Replayed)
    }
}
