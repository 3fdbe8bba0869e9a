//! Assertions that tell an MCP server who calls: short-lived JWTs, signed with keys of their own.
//!
//! Whoever gets one knows that the gateway has let the caller in a moment ago, for this server. It is no access token: it has another
//! `typ` (RFC 8725, section 3.11), and its keys sign nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_jose::{PublicJwk, SigningAlgorithm, SigningHeader, SigningKey, SigningRejection, TimeClaims};
use gatehouse_protocol::{Actor, Actors, Claims, ClientId, Entropy, Names, Scopes, SecretString, Subject, UnixTime};
use serde::Serialize;
use thiserror::Error;

/// `typ` of an assertion.
pub const TYP: &str = "gatehouse-caller+jwt";
/// Seconds for which an assertion is good: for one request to a server that is near, and for its clock.
const LIFETIME: u64 = 60;
/// Those that are published. All of them are read for each answer.
const MOST_KEYS: usize = 8;

/// Keys that cannot be used. The text is for the log, and holds nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CallerKeysRejection {
    /// The setting holds no key.
    #[error("the setting of caller_assertion_keys holds no private key (-----BEGIN PRIVATE KEY-----)")]
    None,
    /// More than are published.
    #[error("the setting of caller_assertion_keys holds more than 8 keys")]
    TooMany,
    /// One of them.
    #[error("key {number} of caller_assertion_keys cannot be used (EC P-256 or Ed25519): {reason}")]
    Key {
        /// Which one, from 1.
        number: usize,
        /// Why.
        reason: SigningRejection,
    },
}

/// What an assertion says.
#[derive(Clone, Copy, Debug)]
pub struct CallerFacts<'a> {
    /// Who says it: our issuer.
    pub issuer: &'a str,
    /// To whom.
    pub audience: &'a str,
    /// The user or machine.
    pub subject: &'a Subject,
    /// The client that acts for the user, or is the machine.
    pub client_id: &'a ClientId,
    /// What the token allows.
    pub scopes: &'a Scopes,
    /// What is known of the user.
    pub claims: &'a Claims,
    /// Who acts for the user; the client where nobody is named.
    pub actors: &'a Actors,
}

/// The keys that are published (RFC 7517, section 5).
#[derive(Debug, Serialize)]
pub struct CallerKeySet {
    keys: Vec<PublicJwk>,
}

#[derive(Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    jti: String,
    /// RFC 8693, section 4.3.
    client_id: &'a str,
    /// RFC 8693, section 4.1: the client acts for the user, or whoever an exchanged token names. A machine acts for itself.
    #[serde(skip_serializing_if = "Actors::is_empty", serialize_with = "Actors::as_claim")]
    act: Actors,
    /// RFC 8693, section 4.2.
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tid: Option<&'a str>,
    /// RFC 9068, section 2.2.3.1.
    groups: &'a [String],
    roles: &'a [String],
    #[serde(flatten)]
    names: Option<&'a Names>,
}

/// Signs an assertion with the first of the keys.
///
/// # Errors
/// See [`CallerKeysRejection`].
pub fn sign(
    facts: &CallerFacts<'_>,
    keys: &SecretString,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<SecretString, CallerKeysRejection> {
    let (key, jwk) = every(keys).next().ok_or(CallerKeysRejection::None)??;
    let act = match facts.subject.is_machine() {
        true => Actors::default(),
        false if facts.actors.is_empty() => Actors::of(Actor::client(facts.client_id)),
        false => facts.actors.clone(),
    };
    let assertion = Assertion {
        iss: facts.issuer,
        aud: facts.audience,
        sub: facts.subject.as_str(),
        jti: URL_SAFE_NO_PAD.encode(entropy.bytes::<16>()),
        client_id: facts.client_id.as_str(),
        act,
        scope: facts.scopes.to_string(),
        tid: facts.claims.tenant.as_deref(),
        groups: &facts.claims.groups,
        roles: &facts.claims.roles,
        names: facts.claims.names.as_deref(),
    };
    let header = SigningHeader { typ: Some(TYP), kid: Some(jwk.kid()), x5t_s256: None };
    let times = TimeClaims { exp: Some(now.plus(LIFETIME)), nbf: None, iat: Some(now) };
    key.sign(&header, &times, &assertion, entropy).map_err(|reason| CallerKeysRejection::Key { number: 1, reason })
}

/// What is published of the keys.
///
/// # Errors
/// See [`CallerKeysRejection`]: where one cannot be used, none is published, so that the mistake is seen before that one signs.
pub fn key_set(keys: &SecretString) -> Result<CallerKeySet, CallerKeysRejection> {
    let keys = every(keys).take(MOST_KEYS.saturating_add(1)).map(|key| key.map(|(_, jwk)| jwk));
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    match keys.len() {
        0 => Err(CallerKeysRejection::None),
        1..=MOST_KEYS => Ok(CallerKeySet { keys }),
        _ => Err(CallerKeysRejection::TooMany),
    }
}

fn every(keys: &SecretString) -> impl Iterator<Item = Result<(SigningKey, PublicJwk), CallerKeysRejection>> {
    SigningKey::several_from_pem(keys).enumerate().map(|(index, key)| {
        let usable = |key: SigningKey| {
            let key = key.accepted_as(&[SigningAlgorithm::Es256, SigningAlgorithm::EdDsa])?;
            let jwk = key.public_jwk()?;
            Ok((key, jwk))
        };
        key.and_then(usable).map_err(|reason| CallerKeysRejection::Key { number: index.saturating_add(1), reason })
    })
}

#[cfg(test)]
mod tests;
