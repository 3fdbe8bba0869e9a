//! Authorization codes: at most 60 seconds old, good once, for the client, the redirect URI and the verifier they
//! were asked for with.

use gatehouse_configuration::GrantType;
use gatehouse_protocol::{
    Actors, Claims, ClientId, CodeChallenge, CodeVerifier, Entropy, ResourceUri, Scopes, SecretString, Subject,
    UnixTime,
};
use gatehouse_sealed_storage::sealing::{HandleSecret, KeyRing, Purpose};
use gatehouse_sessions::{Principal, ProviderTokens, SessionBrowser, SessionBrowserText, SessionRoot};
use gatehouse_storage::{Claim, Kind, Store, StoreUnavailable, claim, issue};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::authorization::AuthorizationRequest;
use crate::record::Unreadable;
use crate::sealed_handle::SealedHandle;
use crate::signed_out::has_signed_out_since;

const CODE: Purpose = "authorization-code";
/// One record for each code, kept until the code expires: a replay must still find what it would end.
const RECORD: Kind = "code";
/// A counter for each: who increments it to 2 gets the tokens.
const USE: Kind = "code-use";
/// Seconds. Clients redeem at once; ten minutes would be allowed (OAuth 2.1, section 4.1.2).
const CODE_SECONDS: u64 = 60;

/// What a user has granted, and the session that the code will open.
#[derive(Debug)]
pub struct Grant {
    /// Who, to whom, for what.
    pub principal: Principal,
    /// Where the user allowed it; `None` where their organisation did, without a browser.
    pub browser: Option<SessionBrowser>,
    /// The identity provider's tokens.
    pub provider_tokens: ProviderTokens,
    /// Names the session; kept with the code, so that a replayed code can end it.
    pub root: SessionRoot,
    /// Whether the client gets refresh tokens.
    pub refreshable: bool,
}

/// A code as presented at the token endpoint.
#[derive(Debug)]
pub struct Redemption<'a> {
    /// The code.
    pub code: &'a SecretString,
    /// The client that presents it.
    pub client_id: &'a ClientId,
    /// The redirect URI, where the client repeats it (RFC 6749 asks for it, OAuth 2.1 no longer does).
    pub redirect_uri: Option<&'a str>,
    /// The PKCE verifier.
    pub code_verifier: &'a CodeVerifier,
    /// The resource, where the client repeats it.
    pub resource: Option<&'a ResourceUri>,
}

/// Why a code is not redeemed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CodeRejection {
    /// Forged, altered, or no longer known.
    #[error("the code is not one of ours")]
    Unrecognised,
    /// Older than a minute.
    #[error("the code has expired")]
    Expired,
    /// Issued to another client.
    #[error("the code was issued to another client")]
    ClientMismatch,
    /// Requested with another redirect URI.
    #[error("the redirect_uri differs from that of the authorization request")]
    RedirectUriMismatch,
    /// The verifier does not match; nobody's code is used up by that (OAuth 2.1, section 4.1.3).
    #[error("the code_verifier does not match the code_challenge")]
    VerifierMismatch,
    /// The resource is not the one that was granted.
    #[error("the resource differs from that of the authorization request")]
    ResourceMismatch,
    /// The user took back all that they had allowed.
    #[error("the user has signed out everywhere since the code was issued")]
    SignedOut,
    /// Redeemed before, by somebody with the right verifier: what it opened must end.
    #[error("the code was redeemed before; the session that it opened is ended")]
    Replayed(SessionRoot),
    /// It cannot be known now.
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

#[derive(Serialize, Deserialize)]
struct CodeText {
    subject: String,
    claims: Claims,
    /// Absent in what was written before it was noted.
    #[serde(default)]
    browser: Option<SessionBrowserText>,
    client_id: String,
    redirect_uri: String,
    code_challenge: String,
    scopes: String,
    resource: String,
    refreshable: bool,
    root_secret: Vec<u8>,
    root_expires_at: u64,
    provider_access_token: Option<String>,
    provider_refresh_token: Option<String>,
    provider_expires_at: Option<u64>,
}

/// Issues the code for what `subject`, of whom the provider says `claims`, has granted in `browser`; the session that it opens
/// ends `session_lifetime` seconds from now at the latest.
///
/// # Errors
/// Where the store does not answer; then there is no code.
#[expect(clippy::too_many_arguments, reason = "the grant, and the surroundings that every flow gets")]
pub fn issue_code(
    request: &AuthorizationRequest,
    subject: &Subject,
    claims: Claims,
    browser: &SessionBrowser,
    provider_tokens: &ProviderTokens,
    session_lifetime: u64,
    keys: &KeyRing,
    store: &impl Store,
    now: UnixTime,
    entropy: &mut impl Entropy,
) -> Result<SecretString, StoreUnavailable> {
    let expose = |token: &Option<SecretString>| token.as_ref().map(|token| token.expose().to_owned());
    let text = CodeText {
        subject: subject.to_string(),
        claims,
        browser: Some(browser.into()),
        client_id: request.client.client_id.to_string(),
        redirect_uri: request.redirect_uri.to_string(),
        code_challenge: request.code_challenge.to_wire(),
        scopes: request.scopes.to_string(),
        resource: request.resource.to_string(),
        refreshable: request.client.may(GrantType::RefreshToken),
        root_secret: HandleSecret::generate(entropy).expose().to_vec(),
        root_expires_at: now.plus(session_lifetime).seconds(),
        provider_access_token: expose(&provider_tokens.access_token),
        provider_refresh_token: expose(&provider_tokens.refresh_token),
        provider_expires_at: provider_tokens.expires_at.map(UnixTime::seconds),
    };
    let handle = SealedHandle::generate(now.plus(CODE_SECONDS), entropy);
    handle.record(RECORD).put(&text, store, entropy)?;
    issue(store, &handle.key(USE)?)?;
    request.client.note_use(keys, store, now, entropy)?;
    handle.seal(CODE, keys, entropy).map_err(|error| StoreUnavailable(error.to_string()))
}

/// Redeems a code. Whatever does not fit is found before the code is used up, so that only its owner can use it up.
///
/// # Errors
/// See [`CodeRejection`].
pub fn redeem_code(
    redemption: &Redemption<'_>,
    keys: &KeyRing,
    store: &impl Store,
    now: UnixTime,
) -> Result<Grant, CodeRejection> {
    let handle = SealedHandle::open(CODE, keys, redemption.code.expose()).map_err(|_| CodeRejection::Unrecognised)?;
    if now >= handle.expires_at {
        return Err(CodeRejection::Expired);
    }
    let broken = || StoreUnavailable("a code record cannot be read".to_owned());
    let text: Option<CodeText> = handle.record(RECORD).get(store).map_err(|error| match error {
        Unreadable::Foreign => broken(),
        Unreadable::Unavailable(error) => error,
    })?;
    let text = text.ok_or(CodeRejection::Unrecognised)?;
    check(&text, redemption)?;
    let grant = grant(text).ok_or_else(broken)?;
    let issued_at = UnixTime::from_seconds(handle.expires_at.seconds().saturating_sub(CODE_SECONDS));
    if has_signed_out_since(issued_at, &grant.principal.subject, keys, store)? {
        return Err(CodeRejection::SignedOut);
    }
    match claim(store, &handle.key(USE).map_err(StoreUnavailable::from)?)? {
        Claim::Won => Ok(grant),
        Claim::AlreadyClaimed => Err(CodeRejection::Replayed(grant.root)),
        Claim::NeverIssued => Err(CodeRejection::Unrecognised),
    }
}

fn check(text: &CodeText, redemption: &Redemption<'_>) -> Result<(), CodeRejection> {
    if text.client_id != redemption.client_id.as_str() {
        return Err(CodeRejection::ClientMismatch);
    }
    if redemption.redirect_uri.is_some_and(|uri| uri != text.redirect_uri) {
        return Err(CodeRejection::RedirectUriMismatch);
    }
    let challenge = CodeChallenge::parse(&text.code_challenge).map_err(|_| CodeRejection::VerifierMismatch)?;
    if !challenge.is_met_by(redemption.code_verifier) {
        return Err(CodeRejection::VerifierMismatch);
    }
    if redemption.resource.is_some_and(|resource| resource.as_str() != text.resource) {
        return Err(CodeRejection::ResourceMismatch);
    }
    Ok(())
}

fn grant(text: CodeText) -> Option<Grant> {
    Some(Grant {
        principal: Principal {
            subject: Subject::parse(&text.subject).ok()?,
            client_id: ClientId::parse(&text.client_id).ok()?,
            resource: ResourceUri::parse(&text.resource).ok()?,
            scopes: Scopes::parse(&text.scopes).ok()?,
            claims: text.claims,
            actors: Actors::default(),
        },
        browser: text.browser.map(SessionBrowser::from),
        provider_tokens: ProviderTokens {
            access_token: text.provider_access_token.map(SecretString::new),
            refresh_token: text.provider_refresh_token.map(SecretString::new),
            expires_at: text.provider_expires_at.map(UnixTime::from_seconds),
        },
        root: SessionRoot {
            secret: HandleSecret::from_slice(&text.root_secret)?,
            expires_at: UnixTime::from_seconds(text.root_expires_at),
        },
        refreshable: text.refreshable,
    })
}

#[cfg(test)]
mod tests;
